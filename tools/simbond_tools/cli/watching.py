"""Looks again and again: a table that lives on a terminal, a JSON document for each change elsewhere."""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rich.live import Live

from .common import print_json
from .rows import Rows, table

Document = dict[str, Any]


def watch(
    first: Document,
    again: Callable[[], Document],
    rows: Callable[[Document], Rows],
    interval_s: float,
    *,
    as_json: bool,
) -> None:
    """Shows first, and then what again() says in the place of its members, until KeyboardInterrupt, or it raises."""
    document = first
    if not as_json and sys.stdout.isatty():
        with Live(table(rows(document)), auto_refresh=False) as live:
            while True:
                time.sleep(interval_s)
                live.update(table(rows(first | again())), refresh=True)
    shown: Document = {}
    while True:
        if document != shown:
            print_json({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **document})
            sys.stdout.flush()
            shown = document
        time.sleep(interval_s)
        document = first | again()
