"""Cards in the database, and the one place where a card's state changes: transition, history, notice to its holder and
outbox together."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, insert, select, update

from .. import lifecycle
from ..appraisal import Card
from ..lifecycle import Event, State, transition
from ..reasons import Reason
from . import notices
from .schema import card, command, device, event, evidence, withheld

_STATUSES = {(status.state.value, status.access.value): status for status in lifecycle.STATUSES}

COLUMNS = (
    card.c.id,
    card.c.iccid,
    card.c.imsi,
    card.c.scenario,
    card.c.state,
    card.c.access,
    card.c.since,
    card.c.device_id,
    card.c.accused_at,
    card.c.held,
    card.c.challenged,
    card.c.sim_key,
    card.c.deadline,
    card.c.swap_device_id,
    card.c.swap_until,
)
"""What a Card is made of."""

# Made once: building a statement takes SQLAlchemy several times as long as running it.
_BY_ID = select(*COLUMNS).where(card.c.id == bindparam("about"))
_RECORD = insert(event).returning(event.c.id)
_CHANGE = update(card).where(card.c.id == bindparam("about"))
_MOOT = (
    update(withheld)
    .where(withheld.c.card_id == bindparam("about"), withheld.c.outcome == "waiting")
    .values(outcome="moot", decided_at=bindparam("now"))
)
_SUPERSEDE = (
    update(command)
    .where(command.c.card_id == bindparam("about"), command.c.outcome == "pending")
    .values(outcome="superseded", done_at=bindparam("now"))
)
_COMMAND = insert(command)


def card_from_row(row: tuple[Any, ...]) -> Card:
    """A Card from COLUMNS."""
    id_, iccid, imsi, scenario, state, access, since, device_id, accused_at, held, challenged, *more = row
    status = _STATUSES[state, access]
    return Card(id_, iccid, imsi, scenario, status, since, device_id, accused_at, bool(held), bool(challenged), *more)


def by_iccid(connection: Connection, iccid: str) -> Card | None:
    row = connection.execute(select(*COLUMNS).where(card.c.iccid == iccid)).first()
    return None if row is None else card_from_row(tuple(row))


def by_id(connection: Connection, card_id: int) -> Card:
    return card_from_row(tuple(connection.execute(_BY_ID, {"about": card_id}).one()))


def of_device(connection: Connection, device_id: int) -> list[Card]:
    """The cards that are bound to a device: one, or in scenarios that allow it several."""
    query = select(*COLUMNS).where(card.c.device_id == device_id).order_by(card.c.id)
    return [card_from_row(tuple(row)) for row in connection.execute(query)]


def record(
    connection: Connection,
    about: Card,
    kind: str,
    *,
    at: float,
    actor: str,
    reasons: Iterable[Reason] = (),
    device_id: int | None = None,
    evidence_id: int | None = None,
    **detail: Any,
) -> int:
    """Writes one line of the card's history. Returns the event's id."""
    values = {
        "at": at,
        "card_id": about.id,
        "device_id": device_id,
        "evidence_id": evidence_id,
        "kind": kind,
        "actor": actor,
        "state": about.status.state,
        "access": about.status.access,
        "reasons": ",".join(reasons),
        "detail": detail,
    }
    added: int = connection.execute(_RECORD, values).scalar_one()
    return added


def change(
    connection: Connection,
    before: Card,
    what: Event,
    *,
    at: float,
    actor: str,
    reasons: Iterable[Reason] = (),
    device_id: int | None = None,
    evidence_id: int | None = None,
    deadline: float | None = None,
    remind_s: float = 0,
    hold: bool = False,
    **detail: Any,
) -> Card:
    """Takes a card through an event: new state, a line of history and, where its holder or the network has to be told,
    a notice and a command, all in the connection's transaction. An event that changes nothing writes nothing. Raises
    lifecycle.Refused.

    deadline: of the check that the event starts; where one is running, that one stays. remind_s: how long before it
    the card's holder is reminded; 0: never. hold: only an operator lifts the suspension that this causes."""
    status = transition(before.status, what, has_device=before.device_id is not None)
    held = (hold or before.held) and status.state in (State.SUSPENDED, State.REVERIFYING)
    if status.state not in (State.WARNED, State.REVERIFYING):
        deadline = None  # nothing is left to be checked in time
    elif before.deadline is not None and before.status.state is status.state is State.WARNED:
        deadline = before.deadline
    stays = status == before.status and held == before.held and deadline == before.deadline
    if stays and what not in (Event.BIND, Event.UNBIND):
        return before
    after = before._replace(status=status, since=at, held=held, deadline=deadline)
    values = {"state": status.state, "access": status.access, "since": at, "deadline": deadline, "held": held}
    if deadline != before.deadline:
        values["remind_at"] = (
            deadline - remind_s if deadline is not None and at < deadline - remind_s < deadline else None
        )
    connection.execute(_CHANGE, {"about": before.id, **values})
    if status.state is not State.WARNED:
        # Whatever was held back for a person to decide is decided by that.
        connection.execute(_MOOT, {"about": before.id, "now": at})
    reasons = list(reasons)
    event_id = record(
        connection,
        after,
        what.value,
        at=at,
        actor=actor,
        reasons=reasons,
        device_id=device_id,
        evidence_id=evidence_id,
        **detail,
    )
    notices.follow(
        connection, before, after, event_id, at=at, actor=actor, reasons=reasons, evidence_id=evidence_id, detail=detail
    )
    if status.access is not before.status.access:
        tell_the_network(connection, after, event_id, at)
    return after


def tell_the_network(connection: Connection, about: Card, event_id: int, at: float) -> None:
    """Leaves a command in the outbox that the card's access be what its status says, in place of an earlier one."""
    connection.execute(_SUPERSEDE, {"about": about.id, "now": at})
    told = {"at": at, "card_id": about.id, "event_id": event_id, "imsi": about.imsi, "next_at": at}
    connection.execute(_COMMAND, {**told, "access": about.status.access})


def history(connection: Connection, card_id: int) -> list[RowMapping]:
    """Every event of a card with the kid of the device and the time of the Evidence concerned, oldest first."""
    query = (
        select(event, device.c.kid, evidence.c.at.label("evidence_at"))
        .select_from(
            event.outerjoin(device, device.c.id == event.c.device_id).outerjoin(
                evidence, evidence.c.id == event.c.evidence_id
            )
        )
        .where(event.c.card_id == card_id)
        .order_by(event.c.id)
    )
    return list(connection.execute(query).mappings())
