"""Notices to cards' holders (notice.py), written in the transaction of the event that they tell of."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, bindparam, insert, select

from .. import notice
from ..appraisal import Card
from ..notice import Happened, Kind, Terms
from ..policy import Policy
from ..reasons import Reason
from ..scenario import Scenarios
from .database import upsert
from .schema import card, device, evidence, setting
from .schema import notice as table

_TERMS = "notice-terms"

_ADD = insert(table).returning(table.c.id)
_SAID = select(setting.c.value).where(setting.c.name == _TERMS)
_IMEIS = select(device.c.imei, device.c.imei2).where(device.c.id == bindparam("device"))


class Notice(NamedTuple):
    """One notice as it was written."""

    id: int
    at: float
    iccid: str
    event_id: int
    kind: Kind
    body: dict[str, Any]


def install(connection: Connection, policy: Policy, scenarios: Scenarios) -> None:
    """Keeps what the operator's policy says in notices, so that whoever changes a card need not know it."""
    said = {name: terms._asdict() for name, terms in notice.terms(policy, scenarios).items()}
    upsert(connection, setting, {"name": _TERMS}, {"value": json.dumps(said).encode()})


def follow(
    connection: Connection,
    before: Card,
    after: Card,
    event_id: int,
    *,
    at: float,
    actor: str,
    reasons: Iterable[Reason],
    evidence_id: int | None,
    detail: dict[str, Any],
) -> None:
    """Tells a card's holder of a change of its state, where it concerns them."""
    kind = notice.kind(before, after)
    if kind is None:
        return
    words = str(detail.get("reason", ""))
    happened = Happened(at, actor, tuple(reasons), words, detail, _received(connection, evidence_id))
    add(connection, after, kind, event_id, happened, device_id=before.device_id)


def add(
    connection: Connection, about: Card, kind: Kind, event_id: int, happened: Happened, *, device_id: int | None = None
) -> int:
    """Writes a notice of an event. device_id: of the device that the holder knows as theirs, where the card has lost
    it. Returns the notice's id."""
    body = notice.body(about, kind, happened, _terms(connection, about.scenario), _own(connection, about, device_id))
    values = {"at": happened.at, "card_id": about.id, "event_id": event_id, "kind": kind, "body": body}
    added: int = connection.execute(_ADD, values).scalar_one()
    return added


def _terms(connection: Connection, scenario: str) -> Terms:
    stored = connection.execute(_SAID).scalar()
    said = {} if stored is None else json.loads(stored).get(scenario)
    if not said:
        return Terms()
    return Terms(**{**said, "materials": tuple(said["materials"])})


def _own(connection: Connection, about: Card, device_id: int | None) -> list[str]:
    """The IMEIs that belong to the card's holder."""
    held = about.device_id if device_id is None else device_id
    if held is None:
        return []
    found = connection.execute(_IMEIS, {"device": held}).one()
    return [imei for imei in found if imei is not None]


def _received(connection: Connection, evidence_id: int | None) -> tuple[int, float] | None:
    if evidence_id is None:
        return None
    at = connection.execute(select(evidence.c.at).where(evidence.c.id == evidence_id)).scalar()
    return None if at is None else (evidence_id, at)


def read(connection: Connection, *, after: int = 0, limit: int = 100, card_id: int | None = None) -> list[Notice]:
    """Notices from the one behind `after`, of one card or of all, in the order in which they became visible: whoever
    goes on from the last id that it has dealt with misses none."""
    query = _NOTICES.where(table.c.id > after).order_by(table.c.id).limit(limit)
    if card_id is not None:
        query = query.where(table.c.card_id == card_id)
    return [_from_row(row) for row in connection.execute(query)]


def last_measure(connection: Connection, card_id: int, *, since: int) -> Notice | None:
    """The newest notice of a card that burdens its holder, of an event after this one."""
    burdens = table.c.kind.in_(sorted(notice.MEASURES))
    query = _NOTICES.where(table.c.card_id == card_id, table.c.event_id > since, burdens).order_by(table.c.id.desc())
    row = connection.execute(query.limit(1)).first()
    return None if row is None else _from_row(row)


_NOTICES: Select[Any] = select(table.c.id, table.c.at, card.c.iccid, table.c.event_id, table.c.kind, table.c.body).join(
    card, card.c.id == table.c.card_id
)


def _from_row(row: Row[Any]) -> Notice:
    return Notice(row.id, row.at, row.iccid, row.event_id, Kind(row.kind), row.body)
