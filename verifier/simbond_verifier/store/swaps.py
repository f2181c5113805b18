"""A change of device that was announced and approved: its grace window, and how that ends (docs/deciding.md)."""

from typing import Any

from sqlalchemy import Connection, select, update

from ..appraisal import Card
from ..reasons import Reason
from . import accusations, bindings, cards
from .schema import card, device
from .signs import Told


def open_(
    connection: Connection, found: Card, device_id: int, *, until: float, at: float, actor: str, **why: Any
) -> Card:
    """Opens the window in which the device may take the card over. A check that is running lasts as long as that."""
    values: dict[str, Any] = {"swap_device_id": device_id, "swap_until": until}
    if found.deadline is not None:
        values["deadline"] = max(found.deadline, until)
    connection.execute(update(card).where(card.c.id == found.id).values(**values))
    accusations.settle(connection, found.id, at, of_device=device_id)
    found = found._replace(**values)
    cards.record(connection, found, "swap-opened", at=at, actor=actor, device_id=device_id, until=until, **why)
    return found


def close(connection: Connection, found: Card, told: Told) -> Card:
    """The announced device has attested the card: it is that device's now. Others who claimed it are refuted."""
    assert found.swap_device_id is not None
    if found.accused_at is not None:
        accusations.refute(connection, found, told)
    return bindings.bind(
        connection,
        cards.by_id(connection, found.id),
        found.swap_device_id,
        at=told.at,
        actor="verifier",
        reasons=(Reason.SWAP_ANNOUNCED,),
        evidence_id=told.evidence_id,
        left=_kid(connection, found.device_id),
    )


def due(connection: Connection, now: float, limit: int = 100) -> list[int]:
    """Cards whose window is over, the oldest first."""
    query = select(card.c.id).where(card.c.swap_until <= now).order_by(card.c.swap_until).limit(limit)
    return list(connection.execute(query).scalars())


def expire(connection: Connection, card_id: int, now: float) -> None:
    """The window is over, and the announced device has not attested: the card stays where it was."""
    found = cards.by_id(connection, card_id)
    connection.execute(update(card).where(card.c.id == card_id).values(swap_device_id=None, swap_until=None))
    cards.record(connection, found, "swap-expired", at=now, actor="verifier", device_id=found.swap_device_id)


def _kid(connection: Connection, device_id: int | None) -> str:
    kid: bytes = connection.execute(select(device.c.kid).where(device.c.id == device_id)).scalar_one()
    return kid.hex()
