"""What the commands share: how they read, how they print, and how they fail."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, TypeVar

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from simbond_tools.i18n import N_, _
from simbond_verifier.facts_in_words import moment

from . import shared
from .wrapping import wrapped

F = TypeVar("F", bound=Callable[..., Any])

# Exit codes, besides 0 and 130 for Ctrl-C (docs/cli.md).
NEGATIVE = 1
USAGE = 2
UNREACHABLE = 3
REFUSED = 4
NOT_FOUND = 5
NOT_ALLOWED = 6
LOCAL = 7
BROKEN_PIPE = 141
"""Whoever read the output has gone: as a shell has it of a program that SIGPIPE ended."""

ON_A_SCREEN = 50
"""Lines of a long list that a terminal gets; files, pipes and JSON get all of them."""

ROW_NUMBER = click.IntRange(1, 2**31 - 1)
"""Type of an option or argument: what the verifier numbers, such as decisions, appeals and work orders."""

_JSON_ENVIRONMENT = "SIMBOND_JSON"


def _json(_context: click.Context, _option: click.Parameter, value: bool) -> bool:
    """Asked for before the command's name, behind it, or in the config file."""
    in_force = shared.in_force()
    in_force.json |= value
    return in_force.json or value


json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    envvar=_JSON_ENVIRONMENT,
    callback=_json,
    help=N_("One JSON document instead of text (docs/cli-json.md)."),
)

database_option = click.option(
    "--db",
    default="simbond.db",
    show_default=True,
    envvar="SIMBOND_DB",
    help="The verifier's database: a file, or postgresql://USER@HOST/NAME (docs/database.md).",
)


class Failure(Exception):
    """A command that could not do its work: a line for people, an object for machines, an exit code."""

    def __init__(self, code: str, detail: str, /, *, exit_code: int, **more: Any) -> None:
        """code: stable, for machines. detail: says what to do next. more: further members of the JSON object."""
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.exit_code = exit_code
        self.more = more

    def report(self, *, json: bool) -> None:
        if json:
            _print_document(ERROR_SCHEMA, {"error": self.more | {"code": self.code, "detail": self.detail}})
        else:
            complain(_("Error: {detail}").format(detail=self.detail))
            print_faults(self.more.get("faults", []))


def print_faults(faults: Sequence[dict[str, Any]]) -> None:
    """Names what is wrong with single rows or fields, on standard error."""
    shown = faults[:ON_A_SCREEN] if sys.stderr.isatty() else faults
    for fault in shown:
        complain("  " + _fault_line(fault))
    if len(shown) < len(faults):
        complain(f"  ... and {len(faults) - len(shown)} more; --json, or 2> into a file, gives all of them.")


def _fault_line(fault: dict[str, Any]) -> str:
    if "line" in fault:
        where = f"line {fault['line']}" + (f", {fault['column']}" if fault.get("column") else "")
    else:
        where = fault.get("at", "request")
    return f"{where}: {fault.get('problem', 'not right')}"


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for JSON, also where it failed before it was understood."""
    return "--json" in arguments or os.environ.get(_JSON_ENVIRONMENT, "").lower() in (
        "1",
        "true",
        "t",
        "yes",
        "y",
        "on",
    )


def clean(value: object) -> str:
    """A value as text that cannot steer a terminal: control, bidirectional and unprintable characters are escaped."""
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def say(text: str) -> None:
    """A line for people, on standard output."""
    click.echo(clean(text))


def complain(text: str) -> None:
    """A line for people, on standard error; on a terminal as many as it takes."""
    text = clean(text)
    for line in wrapped(text, get_terminal_size().columns) if sys.stderr.isatty() else (text,):
        click.echo(line, err=True)


def shows_progress() -> bool:
    """Whether progress bars are wanted: on a terminal, unless --no-progress says otherwise."""
    return sys.stdout.isatty() and shared.in_force().progress


ERROR_SCHEMA = "simbond.error.v1"


def schema_of(context: click.Context) -> str:
    """The name of the schema of what a command prints (docs/cli-json.md)."""
    words = context.command_path.split()
    return ".".join(["simbond", *(words[1:] if words[0] == "simbond" else words), "v1"])


def print_json(document: dict[str, Any]) -> None:
    """One document, with the name of its schema; indented on a terminal, one line elsewhere."""
    context = click.get_current_context(silent=True)
    _print_document(schema_of(context) if context else None, document)


def _print_document(schema: str | None, document: dict[str, Any]) -> None:
    if schema is not None:
        first = {"schema": schema}
        document = first | document | first  # it comes first, and no server's word goes before it
    indent = 2 if sys.stdout.isatty() else None
    text = json.dumps(document, ensure_ascii=False, indent=indent)
    if not text.replace("\n", "").isprintable():
        text = json.dumps(document, indent=indent)
    click.echo(text)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal, tab-separated lines elsewhere."""
    cleaned = [[clean(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cleaned:
            click.echo("\t".join(row))
        return
    table = Table(*columns, box=None, pad_edge=False)
    for row in cleaned:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    Console().print(table)


def print_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Names and values below each other; what has no value is left out."""
    kept = [(name, clean(value)) for name, value in fields if value not in (None, "")]
    width = max((cell_len(name) for name, _value in kept), default=0)
    for name, value in kept:
        click.echo(f"{name}{' ' * (width - cell_len(name))}  {value}")


def when(seconds: float | None) -> str:
    """A moment in UTC, to the second; nothing where there is none."""
    return "" if seconds is None else moment(seconds)


def read_input(source: str) -> bytes:
    """What a file holds; "-" is standard input. Raises Failure."""
    try:
        return sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as e:
        told = _("Cannot read {path}: {why}.").format(path=source, why=e.strerror or e)
        raise Failure("file", told, exit_code=LOCAL) from None
