"""`simbond swap --enrol`: the enrolment request of a device that the verifier does not know."""

from pathlib import Path

from simbond_tools.i18n import _
from simbond_tools.onsite import enrolments

from .common import NEGATIVE, Failure, print_json
from .onsite_options import CONNECT_S
from .onsite_screen import print_sentence
from .remote import Server


def hand_in(folder: Path, request: bytes, server: Server, as_json: bool) -> int:
    """Keeps a device's request, sends what waits where that is possible, and says so. The exit code. Raises
    OnSiteError."""
    kid = enrolments.keep(folder, request)
    enrolled, refused, problem = _try_send(folder, server)
    if as_json:
        documents = [{"device": other, "detail": why} for other, why in refused]
        print_json({"device": kid, "enrolled": enrolled, "refused": documents, "problem": problem})
    else:
        print_sentence(
            _("The device's key is {kid}; give that to the office, which asks for the swap anew.").format(kid=kid)
        )
        for other in enrolled:
            print_sentence(_("Enrolled: device {kid}.").format(kid=other))
        for other, why in refused:
            print_sentence(_("The verifier refuses device {kid}: {why}").format(kid=other, why=why))
        if problem:
            print_sentence(_("The request is kept. Not sent yet: {why}").format(why=problem))
    return NEGATIVE if refused else 0


def _try_send(folder: Path, server: Server) -> tuple[list[str], list[tuple[str, str]], str | None]:
    """As enrolments.send(), and why the requests wait on, None where they were sent."""
    if not server.token:
        told = _("without a token (--token) nobody is asked; the next 'simbond swap --enrol' sends it.")
        return [], [], told
    try:
        with server.connect(CONNECT_S) as api:
            return *enrolments.send(folder, api), None
    except Failure as e:
        return [], [], e.detail
