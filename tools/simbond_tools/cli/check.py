"""`simbond check`: whether the device on the cable is bound to the card that it holds, found out without a network."""

import sys
from pathlib import Path
from time import time
from typing import Any

import click
from rich.console import Console as Screen

from simbond_tools.field.console import Console
from simbond_tools.field.errors import NoAgent
from simbond_tools.field.find import find
from simbond_tools.field.line import Recorder, open_line
from simbond_tools.i18n import N_, _
from simbond_tools.onsite import checking, pins, results
from simbond_tools.onsite.bundle import open_bundle
from simbond_tools.onsite.qr import lines
from simbond_tools.onsite.upload import Handed, upload
from simbond_tools.onsite.words import said, then
from simbond_verifier.work_orders.bundle import WorkOrder
from simbond_verifier.work_orders.finding import Finding, Judgement, judge
from simbond_verifier.work_orders.proof import Proof, from_text, to_text
from simbond_verifier.work_orders.ticket import NotGenuine

from .common import LOCAL, NEGATIVE, USAGE, Failure, json_option, print_fields, print_json, say, when
from .onsite_options import folder_option, on_site
from .remote import Server, server_options
from .serial_options import on_a_cable, port_options, recorded
from .translated import TranslatedCommand
from .work_orders import documents, print_handed

_CONNECT_S = 5.0
"""A laptop at a meter has no network, or one that leads nowhere: nobody waits for that."""


