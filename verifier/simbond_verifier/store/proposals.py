"""What one person asks for and another decides (docs/deciding.md). Each step is a line of history."""

from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, Select, insert, select, update

from ..refusal import Conflict, NotFound
from . import cards, fleet_events
from .schema import card, device, proposal


class Kind(StrEnum):
    """What may be asked for."""

    BIND = "bind"
    UNBIND = "unbind"
    SWAP = "swap"
    RESUME = "resume"
    RETIRE = "retire"
    ERASE = "erase"
    SECOND_SLOT = "second-slot"
    """Stating the IMEI of a device's second slot."""
    RELEASE = "release"
    RELEASE_ALL = "release-all"
    DISMISS = "dismiss"
    DISMISS_ALL = "dismiss-all"
    START_RULE = "start-rule"
    START_ALL = "start-all"
    """Switching the kill switch off."""


class Outcome(StrEnum):
    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    """Nobody decided in time."""


class Order(NamedTuple):
    """Something to be done, by one person or by two."""

    kind: Kind
    reason: str
    card_id: int | None = None
    device_id: int | None = None
    detail: dict[str, Any] = {}  # noqa: RUF012 - never changed
    """What else the kind needs, JSON values."""


class Proposal(NamedTuple):
    """An order that waits, or waited, for a second person."""

    id: int
    order: Order
    asked_by: str
    asked_at: float
    expires_at: float
    outcome: Outcome


def ask(connection: Connection, order: Order, *, actor: str, now: float, expires_s: float) -> int:
    """Has an order wait for another person's decision. Returns the proposal's id; the earlier one's where the same
    person asked for the same. Raises Conflict where something else is asked about this already."""
    known = _open_like(connection, order)
    if known is not None:
        if (known.order._replace(reason=order.reason), known.asked_by) == (order, actor):
            return known.id
        raise Conflict(
            "decision-open",
            f"{known.asked_by} has asked for this kind of decision already (number {known.id}); "
            "have that one decided or withdrawn first.",
            decision=known.id,
        )
    added: int = connection.execute(
        insert(proposal)
        .values(**order._asdict(), asked_by=actor, asked_at=now, expires_at=now + expires_s, outcome=Outcome.OPEN)
        .returning(proposal.c.id)
    ).scalar_one()
    _record(connection, added, order, "asked", at=now, actor=actor, reason=order.reason)
    return added


def approve(connection: Connection, proposal_id: int, *, words: str, actor: str, now: float) -> Proposal:
    """Another person agrees: the order may be carried out, in this transaction. Raises NotFound, Conflict."""
    found = _open(connection, proposal_id, now)
    require_other(found.asked_by, actor)
    return _decide(connection, found, Outcome.APPROVED, words=words, actor=actor, now=now)


def refuse(connection: Connection, proposal_id: int, *, words: str, actor: str, now: float) -> Proposal:
    """Another person disagrees. Raises NotFound, Conflict."""
    found = _open(connection, proposal_id, now)
    require_other(found.asked_by, actor)
    return _decide(connection, found, Outcome.REFUSED, words=words, actor=actor, now=now)


def withdraw(connection: Connection, proposal_id: int, *, actor: str, now: float) -> Proposal:
    """Whoever asked does not want it any more. Raises NotFound, Conflict."""
    found = _open(connection, proposal_id, now)
    if found.asked_by != actor:
        raise Conflict("not-asker", f"{found.asked_by} has asked for this; refuse it instead.")
    return _decide(connection, found, Outcome.WITHDRAWN, words="", actor=actor, now=now)


def require_other(asked_by: str, actor: str) -> None:
    """Nobody decides over what they asked for, whatever their role. Raises Conflict."""
    if asked_by == actor:
        raise Conflict("same-person", "You have asked for this yourself; it takes another person to decide.")


def due(connection: Connection, now: float) -> bool:
    """Whether the time of any proposal is over."""
    return connection.execute(_overdue(now).limit(1)).first() is not None


def expire(connection: Connection, now: float, limit: int = 100) -> int:
    """Closes proposals that nobody decided in time, the oldest first. Returns how many."""
    overdue = connection.execute(_overdue(now).limit(limit)).mappings().all()
    for row in overdue:
        _decide(connection, _from_row(row), Outcome.LAPSED, words="", actor="verifier", now=now)
    return len(overdue)


