"""`simbond devices import`: enrols what a factory station endorsed (docs/factory.md)."""

import sys
from typing import Any

import click
from rich.progress import Progress

from simbond_tools.factory.binding import Binding, bind, count
from simbond_tools.factory.errors import FactoryError
from simbond_tools.factory.upload import Report, upload

from .common import (
    NEGATIVE,
    REFUSED,
    Failure,
    complain,
    json_option,
    print_json,
    print_table,
    read_input,
    say,
    shows_progress,
)
from .remote import Server, server_options


@click.command("import")
@click.argument("log", metavar="LOG|-")
@click.option(
    "--bind",
    "binds",
    is_flag=True,
    help="Bind each to the card that was in it, if that is new. Takes an operator.",
)
@server_options()
@json_option
def import_log(log: str, binds: bool, server: Server, as_json: bool) -> None:
    """Enrols what a factory station endorsed. Repeat one that was interrupted; what is there already is left alone."""
    octets = read_input(log)
    with server.connect() as api, Progress(disable=as_json or not shows_progress(), transient=True) as progress:
        task = progress.add_task("", total=None)

        def told(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        try:
            report = upload(api, octets, told)
        except FactoryError as e:
            raise Failure(e.code, str(e), exit_code=REFUSED) from None
        bindings = bind(api, report.station, report.rows, told) if binds else None
    if as_json:
        print_json(_document(report, bindings))
    else:
        _tell(report)
        if bindings is not None:
            _tell_bound(report, bindings)
    if report.counts["refused"] or (bindings is not None and count(bindings)["left"]):
        sys.exit(NEGATIVE)


def _document(report: Report, bindings: dict[int, Binding] | None) -> dict[str, Any]:
    document = {"station": report.station, "counts": report.counts, "unfinished": report.unfinished}
    if bindings is None:
        return document | {"rows": report.rows}
    bound = {seq: binding._asdict() for seq, binding in bindings.items()}
    return document | {
        "bindings": count(bindings),
        "rows": [row | {"binding": bound.get(row["seq"])} for row in report.rows],
    }


def _tell(report: Report) -> None:
    counts = report.counts
    say(
        f"Station {report.station}: {counts['enrolled']} enrolled, {counts['known']} there already, "
        f"{counts['refused']} refused."
    )
    if report.unfinished:
        complain("The last entry of the log was never finished; it is left out. Its unit is provisioned again.")
    refused = [row for row in report.rows if row["outcome"] == "refused"]
    if refused:
        print_table(("entry", "key id", "IMEI", "why"), map(_row, refused))


def _tell_bound(report: Report, bindings: dict[int, Binding]) -> None:
    counts = count(bindings)
    say(f"{counts['bound']} bound to the cards in them, {counts['left']} cards left as they are.")
    rows = {row["seq"]: row for row in report.rows}
    left = [
        (seq, rows[seq]["kid"], rows[seq]["iccid"], f"{binding.code}: {binding.detail}")
        for seq, binding in bindings.items()
        if not binding.bound
    ]
    if left:
        print_table(("entry", "key id", "card", "why"), left)


def _row(row: dict[str, Any]) -> tuple[object, ...]:
    return row["seq"], row["kid"], row["imei"], f"{row['code']}: {row['detail']}"
