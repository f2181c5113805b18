"""`simbond devices import`: enrols what a factory station endorsed (docs/factory.md)."""

import sys
from typing import Any

import click
from rich.progress import Progress

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
@server_options()
@json_option
def import_log(log: str, server: Server, as_json: bool) -> None:
    """Enrols what a factory station endorsed. Repeat one that was interrupted; what is there already is left alone."""
    octets = read_input(log)
    with server.connect() as api, Progress(disable=as_json or not shows_progress(), transient=True) as progress:
        task = progress.add_task("", total=None)
        try:
            report = upload(api, octets, lambda done, entries: progress.update(task, completed=done, total=entries))
        except FactoryError as e:
            raise Failure(e.code, str(e), exit_code=REFUSED) from None
    if as_json:
        counts = {"counts": report.counts, "unfinished": report.unfinished}
        print_json({"station": report.station, **counts, "rows": report.rows})
    else:
        _tell(report)
    if report.counts["refused"]:
        sys.exit(NEGATIVE)


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


def _row(row: dict[str, Any]) -> tuple[object, ...]:
    return row["seq"], row["kid"], row["imei"], f"{row['code']}: {row['detail']}"