def show(connection: Connection, proposal_id: int) -> dict[str, Any]:
    """One proposal, as operators see it. Raises NotFound."""
    row = connection.execute(_VIEWS.where(proposal.c.id == proposal_id)).mappings().first()
    if row is None:
        raise _unknown(proposal_id)
    return _view(row)


def list_all(connection: Connection, *, outcome: Outcome | None, after: int, limit: int) -> list[dict[str, Any]]:
    """Proposals in the order in which they were asked for, from the one behind `after`."""
    query = _VIEWS.where(proposal.c.id > after).order_by(proposal.c.id).limit(limit)
    if outcome is not None:
        query = query.where(proposal.c.outcome == outcome)
    return [_view(row) for row in connection.execute(query).mappings()]


_VIEWS = (
    select(proposal, card.c.iccid, device.c.kid)
    .select_from(proposal)
    .outerjoin(card, card.c.id == proposal.c.card_id)
    .outerjoin(device, device.c.id == proposal.c.device_id)
)


def _view(row: RowMapping) -> dict[str, Any]:
    plain = ("id", "kind", "iccid", "detail", "reason", "asked_by", "asked_at", "expires_at", "outcome", "words")
    return {name: row[name] for name in (*plain, "decided_by", "decided_at")} | {
        "device": None if row["kid"] is None else row["kid"].hex()
    }


def _overdue(now: float) -> Select[Any]:
    still_open = (proposal.c.outcome == Outcome.OPEN) & (proposal.c.expires_at <= now)
    return select(proposal).where(still_open).order_by(proposal.c.expires_at)


def _open_like(connection: Connection, order: Order) -> Proposal | None:
    """The open proposal about the same thing: the card, the device, or for the fleet what the order names."""
    query = select(proposal).where(
        proposal.c.outcome == Outcome.OPEN, proposal.c.kind == order.kind, proposal.c.card_id == order.card_id
    )
    found = map(_from_row, connection.execute(query).mappings())
    about_one = order.card_id is not None
    return next((each for each in found if about_one or _about(each.order) == _about(order)), None)


def _about(order: Order) -> Any:
    return order.detail if order.device_id is None else order.device_id


def _open(connection: Connection, proposal_id: int, now: float) -> Proposal:
    row = connection.execute(select(proposal).where(proposal.c.id == proposal_id)).mappings().first()
    if row is None:
        raise _unknown(proposal_id)
    outcome = Outcome.LAPSED if row["outcome"] == Outcome.OPEN and row["expires_at"] <= now else row["outcome"]
    if outcome != Outcome.OPEN:
        raise Conflict("decision-closed", f"Decision {proposal_id} is {outcome} already; ask anew.", outcome=outcome)
    return _from_row(row)


def _unknown(proposal_id: int) -> NotFound:
    return NotFound("decision-unknown", f"Nobody has asked for a decision {proposal_id}; see 'simbond decisions list'.")


def _from_row(row: RowMapping) -> Proposal:
    order = Order(Kind(row["kind"]), row["reason"], row["card_id"], row["device_id"], row["detail"])
    return Proposal(row["id"], order, row["asked_by"], row["asked_at"], row["expires_at"], Outcome(row["outcome"]))


def _decide(
    connection: Connection, found: Proposal, outcome: Outcome, *, words: str, actor: str, now: float
) -> Proposal:
    connection.execute(
        update(proposal)
        .where(proposal.c.id == found.id)
        .values(outcome=outcome, decided_by=actor, decided_at=now, words=words)
    )
    told = {"words": words} if words else {}
    _record(connection, found.id, found.order, outcome, at=now, actor=actor, asked_by=found.asked_by, **told)
    return found._replace(outcome=outcome)


def _record(
    connection: Connection, proposal_id: int, order: Order, kind: str, *, at: float, actor: str, **detail: Any
) -> None:
    told = {"decision": proposal_id, "what": order.kind.value} | order.detail | detail
    if order.card_id is None:
        fleet_events.record(connection, f"decision-{kind}", at=at, actor=actor, device_id=order.device_id, **told)
        return
    about = cards.by_id(connection, order.card_id)
    cards.record(connection, about, f"decision-{kind}", at=at, actor=actor, device_id=order.device_id, **told)
