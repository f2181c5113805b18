"""Which card belongs to which device: what is known where that may change, and the change."""

from typing import Any

from sqlalchemy import Connection, select, update

from ..appraisal import Card
from ..binding import Bound, Facts, shares_device, swap_is_open
from ..lifecycle import Event
from ..reasons import Reason
from ..scenario import Scenarios
from . import accusations, cards, signs
from .schema import card, device, event, network


def history(connection: Connection, card_id: int) -> tuple[Bound, ...]:
    """Every time that a card was bound, oldest first."""
    query = select(event.c.at, event.c.device_id).where(event.c.card_id == card_id, event.c.kind == Event.BIND)
    return tuple(Bound(*row) for row in connection.execute(query.order_by(event.c.id)))


def facts(connection: Connection, claimed: Card, device_id: int, scenarios: Scenarios, now: float) -> Facts:
    """What decides whether a device that attests a card may have it."""
    row = connection.execute(
        select(card.c.imported_at, network.c.imei, network.c.imei_at, device.c.holds, device.c.seen_at)
        .select_from(card)
        .outerjoin(network, network.c.card_id == card.c.id)
        .outerjoin(device, device.c.id == card.c.device_id)
        .where(card.c.id == claimed.id)
    ).one()
    return Facts(
        imported_at=row.imported_at,
        bound=history(connection, claimed.id),
        signs=frozenset(signs.still_there(connection, claimed.id)),
        network_imei=row.imei,
        network_imei_at=row.imei_at or 0.0,
        holder_gone=row.seen_at is not None and row.holds != claimed.iccid,
        holder_seen_at=row.seen_at,
        elsewhere=in_the_way(connection, claimed, device_id, scenarios, now) is not None,
    )


def in_the_way(
    connection: Connection, wanted: Card, device_id: int, scenarios: Scenarios, now: float, scenario: str | None = None
) -> Card | None:
    """A card because of which a device cannot have another one: neither shares its device, nor is about to leave it.

    scenario: of the card that is wanted, its own unless given."""
    shares = shares_device(scenarios.get(scenario or wanted.scenario))
    for other in cards.of_device(connection, device_id):
        leaves = swap_is_open(other, now) and other.swap_device_id != device_id
        if other.id != wanted.id and not leaves and not (shares and shares_device(scenarios.get(other.scenario))):
            return other
    return None


def bind(
    connection: Connection,
    found: Card,
    device_id: int,
    *,
    at: float,
    actor: str,
    scenario: str | None = None,
    reasons: tuple[Reason, ...] = (),
    evidence_id: int | None = None,
    **detail: Any,
) -> Card:
    """Makes a card the device's, in a scenario (its own unless given). What was seen of it in another device, and what
    was claimed about it, is past. Raises lifecycle.Refused."""
    values: dict[str, Any] = {"device_id": device_id, "swap_device_id": None, "swap_until": None}
    values["scenario"] = scenario or found.scenario
    found = found._replace(**values)
    connection.execute(update(card).where(card.c.id == found.id).values(**values))
    connection.execute(update(device).where(device.c.id == device_id).values(absent=False))
    accusations.settle(connection, found.id, at)
    signs.clear(connection, found.id, at, reasons=Reason)
    return cards.change(
        connection, found, Event.BIND, at=at, actor=actor, reasons=reasons, device_id=device_id,
        evidence_id=evidence_id, scenario=found.scenario, **detail,
    )  # fmt: skip


def unbind(connection: Connection, found: Card, *, at: float, actor: str, **detail: Any) -> Card:
    """Takes a card from its device, with the swap that may be announced. Raises lifecycle.Refused."""
    values: dict[str, Any] = {"device_id": None, "swap_device_id": None, "swap_until": None}
    left = found.device_id
    connection.execute(update(card).where(card.c.id == found.id).values(**values))
    accusations.settle(connection, found.id, at)
    signs.clear(connection, found.id, at, reasons=Reason)
    return cards.change(
        connection, found._replace(**values), Event.UNBIND, at=at, actor=actor, device_id=left, **detail
    )
