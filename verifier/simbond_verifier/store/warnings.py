"""Cards that are warned again and again: their warnings, read in order, each once."""

from collections.abc import Collection

from sqlalchemy import Connection, func, select

from ..lifecycle import Event
from ..reasons import Reason
from ..scenario import Scenario
from .database import upsert
from .schema import card, event, setting

_CURSOR = "warnings-counted"
_WARNINGS = (Event.ALERT, Event.RECHECK, Event.RESTRICT)
_COUNTS = (event.c.kind.in_(_WARNINGS), ~event.c.reasons.startswith(Reason.OFTEN_WARNED))


def counted(connection: Connection) -> int:
    """The last event whose card was counted."""
    found = connection.execute(select(setting.c.value).where(setting.c.name == _CURSOR)).scalar()
    return 0 if found is None else int(found)


def set_counted(connection: Connection, event_id: int) -> None:
    """Goes on behind this event next time."""
    upsert(connection, setting, {"name": _CURSOR}, {"value": str(event_id).encode()})


def after(connection: Connection, event_id: int, limit: int) -> list[tuple[int, int]]:
    """Warnings behind an event, (event, card) each, oldest first."""
    query = select(event.c.id, event.c.card_id).where(event.c.id > event_id, *_COUNTS).order_by(event.c.id).limit(limit)
    return [(row.id, row.card_id) for row in connection.execute(query)]


def cards_warned(connection: Connection, among: Collection[int], scenario: Scenario, now: float) -> list[int]:
    """Those of the cards that are in a scenario, and had as many warnings in its window as it minds."""
    query = (
        select(event.c.card_id)
        .join(card, card.c.id == event.c.card_id)
        .where(event.c.card_id.in_(among), event.c.at > now - scenario.warnings.within_s, *_COUNTS)
        .where(card.c.scenario == scenario.name)
        .group_by(event.c.card_id)
        .having(func.count() >= scenario.warnings.number)
    )
    return list(connection.execute(query).scalars())


def how_often(connection: Connection, card_id: int, since: float) -> int:
    """How many warnings of a card began since then."""
    query = select(func.count()).where(event.c.card_id == card_id, event.c.at > since, *_COUNTS)
    found: int = connection.execute(query).scalar_one()
    return found
