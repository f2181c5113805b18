"""Handing results in that wait in the technician's folder."""

from pathlib import Path
from typing import Any

from simbond_tools.i18n import _
from simbond_tools.onsite.upload import Handed, upload

from .common import NEGATIVE, USAGE, Failure, print_json
from .onsite_options import CONNECT_S
from .onsite_screen import print_handed, print_sentence
from .remote import Server


def try_upload(folder: Path, server: Server) -> tuple[Handed, str | None]:
    """Hands in whatever waits, where that is possible now. What became of it, and why the rest waits on."""
    if not server.token:
        return Handed([], []), _("no --token was given; 'simbond check --upload' does it later.")
    try:
        with server.connect(CONNECT_S) as api:
            return upload(folder, api), None
    except Failure as e:
        return Handed([], []), e.detail


def upload_only(folder: Path, server: Server, as_json: bool) -> int:
    """`simbond check --upload`. The exit code."""
    if not server.token:
        detail = _("Give --token or SIMBOND_TOKEN: the results are uploaded as yours.")
        raise Failure("token-missing", detail, exit_code=USAGE)
    with server.connect() as api:
        handed = upload(folder, api)
    if as_json:
        print_json(handed_document(handed))
    elif handed.uploaded or handed.refused:
        print_handed(handed)
    else:
        print_sentence(_("No result waits."))
    return NEGATIVE if handed.refused else 0


def handed_document(handed: Handed) -> dict[str, Any]:
    """What became of results that waited, for --json."""
    uploaded = [done._asdict() for done in handed.uploaded]
    refused = [{"file": str(each.path), "code": each.code, "detail": each.detail} for each in handed.refused]
    return {"uploaded": uploaded, "refused": refused}
