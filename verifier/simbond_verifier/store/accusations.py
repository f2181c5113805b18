"""Accusations: claims about a card by a key that is not bound to it, and how they end (docs/adr/accusation.md)."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, case, func, insert, select, update

from ..appraisal import Card
from ..lifecycle import Event, State
from ..policy import Policy
from ..reasons import Reason
from . import cards, signs
from .schema import accusation, card, device, event
from .signs import Told

_OPEN_AT_ONCE = 3
"""Claims of one device that wait at the same time. A device holds one card or two; more is a fleet being searched."""

SETTLED_BY = (Event.BIND, Event.LIFT, Event.OPEN, "dismissed")
"""Decisions of a person: what was seen before them speaks against the card no more."""

_SKEW_S = 5.0
"""How far the network's clock and ours may be apart."""


class Open(NamedTuple):
    """An accusation that waits for a second source."""

    id: int
    at: float
    card_id: int
    imsi: str
    scenario: str
    accuser_imei: str
    accuser_imei2: str | None
    accuser_refuted: int
    """How many of the accuser's claims were refuted before."""
    bound_imei: str | None
    bound_imei2: str | None
    held_at: float | None
    """When the bound device last reported that it holds the card; None where its newest word is another."""
    bound_revoked: bool
    """The bound device's key counts for nothing any more: it could not answer."""
    decided_at: float | None
    """When a person last decided over the card, or it was bound."""

    @property
    def same_imei(self) -> bool:
        """Whole batches share one IMEI, and a device that lost its key comes back with a new one."""
        bound = {self.bound_imei, self.bound_imei2} - {None}
        return self.accuser_imei in bound or self.accuser_imei2 in bound

    def is_borne_out(self, imei: str, at: float | None) -> bool:
        """Whether it is one, independent, second voice that the network saw the card with this IMEI (14 to 16 digits),
        at a time if it knows."""
        # The last digits are a check digit or the software version: the network may send either (TS 23.003 6.2).
        if self.same_imei or imei[:14] not in (self.accuser_imei, self.accuser_imei2):
            return False
        # What was seen before the bound device last proved that it holds the card, or before a person decided over it,
        # is the past, a settled theft perhaps.
        return at is None or at + _SKEW_S >= max(self.held_at or 0.0, self.decided_at or 0.0)


def accuse(connection: Connection, claimed: Card, by: Told) -> int | None:
    """Notes the claim. Returns the id of a new accusation; None where this device's earlier one is still open, or too
    many of them are."""
    pending = select(accusation.c.card_id).where(accusation.c.device_id == by.device_id, accusation.c.outcome == "open")
    waiting = connection.execute(pending).scalars().all()
    if claimed.id in waiting or len(waiting) >= _OPEN_AT_ONCE:
        return None
    added = _add(connection, claimed, by)
    refuted = connection.execute(select(device.c.refuted).where(device.c.id == by.device_id)).scalar_one()
    connection.execute(
        update(card)
        .where(card.c.id == claimed.id)
        .values(accused_at=by.at, challenged=card.c.challenged | (refuted == 0))
    )
    if refuted:
        return added  # whoever has lied before moves nothing by words alone
    told: dict[str, Any] = {
        "at": by.at,
        "actor": "verifier",
        "reasons": [Reason.FOREIGN_DEVICE_CLAIM],
        "device_id": by.device_id,
        "evidence_id": by.evidence_id,
    }
    if claimed.status.state in (State.BOUND, State.WARNED):
        cards.change(connection, claimed, Event.ALERT, **told)
    else:
        cards.record(connection, claimed, "accused", **told)  # words do not end a re-verification
    return added


def prove(connection: Connection, claimed: Card, policy: Policy, by: Told) -> None:
    """The card's own SIM has signed the claim: it waits for no second source, and takes no place among those that do.
    Suspends the card."""
    added = _add(connection, claimed, by)
    uphold(connection, added, "sim", policy, by.at)


def _add(connection: Connection, claimed: Card, by: Told) -> int:
    added: int = connection.execute(
        insert(accusation)
        .values(at=by.at, card_id=claimed.id, device_id=by.device_id, evidence_id=by.evidence_id, outcome="open")
        .returning(accusation.c.id)
    ).scalar_one()
    return added


