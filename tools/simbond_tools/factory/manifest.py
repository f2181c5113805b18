"""A manifest: which cards are in which order, and what is known of their units beforehand. CSV or JSON. Pure.

CSV: a header line, then a line for each card: iccid (required), order, imei, imei2, label, tac.
JSON: {"orders": [{"order": "PO-1", "tac": ["86123405"], "units": [{"iccid": "8986...", "imei": "...", "imei2": "...",
"label": "..."}]}]}. tac: the type allocation codes, the first 8 digits of an IMEI, that the order's modules have.
"""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from simbond_agent import identity
from simbond_tools.i18n import _
from simbond_verifier.endorsement import LABEL_CHARACTERS, ORDER_CHARACTERS, Unit
from simbond_verifier.imei import device_number

from .errors import FactoryError, Stop

_COLUMNS = ("iccid", "order", "imei", "imei2", "label", "tac")
_FAULTS = 20


class Expected(NamedTuple):
    """What a manifest says of one unit. IMEIs have 14 digits; None is what it does not say."""

    iccid: str
    order: str = ""
    imei: str | None = None
    imei2: str | None = None
    label: str = ""
    tac: frozenset[str] = frozenset()
    """Empty: any."""


class Manifest:
    """Units by their cards."""

    def __init__(self, units: list[Expected]) -> None:
        self.units = {unit.iccid: unit for unit in units}
        self._by_imei = {unit.imei: unit for unit in units if unit.imei is not None}

    def __len__(self) -> int:
        return len(self.units)

    def identities(self) -> Iterator[tuple[str | None, str | None]]:
        """(IMEI, ICCID) of every unit, for Station.also_seen."""
        return ((unit.imei, unit.iccid) for unit in self.units.values())

    def expected(self, unit: Unit, order: str | None = None) -> Expected:
        """What is known of a unit. order: the one that is made now; None: any of the manifest's. Raises Stop."""
        found = self.units.get(unit.iccid or "")
        if found is None:
            raise Stop("card-in-no-order", _("Card {iccid} is in no order.").format(iccid=unit.iccid))
        if order is not None and found.order != order:
            raise Stop(
                "card-of-another-order",
                _("Card {iccid} is in order {other}, not in {order}.").format(
                    iccid=unit.iccid, other=found.order or "-", order=order
                ),
            )
        imei = unit.imei or ""
        if found.tac and imei[:8] not in found.tac:
            raise Stop(
                "tac-wrong",
                _("IMEI {imei} is of another model (TAC {tac}) than order {order} is for.").format(
                    imei=imei, tac=imei[:8], order=found.order or "-"
                ),
            )
        if found.imei is not None and found.imei != imei:
            raise Stop(
                "imei-differs",
                _("Card {iccid} belongs with IMEI {expected}; this module has {imei}.").format(
                    iccid=unit.iccid, expected=found.imei, imei=imei
                ),
            )
        theirs = self._by_imei.get(imei)
        if theirs is not None and theirs.iccid != unit.iccid:
            raise Stop(
                "card-differs",
                _("The module with IMEI {imei} belongs with card {expected}; it has {iccid}.").format(
                    imei=imei, expected=theirs.iccid, iccid=unit.iccid
                ),
            )
        return found


def read(octets: bytes) -> Manifest:
    """Reads a manifest, CSV or JSON. Raises FactoryError, whose sentence names the faults by line or unit."""
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise _unusable(_("it is not UTF-8 (octet {place})").format(place=e.start)) from None
    rows = _from_json(text) if text.lstrip().startswith(("{", "[")) else _from_csv(text)
    units: dict[str, Expected] = {}
    imeis: dict[str, str] = {}
    faults: list[str] = []
    for where, row in rows:
        try:
            unit = _unit(row)
        except ValueError as e:
            faults.append(f"{where}: {e}")
            continue
        if unit.iccid in units:
            faults.append(_("{where}: card {iccid} is there twice").format(where=where, iccid=unit.iccid))
        elif unit.imei is not None and imeis.setdefault(unit.imei, where) != where:
            faults.append(_("{where}: IMEI {imei} is there twice").format(where=where, imei=unit.imei))
        units[unit.iccid] = unit
    if faults:
        more = len(faults) - _FAULTS
        raise _unusable("; ".join(faults[:_FAULTS]) + (f"; ... +{more}" if more > 0 else ""))
    if not units:
        raise _unusable(_("it names no card"))
    return Manifest(list(units.values()))


def _from_csv(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    first = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",")
    try:
        header = [name.strip().lower() for name in next(lines, [])]
        if "iccid" not in header or not set(header) <= set(_COLUMNS) or len(set(header)) < len(header):
            raise _unusable(
                _("the first line must name the column iccid, and may name {columns}").format(
                    columns=", ".join(_COLUMNS[1:])
                )
            )
        for cells in lines:
            if any(cell.strip() for cell in cells):
                row: dict[str, Any] = dict(zip(header, (cell.strip() for cell in cells), strict=False))
                row["tac"] = row.get("tac", "").split()
                yield _("line {number}").format(number=lines.line_num), row
    except csv.Error as e:
        raise _unusable(_("line {number} is not CSV: {why}").format(number=lines.line_num, why=e)) from None


def _from_json(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise _unusable(_("it is not JSON: {why}").format(why=e)) from None
    try:
        for order in document["orders"]:
            shared = {name: value for name, value in order.items() if name != "units"}
            for number, unit in enumerate(order["units"], 1):
                where = _("order {order}, unit {number}").format(order=shared.get("order") or "-", number=number)
                yield where, {**unit, **shared}
    except (KeyError, TypeError, AttributeError):
        raise _unusable(
            _("it has another form than {form}").format(
                form='{"orders": [{"order": "...", "tac": [], "units": [{"iccid": "..."}]}]}'
            )
        ) from None


def _unit(row: dict[str, Any]) -> Expected:
    """Raises ValueError with what is wrong."""
    unknown = row.keys() - set(_COLUMNS)
    tac = row.get("tac") or []
    if unknown or not isinstance(tac, list) or any(type(row.get(name) or "") is not str for name in _COLUMNS[:-1]):
        raise ValueError(_("a field is unknown or no text: {fields}").format(fields=", ".join(sorted(unknown)) or "?"))
    iccid = identity.iccid(row.get("iccid") or "")
    if iccid is None:
        raise ValueError(_("'{text}' is no ICCID").format(text=row.get("iccid") or ""))
    codes = frozenset(str(code) for code in tac)
    for code in codes:
        if not (len(code) == 8 and code.isascii() and code.isdigit()):
            raise ValueError(_("'{text}' is no TAC: 8 digits").format(text=code))
    order, label = row.get("order") or "", row.get("label") or ""
    if len(order) > ORDER_CHARACTERS or len(label) > LABEL_CHARACTERS or not (order + label + "x").isprintable():
        raise ValueError(_("its order or label is too long, or cannot be printed"))
    return Expected(iccid, order, _imei(row.get("imei")), _imei(row.get("imei2")), label, codes)


def _imei(text: str | None) -> str | None:
    if not text:
        return None
    number = device_number(text)
    if number is None:
        raise ValueError(_("'{text}' is no IMEI").format(text=text))
    return number


def _unusable(why: str) -> FactoryError:
    return FactoryError("manifest", _("The manifest cannot be used: {why}.").format(why=why))
