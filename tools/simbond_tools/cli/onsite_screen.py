"""What people see on site: within the width of their terminal, in either language."""

import sys

import click
from rich.console import Console
from rich.text import Text

from simbond_tools.i18n import _
from simbond_tools.onsite.qr import lines
from simbond_tools.onsite.upload import Handed
from simbond_tools.onsite.words import said, then
from simbond_verifier.work_orders.finding import Finding, Judgement
from simbond_verifier.work_orders.proof import Proof, to_text

from .common import clean, when
from .rows import print_rows


def print_sentence(text: str, style: str = "") -> None:
    """Wrapped on a terminal, one line elsewhere."""
    if sys.stdout.isatty():
        Console(highlight=False).print(Text(clean(text), style=style))
    else:
        click.echo(clean(text))


def print_judged(judged: Judgement) -> None:
    """What was ordered, and what the device says; its subscriber is nobody's business here."""
    ticket, evidence = judged.ticket, judged.evidence
    rows: list[tuple[str, object]] = []
    if ticket is not None:
        rows += [(_("card ordered"), ticket.iccid), (_("device ordered"), f"IMEI {ticket.imei}")]
        rows += [(_("order valid"), f"{when(ticket.issued)} - {when(ticket.expires)}")]
    if evidence is not None:
        rows += [(_("card found"), evidence.iccid or _("none")), (_("device found"), f"IMEI {evidence.imei or '-'}")]
    rows += [(_("its key"), judged.kid and judged.kid.hex())]
    print_rows(rows)


def print_finding(finding: Finding) -> None:
    """The verdict, and what to do next."""
    print_sentence(said(finding), "bold green" if finding is Finding.CONFIRMED else "bold red")
    if then(finding):
        print_sentence(then(finding))


def print_code(proof: Proof) -> None:
    """The QR code, black on white whatever the terminal's colours; as text where there is no room or no terminal."""
    rows = lines(proof)
    if not sys.stdout.isatty() or len(rows[0]) > Console().width:
        click.echo(to_text(proof))
        return
    for row in rows:
        click.secho(row, fg="black", bg="bright_white")


def print_handed(handed: Handed) -> None:
    """What became of results that waited."""
    for done in handed.uploaded:
        print_sentence(
            _("Uploaded: work order {number}. The verifier says: {finding}").format(
                number=done.number, finding=said(done.finding)
            )
        )
        if done.check_ended:
            print_sentence(_("That ended the second check of the card."))
    for refused in handed.refused:
        print_sentence(_("The verifier refuses {path}: {why}").format(path=refused.path, why=refused.detail))
