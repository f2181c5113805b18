"""Names and texts below each other, in any script: a wide character takes two columns."""

from collections.abc import Iterable

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .common import clean

Rows = Iterable[tuple[str, object]]
"""What has no text is left out."""


def table(rows: Rows) -> Table:
    """For a terminal: folded to its width."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in _shown(rows):
        grid.add_row(Text(name), Text(text))
    return grid


def print_rows(rows: Rows) -> None:
    """Folded on a terminal; elsewhere a line for each."""
    console = Console()
    if console.is_terminal:
        console.print(table(rows))
        return
    shown = _shown(rows)
    width = max((cell_len(name) for name, _text in shown), default=0)
    for name, text in shown:
        click.echo(name + " " * (width - cell_len(name) + 2) + text)


def _shown(rows: Rows) -> list[tuple[str, str]]:
    return [(clean(name), clean(text)) for name, text in rows if text]
