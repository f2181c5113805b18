"""What happened, read from the store in the order of its time, a page at a time."""

import heapq
from collections.abc import Iterator
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import RowMapping, Table, select

from ..observation import Observation, Place, Use
from ..store.database import Database
from ..store.schema import card, event, evidence, observation

_PAGE = 2000
"""Rows of one snapshot: a long one would keep the database from tidying up."""


class Message(NamedTuple):
    """Evidence that had counted."""

    at: float
    device_id: int
    octets: bytes | None
    """None: deleted since, by its retention period."""


class Sighting(NamedTuple):
    """What a network had reported."""

    at: float
    """When it came in."""
    observation: Observation


class Order(NamedTuple):
    """What people had decided about a card."""

    at: float
    card_id: int
    kind: str
    device_id: int | None
    detail: dict[str, Any]


Moment = Message | Sighting | Order


def read(database: Database, since: float, until: float) -> Iterator[Moment]:
    """Everything from `since` on that was there before `until`."""
    streams = (_orders(database, since, until), _sightings(database, since, until), _messages(database, since, until))
    return heapq.merge(*streams, key=attrgetter("at"))


def _messages(database: Database, since: float, until: float) -> Iterator[Message]:
    query = select(evidence.c.id, evidence.c.at, evidence.c.device_id, evidence.c.message)
    for row in _pages(database, evidence, query.where(evidence.c.at >= since, evidence.c.at < until)):
        yield Message(row["at"], row["device_id"], row["message"])


def _sightings(database: Database, since: float, until: float) -> Iterator[Sighting]:
    query = select(observation, card.c.imsi).join(card, card.c.id == observation.c.card_id)
    inside = (observation.c.received_at >= since, observation.c.received_at < until)
    for row in _pages(database, observation, query.where(*inside)):
        place = Place(*(row[name] for name in Place._fields))
        use = None if row["use"] is None else Use(row["use"])
        seen = Observation(row["imsi"], row["at"], row["source"], row["imei"], place, row["apn"], use)
        yield Sighting(row["received_at"], seen)


def _orders(database: Database, since: float, until: float) -> Iterator[Order]:
    query = select(event.c.id, event.c.at, event.c.card_id, event.c.kind, event.c.device_id, event.c.detail)
    inside = (event.c.actor != "verifier", event.c.card_id.is_not(None), event.c.at >= since, event.c.at < until)
    for row in _pages(database, event, query.where(*inside)):
        yield Order(row["at"], row["card_id"], row["kind"], row["device_id"], row["detail"])


def _pages(database: Database, table: Table, query: Any) -> Iterator[RowMapping]:
    last = 0
    while True:
        with database.read() as connection:
            page = list(connection.execute(query.where(table.c.id > last).order_by(table.c.id).limit(_PAGE)).mappings())
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1]["id"]


class Bond(NamedTuple):
    """Which device a card was bound to when the history begins, and since when."""

    device_id: int
    at: float


def bonds(database: Database, before: float) -> dict[int, Bond]:
    """The devices of cards, by card, at a moment."""
    found: dict[int, Bond] = {}
    kinds = ("bind", "unbind", "retire")
    query = select(event.c.id, event.c.at, event.c.card_id, event.c.kind, event.c.device_id)
    for row in _pages(database, event, query.where(event.c.kind.in_(kinds), event.c.at < before)):
        if row["kind"] == "bind" and row["device_id"] is not None:
            found[row["card_id"]] = Bond(row["device_id"], row["at"])
        else:
            found.pop(row["card_id"], None)
    return found
