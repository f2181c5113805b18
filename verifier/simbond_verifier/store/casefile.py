"""Gathers a card's case: its entries in the ledger, and those of the fleet that it cannot be understood without."""

from collections.abc import Container, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from ..casefile import bundle
from ..casefile.case import Case, Item
from ..casefile.check import check
from ..casefile.page import page
from ..event_kinds import (
    DEVICE_ENDORSED,
    DEVICE_ENROLLED,
    FIELD_CHECK,
    KEY_ROTATED,
    STATION_REGISTERED,
    STATION_REVOKED,
)
from ..refusal import Conflict
from ..signing_key import SigningKey
from . import ledger, scenarios_seen
from .ledger import Entry
from .schema import appeal, card, event, evidence, field_result


def export(connection: Connection, found: RowMapping, key: SigningKey, now: float) -> bytes:
    """The case file of a card (a row of its table), as the ledger's newest checkpoint has it. Raises Conflict where
    nothing about it is signed yet."""
    newest = ledger.newest_checkpoint(connection)
    history = list(connection.execute(select(event).where(event.c.card_id == found["id"])).mappings())
    entries = [] if newest is None else _entries(connection, found, history, newest[0].size)
    if newest is None or not entries:
        raise Conflict("not-signed", f"Nothing about card {found['iccid']} is signed yet; try again in a moment.")
    head, message = newest
    receipts = ledger.receipts(connection, head, key, [entry.seq for entry in entries])
    items = [
        Item(entry.seq, entry.leaf, entry.body, receipt, entry.kind, entry.row_id)
        for entry, receipt in zip(entries, receipts, strict=True)
    ]
    proofs = _proofs(connection, history, {entry.row_id for entry in entries if entry.kind == "event"})
    case = Case(found["iccid"], float(now), key.public.point, message, items, proofs, _stated(connection, found))
    checked = check(case, [key.public.point])
    return bundle.write({bundle.CONTENT: case.encoded(), bundle.PAGE: page(case, checked)}, key)


def _entries(connection: Connection, found: RowMapping, history: Sequence[RowMapping], size: int) -> list[Entry]:
    """history: the card's events."""
    named = {row["evidence_id"] for row in history} - {None}
    about = ledger.entries_of(connection, card_id=found["id"])
    seen = {entry.row_id for entry in about if entry.kind == "evidence"} | named
    devices = set(connection.execute(select(evidence.c.device_id).where(evidence.c.id.in_(seen))).scalars())
    devices |= {row["device_id"] for row in history} - {None}
    scenarios = {found["scenario"]} | {row["detail"].get("scenario") for row in history} - {None}
    wanted = [("evidence", row_id) for row_id in named]
    wanted += [("event", row_id) for row_id in _of_devices(connection, devices)]
    wanted += [("event", row_id) for name in sorted(scenarios) for row_id in scenarios_seen.events_of(connection, name)]
    entries = {entry.seq: entry for entry in (*about, *ledger.entries_of(connection, wanted))}
    return [entries[seq] for seq in sorted(entries) if seq < size]


def _of_devices(connection: Connection, devices: Iterable[int]) -> list[int]:
    """The events by which devices got their keys, and those of the stations that vouched for them."""
    of_fleet = select(event.c.id, event.c.kind, event.c.detail).where(event.c.card_id.is_(None))
    keys = event.c.device_id.in_(list(devices)) & event.c.kind.in_((DEVICE_ENROLLED, KEY_ROTATED, DEVICE_ENDORSED))
    found = list(connection.execute(of_fleet.where(keys)))
    named = {row.detail.get("station") for row in found if row.kind == DEVICE_ENDORSED}
    if named:
        of_stations = of_fleet.where(event.c.kind.in_((STATION_REGISTERED, STATION_REVOKED)))
        found += [row for row in connection.execute(of_stations) if row.detail.get("station") in named]
    return [row.id for row in found]


def _proofs(connection: Connection, history: Sequence[RowMapping], entered: Container[int]) -> list[bytes]:
    """What devices answered on site, where the checkpoint covers the event that names it; but what is erased."""
    told = [row["detail"] for row in history if row["kind"] == FIELD_CHECK and row["id"] in entered]
    orders = {detail["order"] for detail in told}
    kept = select(field_result.c.digest, field_result.c.proof).where(
        field_result.c.order_id.in_(orders), field_result.c.proof.is_not(None)
    )
    found = {row.digest.hex(): bytes(row.proof) for row in connection.execute(kept)}
    return [found[detail["sha256"]] for detail in told if detail["sha256"] in found]


def _stated(connection: Connection, found: RowMapping) -> dict[str, Any]:
    names = ("iccid", "imsi", "scenario", "customer", "state", "access", "since")
    appeals = connection.execute(select(appeal).where(appeal.c.card_id == found["id"]).order_by(appeal.c.id)).mappings()
    return {"card": {name: found[name] for name in names}, "appeals": [dict(row) for row in appeals]}


def find(connection: Connection, iccid: str) -> RowMapping | None:
    """The card, as its table has it."""
    return connection.execute(select(card).where(card.c.iccid == iccid)).mappings().first()
