"""What the commands share: how they print, and how they fail."""

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

F = TypeVar("F", bound=Callable[..., Any])

# Exit codes, besides 0, click's 2 for wrong usage and 130 for Ctrl-C (docs/cli.md).
NEGATIVE = 1
UNREACHABLE = 3
REFUSED = 4
NOT_FOUND = 5
NOT_ALLOWED = 6
LOCAL = 7

json_option = click.option(
    "--json", "as_json", is_flag=True, envvar="SIMBOND_JSON", help="One JSON document instead of text."
)


class Failure(click.ClickException):
    """A command that could not do its work: a line for people, an object for machines, an exit code."""

    def __init__(self, code: str, detail: str, *, exit_code: int, **more: Any) -> None:
        super().__init__(detail)
        self.code = code
        self.exit_code = exit_code
        self.more = more

    def report(self, *, json: bool) -> None:
        if json:
            print_json({"error": {"code": self.code, "detail": self.message, **self.more}})
        else:
            click.echo(f"Error: {self.message}", err=True)
            for fault in self.more.get("faults", []):
                click.echo("  " + _fault_line(fault), err=True)


def _fault_line(fault: dict[str, Any]) -> str:
    if "line" in fault:
        column = f", {fault['column']}" if fault["column"] else ""
        return f"line {fault['line']}{column}: {fault['problem']}"
    return f"{fault['at']}: {fault['problem']}"


def wants_json() -> bool:
    """Whether the command line asked for JSON, also where it failed before it was understood."""
    return "--json" in sys.argv[1:]


def print_json(document: Any) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, indent=None if not sys.stdout.isatty() else 2))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on a terminal, tab-separated lines elsewhere."""
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join("" if cell is None else str(cell) for cell in row))
        return
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    Console().print(table)


def when(seconds: float | None) -> str:
    """A moment in UTC, to the second."""
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
