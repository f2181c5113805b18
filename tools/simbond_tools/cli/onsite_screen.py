"""What people see on site: within the width of their terminal, in either language."""

import click
from rich.console import Console
from rich.text import Text

from simbond_tools.check_digit import whole_imei
from simbond_tools.i18n import _
from simbond_tools.onsite.qr import code
from simbond_tools.onsite.results import Refused
from simbond_tools.onsite.upload import Handed
from simbond_tools.onsite.words import said, then
from simbond_verifier.work_orders.finding import Finding, Judgement
from simbond_verifier.work_orders.proof import Proof, to_text

from .common import clean, when
from .qr_screen import print_qr
from .rows import print_rows
from .wrapping import wrapped


def print_sentence(text: str, style: str = "") -> None:
    """Wrapped on a terminal, one line elsewhere."""
    console = Console(highlight=False)
    text = clean(text)
    for line in wrapped(text, console.width) if console.is_terminal else (text,):
        console.print(Text(line, style=style), soft_wrap=True)


def print_judged(judged: Judgement) -> None:
    """What was ordered, and what the device says; its subscriber is nobody's business here."""
    ticket, evidence = judged.ticket, judged.evidence
    rows: list[tuple[str, object]] = []
    if ticket is not None:
        rows += [(_("card ordered"), ticket.iccid), (_("device ordered"), f"IMEI {whole_imei(ticket.imei)}")]
        rows += [(_("order valid"), f"{when(ticket.issued)} - {when(ticket.expires)}")]
    if evidence is not None:
        rows += [(_("card found"), evidence.iccid or _("none"))]
        rows += [(_("device found"), f"IMEI {whole_imei(evidence.imei) if evidence.imei else '-'}")]
    rows += [(_("its key"), judged.kid and judged.kid.hex())]
    print_rows(rows)


def print_finding(finding: Finding) -> None:
    """The verdict, and what to do next."""
    print_sentence(said(finding), "bold green" if finding is Finding.CONFIRMED else "bold red")
    if then(finding):
        print_sentence(then(finding))


def print_code(proof: Proof) -> None:
    """The QR code; as text where there is no room for it or no terminal."""
    rows = print_qr(code(proof))
    if not rows:
        click.echo(to_text(proof))
    elif Console().height <= rows:
        told = _("The QR code takes {rows} lines: make the window taller, and check again, for somebody to scan it.")
        print_sentence(told.format(rows=rows))


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
        told = _("The verifier refuses {path}: {why}")
        print_sentence(told.format(path=refused.path, why=_refusal(refused)))


def _refusal(refused: Refused) -> str:
    """In the reader's language, where it is a finding."""
    finding = refused.code.removeprefix("result-")
    return said(Finding(finding)) if finding in set(Finding) else refused.detail
