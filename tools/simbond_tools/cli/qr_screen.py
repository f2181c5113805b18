"""QR codes on a terminal."""

import re
import sys

import click
import segno
from rich.console import Console

from simbond_tools.characters import can_print
from simbond_tools.qr import BLOCKS, halves, squares


def print_qr(code: segno.QRCode) -> int:
    """Draws a code, black on white whatever the terminal's colours. The rows that it takes; 0 where there is no
    terminal, or it is too narrow, and nothing is drawn."""
    rows = halves(code) if can_print(BLOCKS) else squares(code)
    if not sys.stdout.isatty() or len(rows[0]) > Console().width:
        return 0
    for row in rows:
        click.echo("".join(_coloured(part) for part in re.findall("#+|[^#]+", row)))
    return len(rows)


def _coloured(part: str) -> str:
    """A # fills its place by its background."""
    return click.style(part, fg="black", bg="black" if "#" in part else "bright_white")