def still_open(connection: Connection, card_id: int | None = None) -> list[Open]:
    """The open accusations, of one card or of all, oldest first."""
    bound = device.alias("bound")
    decided_at = (
        select(func.max(event.c.at)).where(event.c.card_id == card.c.id, event.c.kind.in_(SETTLED_BY)).scalar_subquery()
    )
    query = (
        select(
            accusation.c.id,
            accusation.c.at,
            accusation.c.card_id,
            card.c.imsi,
            card.c.scenario,
            device.c.imei,
            device.c.imei2,
            device.c.refuted,
            bound.c.imei,
            bound.c.imei2,
            case((bound.c.holds == card.c.iccid, bound.c.seen_at)),
            bound.c.revoked_at.is_not(None),
            decided_at,
        )
        .join(card, card.c.id == accusation.c.card_id)
        .join(device, device.c.id == accusation.c.device_id)
        .outerjoin(bound, bound.c.id == card.c.device_id)
        .where(accusation.c.outcome == "open")
        .order_by(accusation.c.id)
    )
    if card_id is not None:
        query = query.where(accusation.c.card_id == card_id)
    return [Open(*tuple(row)) for row in connection.execute(query)]


def uphold(connection: Connection, accusation_id: int, source: str, policy: Policy, at: float) -> Card | None:
    """A second source agrees: suspends the card. None where the accusation is not open any more."""
    row = connection.execute(
        select(accusation.c.card_id, accusation.c.device_id, accusation.c.evidence_id, device.c.imei)
        .join(device, device.c.id == accusation.c.device_id)
        .where(accusation.c.id == accusation_id, accusation.c.outcome == "open")
    ).first()
    if row is None:
        return None
    card_id, accuser_id, evidence_id, imei = row
    _close(connection, card_id, "upheld", source, at)
    before = cards.by_id(connection, card_id)
    if before.status.state is State.RETIRED:
        return before
    return signs.enforce(
        connection,
        before,
        Event.SUSPEND,
        [Reason.FOREIGN_DEVICE],
        policy,
        Told(at, source, accuser_id, evidence_id),
        foreign_imei=imei,
        corroborated_by=source,
    )


def refute(connection: Connection, accused: Card, by: Told) -> None:
    """The bound device has proved that it holds the card: the accusations fall back on the accusers."""
    accusers = select(accusation.c.device_id).where(accusation.c.card_id == accused.id, accusation.c.outcome == "open")
    believed = select(device.c.id).where(device.c.id.in_(accusers), device.c.refuted == 0)
    noted = connection.execute(believed).first() is not None
    connection.execute(update(device).where(device.c.id.in_(accusers)).values(refuted=device.c.refuted + 1))
    _close(connection, accused.id, "refuted", "bound device", by.at)
    if not noted:
        return  # the history says nothing of claims that nobody believed
    cards.record(
        connection,
        accused,
        "accusation-refuted",
        at=by.at,
        actor="verifier",
        device_id=accused.device_id,
        evidence_id=by.evidence_id,
    )


def settle(connection: Connection, card_id: int, at: float, *, of_device: int | None = None) -> None:
    """The card was bound anew or retired: earlier claims about it are moot. of_device: only those of this one, because
    people have decided that it may have the card."""
    if of_device is None:
        _close(connection, card_id, "settled", "operator", at)
        return
    connection.execute(
        update(accusation)
        .where(accusation.c.card_id == card_id, accusation.c.device_id == of_device, accusation.c.outcome == "open")
        .values(outcome="settled", source="operator", closed_at=at)
    )
    _count_open(connection, card_id)


def expire(connection: Connection, accusation_id: int, at: float) -> None:
    """Nothing agreed within the scenario's window."""
    row = connection.execute(
        update(accusation)
        .where(accusation.c.id == accusation_id, accusation.c.outcome == "open")
        .values(outcome="expired", closed_at=at)
        .returning(accusation.c.card_id)
    ).first()
    if row is None:
        return
    _count_open(connection, row.card_id)
    cards.record(connection, cards.by_id(connection, row.card_id), "accusation-expired", at=at, actor="verifier")


def _count_open(connection: Connection, card_id: int) -> None:
    """Some claims about the card are open no more."""
    newest = (
        select(func.max(accusation.c.at))
        .where(accusation.c.card_id == card_id, accusation.c.outcome == "open")
        .scalar_subquery()
    )
    connection.execute(
        update(card)
        .where(card.c.id == card_id)
        .values(accused_at=newest, challenged=card.c.challenged & newest.is_not(None))
    )


def _close(connection: Connection, card_id: int, outcome: str, source: str, at: float) -> None:
    connection.execute(
        update(accusation)
        .where(accusation.c.card_id == card_id, accusation.c.outcome == "open")
        .values(outcome=outcome, source=source, closed_at=at)
    )
    connection.execute(update(card).where(card.c.id == card_id).values(accused_at=None, challenged=False))
