"""Reads a card list: CSV with a header line naming the columns. Pure; every bad row is named with line, column and
cause."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from simbond_agent import identity

from .p256 import load_key
from .refusal import Invalid

REQUIRED = ("iccid", "imsi", "scenario")
OPTIONAL = ("msisdn", "customer", "sim_key")
SIM_KEY_FORM = "an uncompressed P-256 point in hex, 130 digits beginning with 04"
FAULTY_ROWS = 1000
"""So many are named. A list with more is of another kind, and an answer about every row would be far longer than it."""


class Row(NamedTuple):
    line: int
    iccid: str
    imsi: str
    scenario: str
    msisdn: str
    customer: str
    sim_key: bytes | None = None
    """The public key on the SIM: an uncompressed P-256 point."""


class Fault(NamedTuple):
    """What is wrong with one row."""

    line: int
    column: str
    problem: str


def read(text: str, scenarios: list[str]) -> tuple[list[Row], list[Fault]]:
    """The good rows and the faults of the bad ones. scenarios: the names that are loaded.

    Reading stops at the bad row that is one more than FAULTY_ROWS; the last fault says so. Raises Invalid when the
    header is unusable: then no row can be read at all.
    """
    text = text.removeprefix("\ufeff")
    first = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",")
    header = [name.strip().lower() for name in next(_rows(lines), [])]
    missing = [name for name in REQUIRED if name not in header]
    unknown = [name for name in header if name not in REQUIRED + OPTIONAL]
    if missing or unknown or len(set(header)) != len(header):
        raise Invalid(
            "csv-header",
            f"The first line must name the columns {', '.join(REQUIRED)} and may name {', '.join(OPTIONAL)}, "
            f"each once; " + (f"missing: {', '.join(missing)}" if missing else f"found: {', '.join(header)}") + ".",
        )
    checks = _checks(scenarios)
    good: list[Row] = []
    faults: list[Fault] = []
    faulty = 0
    seen: dict[tuple[str, str], int] = {}
    for cells in _rows(lines):
        line = lines.line_num
        values = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        if len(cells) != len(header):
            found = [Fault(line, "", f"has {len(cells)} fields, the header has {len(header)}")]
        else:
            found = [Fault(line, name, problem) for name, check in checks.items() if (problem := check(values, name))]
            for name in ("iccid", "imsi", "sim_key"):
                earlier = seen.setdefault((name, values[name]), line) if values[name] else line
                if earlier != line and not found:
                    found.append(Fault(line, name, f"is in line {earlier} already"))
        if not found:
            good.append(
                Row(
                    line,
                    values["iccid"],
                    values["imsi"],
                    values["scenario"],
                    values.get("msisdn", ""),
                    values.get("customer", ""),
                    read_sim_key(values["sim_key"]),
                )
            )
            continue
        if faulty == FAULTY_ROWS:
            faults.append(Fault(line, "", "more faults follow; reading stopped here"))
            break
        faulty += 1
        faults += found
    return good, faults


def _rows(lines: Any) -> Iterator[list[str]]:
    try:
        yield from (cells for cells in lines if any(cell.strip() for cell in cells))
    except csv.Error as e:
        raise Invalid("csv-syntax", f"Line {lines.line_num} is not CSV: {e}.") from None


_Check = Callable[[dict[str, str], str], str | None]


def _checks(scenarios: list[str]) -> dict[str, _Check]:
    """A check per column; each may put the normal form into the row, and returns what is wrong."""

    def iccid(values: dict[str, str], name: str) -> str | None:
        normal = identity.iccid(values[name])
        if normal is None:
            return f"'{values[name]}' is no ICCID: 19 or 20 digits beginning with 89"
        values[name] = normal
        return None

    def imsi(values: dict[str, str], name: str) -> str | None:
        normal = identity.imsi(values[name])
        if normal is None:
            return f"'{values[name]}' is no IMSI: 15 digits"
        values[name] = normal
        return None

    def msisdn(values: dict[str, str], name: str) -> str | None:
        digits = values.get(name, "").removeprefix("+")
        if digits and not (digits.isdecimal() and digits.isascii() and 5 <= len(digits) <= 15):
            return f"'{values[name]}' is no MSISDN: up to 15 digits (ITU-T E.164)"
        values[name] = digits
        return None

    def scenario(values: dict[str, str], name: str) -> str | None:
        if values[name] in scenarios:
            return None
        return f"'{values[name]}' is not loaded; the server has: {', '.join(scenarios) or 'no scenario at all'}"

    def customer(values: dict[str, str], name: str) -> str | None:
        return None if len(values.get(name, "")) <= 200 else "is longer than 200 characters"

    def sim_key(values: dict[str, str], name: str) -> str | None:
        values[name] = values.get(name, "").lower()
        return None if not values[name] or read_sim_key(values[name]) else f"is not {SIM_KEY_FORM}"

    return {
        "iccid": iccid,
        "imsi": imsi,
        "scenario": scenario,
        "msisdn": msisdn,
        "customer": customer,
        "sim_key": sim_key,
    }


def read_sim_key(text: str) -> bytes | None:
    """The key in SIM_KEY_FORM, 65 octets; None when it is none."""
    try:
        point = bytes.fromhex(text)
        load_key(point)
    except ValueError:
        return None
    return point
