"""`simbond doctor`: what is wrong with the device on the cable, and what to do next."""

import sys
import time
from pathlib import Path
from typing import Any

import click

from simbond_tools.doctor import Findings, Judged, judge
from simbond_tools.doctor.gather import enrolment, gather
from simbond_tools.doctor.orders import expected
from simbond_tools.doctor.register import look_up
from simbond_tools.field.line import Recorder
from simbond_tools.i18n import N_, _
from simbond_tools.onsite.bundle import open_bundle
from simbond_tools.onsite.errors import OnSiteError

from .common import LOCAL, Failure, json_option, print_json, say
from .diagnosis import print_diagnosis
from .onsite_options import CONNECT_S, folder_option
from .progress import doing
from .remote import Server, server_options
from .serial_options import on_a_cable, port_options, recorded
from .translated import TranslatedCommand

_DOING = {
    "ports": N_("Looking for the device ..."),
    "agent": N_("Asking the agent ..."),
    "attest": N_("Having it report to the verifier ..."),
    "modem": N_("Asking the modem ..."),
    "restart": N_("Restarting the board ..."),
    "verifier": N_("Asking the verifier ..."),
}


@click.command(
    cls=TranslatedCommand,
    help=N_(
        "Says what is wrong with the device on the cable, and what to do next. With a token, the verifier is asked as "
        "well, which alone knows whether this is the right card. The exit status is the verdict's (docs/doctor.md)."
    ),
)
@port_options
@server_options(token_required=False)
@click.option("--no-attest", is_flag=True, help=N_("Do not have the agent report now; take its last result."))
@click.option("--restart", is_flag=True, help=N_("Restart a board whose agent does not run, and say why."))
@click.option(
    "--enrolment",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=N_("Only write the device's enrolment request into a file, for 'simbond devices enrol'."),
)
@folder_option
@json_option
def doctor(
    port: str | None,
    baud: int | None,
    transcript: Path | None,
    no_attest: bool,
    restart: bool,
    enrolment: Path | None,
    server: Server,
    folder: Path,
    as_json: bool,
) -> None:
    with recorded(transcript) as recorder:
        if enrolment is not None:
            _write_enrolment(enrolment, port, baud, recorder, as_json)
            return
        with doing() as show:
            found = gather(
                port,
                baud,
                transcript=recorder,
                attest=not no_attest,
                start=restart,
                tell=lambda what: show(_(_DOING[what])),
            )
            show(_(_DOING["verifier"]))
            if known := _known(server, folder, found):
                found["verifier"] = known
    findings = Findings.read(found)
    diagnosis = judge(findings)
    if as_json:
        also = [_document(one) for one in diagnosis.also]
        print_json({"verdict": _document(diagnosis.judged), "also": also, "findings": found})
    else:
        print_diagnosis(diagnosis, findings)
    sys.exit(diagnosis.verdict.status)


def _known(server: Server, folder: Path, found: dict[str, Any]) -> dict[str, Any]:
    """What the verifier says of card and device; where it is not asked, or does not answer, the work orders."""
    asked: dict[str, Any] = {"url": server.url} if server.token else {}
    if server.token:
        try:
            with server.connect(CONNECT_S) as api:
                return asked | look_up(api, found)
        except Failure as e:  # a technician often has no network; that is no verdict about the device
            asked["problem"] = e.detail
    try:
        return asked | (expected(open_bundle(folder, time.time()), found) or {})
    except OnSiteError:  # none, or none that may be used: 'simbond check' says which
        return asked


def _document(judged: Judged) -> dict[str, Any]:
    code, status, severity, *_texts = judged.verdict
    said = {"words": judged.words, "next": judged.step, "reasons": judged.reasons, "detail": judged.detail or None}
    return {"code": code, "status": status, "severity": severity} | said


def _write_enrolment(path: Path, port: str | None, baud: int | None, recorder: Recorder | None, as_json: bool) -> None:
    with on_a_cable():
        request = enrolment(port, baud, recorder)
    try:
        path.write_bytes(request)
    except OSError as e:
        raise Failure(
            "file", _("Cannot write {path}: {why}.").format(path=path, why=e.strerror or e), exit_code=LOCAL
        ) from None
    if as_json:
        print_json({"file": str(path), "octets": len(request)})
    else:
        say(_("Written to {path}. Now: simbond devices enrol --request @{path}").format(path=path))