@click.command(
    cls=TranslatedCommand,
    help=N_(
        "Checks the bond of the device on the cable, without a network: its key signs for the work order, and the "
        "answer is compared with what the verifier signed. NUMBER says which order, where the device's key does not. "
        "Shows the result as a QR code, keeps it, and uploads it as soon as there is a network and a token."
    ),
)
@click.argument("number", type=click.IntRange(1, 2**31 - 1), required=False)
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
@click.pass_context
def check(
    context: click.Context,
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
            _upload(folder, server, as_json, context)
        elif shown is not None:
            _verify(folder, shown, server if online else None, as_json, context)
        else:
            with recorded(transcript) as recorder:
                order, proof, judged = _check(folder, number, port, baud, recorder)
            _report(folder, order, proof, judged, server, as_json, context)


def _check(
    folder: Path, number: int | None, port: str | None, baud: int | None, recorder: Recorder | None
) -> tuple[WorkOrder, Proof, Judgement]:
    bundle = open_bundle(folder, time())
    with on_a_cable():
        found = find(port, baud, wanted=("agent",))
        if found.kind != "agent":
            raise NoAgent(_("No agent answers on {port}: {why}.").format(port=found.url, why=found.why))
        with open_line(found.url, found.baud, transcript=recorder) as line:
            console = Console(line)
            order = checking.choose(bundle, number, console.status()["kid"])
            if not sys.stdout.isatty():
                proof = checking.prove(console, order)
            else:
                with Screen(stderr=True).status(_("The device signs ...")):
                    proof = checking.prove(console, order)
    return order, proof, checking.appraise(folder, bundle, proof, time())


def _report(
    folder: Path,
    order: WorkOrder,
    proof: Proof,
    judged: Judgement,
    server: Server,
    as_json: bool,
    context: click.Context,
) -> None:
    """Keeps the result before anything is said of it, uploads it if that is possible, and shows it."""
    kept = results.keep(folder, order.number, proof) if checking.is_worth_keeping(judged.finding) else None
    handed, problem = _try_upload(folder, server)
    waits = kept is not None and kept.exists()
    if as_json:
        about = {"number": order.number, "iccid": order.ticket.iccid, "words": order.words}
        document = {"order": about, "result": to_text(proof), "kept": str(kept) if waits else None, "problem": problem}
        print_json(_document(judged) | document | documents(handed))
    else:
        say(_("Work order {number}: {words}").format(number=order.number, words=order.words))
        _print(judged)
        print_handed(handed)
        if waits:
            say(_("The result is kept in {path}.").format(path=kept))
            say(_("Not uploaded yet: {why}").format(why=problem))
        if kept is not None:
            _show(proof)
        _say_finding(judged.finding)
    context.exit(0 if judged.finding is Finding.CONFIRMED else NEGATIVE)


def _try_upload(folder: Path, server: Server) -> tuple[Handed, str | None]:
    """What became of all that waits, and why some still does."""
    if not server.token:
        return Handed([], []), _("without a token (--token) nobody is asked; 'simbond check --upload' does it later.")
    try:
        with server.connect(_CONNECT_S) as api:
            return upload(folder, api), None
    except Failure as e:
        return Handed([], []), e.detail


def _upload(folder: Path, server: Server, as_json: bool, context: click.Context) -> None:
    if not server.token:
        raise Failure(
            "token-missing", _("Give --token or SIMBOND_TOKEN: the results are uploaded as yours."), exit_code=USAGE
        )
    with server.connect() as api:
        handed = upload(folder, api)
    if as_json:
        print_json(documents(handed))
    else:
        print_handed(handed)
        if not (handed.uploaded or handed.refused):
            say(_("No result waits."))
    context.exit(NEGATIVE if handed.refused else 0)


def _verify(folder: Path, shown: str, server: Server | None, as_json: bool, context: click.Context) -> None:
    """With the verifier's keys of one's own work orders, or by asking the verifier."""
    text = _read(shown)
    try:
        proof = from_text(text)
    except NotGenuine:
        detail = _("This is no result of a check, or one that is damaged or cut off.")
        raise Failure("result-malformed", detail, exit_code=LOCAL) from None
    if server is not None:
        with server.connect() as api:
            asked = api.post("/v1/work-orders/assess", {"result": text.strip()})
        finding = Finding(asked["finding"])
        if as_json:
            print_json({"finding": finding, "confirmed": finding is Finding.CONFIRMED, "verifier": asked})
        else:
            _say_finding(finding)
            say(_("So says the verifier; the device had signed by {when}.").format(when=when(asked["signed_before"])))
    else:
        judged = judge(proof, [key.point for key in pins.read(folder)], {}, None)
        finding = judged.finding
        if as_json:
            print_json(_document(judged))
        else:
            _print(judged)
            _say_finding(finding)
            if finding is Finding.CONFIRMED:
                say(_("Whether it was signed before the order expired, the verifier knows: --online."))
    context.exit(0 if finding is Finding.CONFIRMED else NEGATIVE)


def _read(shown: str) -> str:
    """A result as text; a file's where there is one."""
    try:
        path = Path(shown)
        return path.read_text("ascii") if path.is_file() else shown
    except (OSError, ValueError) as e:
        if isinstance(e, UnicodeDecodeError) or not shown.startswith("SB1:"):
            raise Failure("file", _("Cannot read {path}: {why}.").format(path=shown, why=e), exit_code=LOCAL) from None
        return shown  # too long for a path


def _say_finding(finding: Finding) -> None:
    say(said(finding))
    if then(finding):
        say(then(finding))


def _print(judged: Judgement) -> None:
    """What was ordered, and what the device says; its subscriber is nobody's business here."""
    ticket, evidence = judged.ticket, judged.evidence
    rows: list[tuple[str, object]] = []
    if ticket is not None:
        rows += [(_("card ordered"), ticket.iccid), (_("device ordered"), f"IMEI {ticket.imei}")]
        rows += [(_("order valid"), f"{when(ticket.issued)} - {when(ticket.expires)}")]
    if evidence is not None:
        rows += [(_("card found"), evidence.iccid or _("none")), (_("device found"), f"IMEI {evidence.imei or '-'}")]
    rows += [(_("its key"), judged.kid and judged.kid.hex())]
    print_fields(rows)


def _document(judged: Judgement) -> dict[str, Any]:
    ticket, evidence = judged.ticket, judged.evidence
    ordered = ticket and {
        "number": ticket.order,
        "iccid": ticket.iccid,
        "imei": ticket.imei,
        "issued": ticket.issued,
        "expires": ticket.expires,
    }
    found = evidence and {
        "iccid": evidence.iccid,
        "imei": evidence.imei,
        "bootcount": evidence.bootcount,
        "uptime_s": evidence.uptime,
    }
    return {
        "finding": judged.finding,
        "confirmed": judged.finding is Finding.CONFIRMED,
        "reason": judged.reason,
        "device": judged.kid and judged.kid.hex(),
        "ordered": ordered,
        "found": found,
    }


def _show(proof: Proof) -> None:
    """The QR code, black on white whatever the terminal's colours; as text where there is no room or no terminal."""
    rows = lines(proof)
    if not sys.stdout.isatty() or len(rows[0]) > Screen().width:
        click.echo(to_text(proof))
        return
    for row in rows:
        click.secho(row, fg="black", bg="bright_white")
