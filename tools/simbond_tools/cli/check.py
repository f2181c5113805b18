"""`simbond check`: whether the device on the cable is bound to the card that it holds, found out without a network."""

import sys
from pathlib import Path
from time import time
from typing import NamedTuple

import click

from simbond_tools.field.agent import agent_on_cable
from simbond_tools.field.line import Recorder
from simbond_tools.i18n import N_, _
from simbond_tools.onsite import checking, results
from simbond_tools.onsite.bundle import open_bundle
from simbond_verifier.work_orders.bundle import WorkOrder
from simbond_verifier.work_orders.finding import Finding, Judgement
from simbond_verifier.work_orders.proof import Proof, to_text

from .common import NEGATIVE, ROW_NUMBER, json_option, print_json, say
from .onsite_options import folder_option, on_site
from .onsite_screen import print_code, print_finding, print_handed, print_judged, print_sentence
from .progress import doing
from .remote import Server, server_options
from .serial_options import on_a_cable, port_options, recorded
from .translated import TranslatedCommand
from .uploading import handed_document, try_upload, upload_only
from .verifying import judged_document, verify_offline, verify_online


@click.command(
    cls=TranslatedCommand,
    help=N_(
        "Checks the bond of the device on the cable, without a network: its key signs for the work order, and the "
        "answer is compared with what the verifier signed. NUMBER says which order, where the device's key does not. "
        "Shows the result as a QR code, keeps it, and uploads it as soon as there is a network and a token."
    ),
)
@click.argument("number", type=ROW_NUMBER, required=False)
@port_options
@folder_option
@click.option("--upload", "only_upload", is_flag=True, help=N_("Only upload results that wait."))
@click.option(
    "--verify",
    "shown",
    metavar="TEXT|FILE",
    help=N_("Verify a result that somebody shows: what the QR code says, or a file with it."),
)
@click.option("--online", is_flag=True, help=N_("With --verify: ask the verifier, too."))
@server_options(token_required=False)
@json_option
def check(
    number: int | None,
    port: str | None,
    baud: int | None,
    transcript: Path | None,
    folder: Path,
    only_upload: bool,
    shown: str | None,
    online: bool,
    server: Server,
    as_json: bool,
) -> None:
    with on_site():
        if only_upload:
            code = upload_only(folder, server, as_json)
        elif shown is not None:
            code = verify_online(shown, server, as_json) if online else verify_offline(folder, shown, as_json)
        else:
            with recorded(transcript) as recorder:
                checked = _check(folder, number, port, baud, recorder)
            code = _report(folder, checked, server, as_json)
    sys.exit(code)


class _Checked(NamedTuple):
    order: WorkOrder
    proof: Proof
    judged: Judgement


def _check(folder: Path, number: int | None, port: str | None, baud: int | None, recorder: Recorder | None) -> _Checked:
    bundle = open_bundle(folder, time())
    with on_a_cable(), doing(_("The device signs ...")), agent_on_cable(port, baud, recorder) as console:
        order = checking.choose(bundle, number, console.status()["kid"])
        proof = checking.prove(console, order)
    return _Checked(order, proof, checking.appraise(folder, bundle, proof, time()))


def _report(folder: Path, checked: _Checked, server: Server, as_json: bool) -> int:
    """Keeps the result before anything is said of it, uploads it if that is possible, and shows it. The exit code."""
    order, proof, judged = checked
    kept = results.keep(folder, order.number, proof) if checking.is_worth_keeping(judged.finding) else None
    handed, problem = try_upload(folder, server)
    waits = kept is not None and kept.exists()
    if as_json:
        about = {"number": order.number, "iccid": order.ticket.iccid, "words": order.words}
        document = {"order": about, "result": to_text(proof), "kept": str(kept) if waits else None, "problem": problem}
        print_json(judged_document(judged) | document | handed_document(handed))
    else:
        print_sentence(_("Work order {number}: {words}").format(number=order.number, words=order.words))
        print_judged(judged)
        print_handed(handed)
        if waits:
            say(_("The result is kept in {path}.").format(path=kept))
            print_sentence(_("Not uploaded yet: {why}").format(why=problem))
        if kept is not None:
            print_code(proof)
        print_finding(judged.finding)
    return 0 if judged.finding is Finding.CONFIRMED else NEGATIVE
