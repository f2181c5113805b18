"""What stops the verifier from acting by itself: the kill switch, and the blast radius of every rule
(docs/blast-radius.md).

Only what it decides alone is held back. What a person orders is carried out.
"""

import json
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Connection, Engine, bindparam, delete, func, insert, select, true, update

from ..appraisal import Card
from ..lifecycle import Access, Event
from ..policy import Policy
from ..reasons import Reason
from ..refusal import Conflict, NotFound
from . import cards, fleet_events
from .schema import breaker, card, command, enforced, event, setting, withheld
from .tokens import VERIFIER

_KILL_SWITCH = "kill-switch"
_COUNT_AGAIN_S = 300.0
_counted: WeakKeyDictionary[Engine, tuple[float, int]] = WeakKeyDictionary()

_SWITCHED = select(setting.c.value).where(setting.c.name == _KILL_SWITCH)
_STOPPED = select(breaker.c.rule).where(breaker.c.rule == bindparam("which"))
_DONE = select(enforced.c.rule, func.count(), func.min(enforced.c.at)).group_by(enforced.c.rule)
_TOO_OLD = delete(enforced).where(enforced.c.at <= bindparam("until"))
_ENFORCED = insert(enforced)


class Withheld(NamedTuple):
    """What the verifier would have done to a card."""

    id: int
    at: float
    card_id: int
    rule: Reason
    what: Event


def passes(connection: Connection, about: Card, rule: Reason, policy: Policy, at: float) -> bool:
    """Whether this rule may cut off one more card now; if so, the card is counted. One that may not any more is
    stopped; where all of them together did too much, the kill switch goes on."""
    if kill_switch(connection) is not None or _is_stopped(connection, rule):
        return False
    radius = policy.blast_radius
    done = _done(connection, since=at - radius.window_s)
    number, total = done.get(rule, 0) + 1, sum(done.values()) + 1
    if number > radius.number and number > radius.share * _in_use(connection, at):
        connection.execute(insert(breaker).values(rule=rule, tripped_at=at, enforced=number - 1))
        fleet_events.record(connection, "rule-stopped", actor="verifier", at=at, rule=rule, enforced=number - 1)
        return False
    if total > radius.total_number and total > radius.total_share * _in_use(connection, at):
        why = f"all rules together cut off {total - 1} cards within {radius.window_s} s"
        set_kill_switch(connection, True, reason=why, actor=VERIFIER, now=at)
        return False
    connection.execute(_ENFORCED, {"at": at, "rule": rule, "card_id": about.id})
    return True


def _done(connection: Connection, since: float) -> dict[str, int]:
    """How many cards each rule has cut off; what is older than that is deleted."""
    found = connection.execute(_DONE).all()
    if any(oldest <= since for _, _, oldest in found):
        connection.execute(_TOO_OLD, {"until": since})
        found = connection.execute(_DONE).all()
    return {rule: number for rule, number, _ in found}


def _is_stopped(connection: Connection, rule: Reason) -> bool:
    return connection.execute(_STOPPED, {"which": rule}).first() is not None


def _in_use(connection: Connection, at: float) -> int:
    """How many cards are bound; at most some minutes old, because counting a million takes long."""
    counted_at, counted = _counted.get(connection.engine, (0.0, 0))
    if not 0 <= at - counted_at < _COUNT_AGAIN_S:
        counted = connection.execute(select(func.count()).where(card.c.device_id.is_not(None))).scalar_one()
        _counted[connection.engine] = (at, counted)
    return counted


def withhold(connection: Connection, about: Card, rule: Reason, what: Event, event_id: int, at: float) -> None:
    """Keeps for a person what a stopped rule would have done. A card waits once, for the gravest."""
    waiting = connection.execute(
        select(withheld.c.id, withheld.c.what).where(withheld.c.card_id == about.id, withheld.c.outcome == "waiting")
    ).first()
    if waiting is None:
        connection.execute(insert(withheld).values(at=at, card_id=about.id, rule=rule, what=what, event_id=event_id))
    elif what is Event.SUSPEND and waiting.what != Event.SUSPEND:
        connection.execute(
            update(withheld).where(withheld.c.id == waiting.id).values(rule=rule, what=what, event_id=event_id)
        )


def waiting(
    connection: Connection, *, rule: Reason | None = None, after: int = 0, up_to: int | None = None, limit: int = 100
) -> list[Withheld]:
    """What waits for a person, oldest first: of one rule or of all, behind `after`, not behind `up_to`."""
    query = (
        select(withheld.c.id, withheld.c.at, withheld.c.card_id, withheld.c.rule, withheld.c.what)
        .where(withheld.c.outcome == "waiting", withheld.c.id > after)
        .order_by(withheld.c.id)
        .limit(limit)
    )
    if rule is not None:
        query = query.where(withheld.c.rule == rule)
    if up_to is not None:
        query = query.where(withheld.c.id <= up_to)
    return [Withheld(*row[:3], Reason(row.rule), Event(row.what)) for row in connection.execute(query)]


def list_waiting(connection: Connection, *, rule: Reason | None, after: int, limit: int) -> list[dict[str, Any]]:
    """The same with the cards' ICCIDs, for people."""
    found = waiting(connection, rule=rule, after=after, limit=limit)
    wanted = select(card.c.id, card.c.iccid).where(card.c.id.in_([w.card_id for w in found]))
    iccids: dict[int, str] = dict(connection.execute(wanted).tuples().all())
    return [{"id": w.id, "at": w.at, "iccid": iccids[w.card_id], "rule": w.rule, "what": w.what} for w in found]


def last_waiting(connection: Connection, rule: Reason) -> int:
    """The newest of what waits of a rule; there is some."""
    query = select(func.max(withheld.c.id)).where(withheld.c.outcome == "waiting", withheld.c.rule == rule)
    last: int = connection.execute(query).scalar_one()
    return last


def how_many_wait(connection: Connection) -> dict[Reason, int]:
    """By rule."""
    query = select(withheld.c.rule, func.count()).where(withheld.c.outcome == "waiting").group_by(withheld.c.rule)
    return {Reason(rule): number for rule, number in connection.execute(query)}


def release(connection: Connection, withheld_id: int, *, reason: str, actor: str, now: float, **why: Any) -> Card:
    """A person has what was withheld carried out. Raises NotFound, Conflict."""
    found = find(connection, withheld_id)
    _decided(connection, found.id, "released", actor, now)
    about = cards.by_id(connection, found.card_id)
    return cards.change(
        connection,
        about,
        found.what,
        at=now,
        actor=actor,
        reasons=_reasons(connection, found),
        reason=reason,
        withheld_at=found.at,
        **why,
    )


def _reasons(connection: Connection, found: Withheld) -> list[Reason]:
    """Everything that spoke against the card then, the rule first: its holder is told all of it."""
    query = select(event.c.reasons).join(withheld, withheld.c.event_id == event.c.id).where(withheld.c.id == found.id)
    codes = (connection.execute(query).scalar() or "").split(",")
    return [found.rule, *(Reason(code) for code in codes if code and code != found.rule)]


def dismiss(connection: Connection, withheld_id: int, *, reason: str, actor: str, now: float, **why: Any) -> Card:
    """A person decides against it. The card stays as it is, warned. Raises NotFound, Conflict."""
    found = find(connection, withheld_id)
    _decided(connection, found.id, "dismissed", actor, now)
    about = cards.by_id(connection, found.card_id)
    cards.record(connection, about, "dismissed", at=now, actor=actor, reasons=[found.rule], reason=reason, **why)
    return about


def find(connection: Connection, withheld_id: int) -> Withheld:
    """What waits for a person under this number. Raises NotFound, Conflict."""
    row = connection.execute(
        select(
            withheld.c.id, withheld.c.at, withheld.c.card_id, withheld.c.rule, withheld.c.what, withheld.c.outcome
        ).where(withheld.c.id == withheld_id)
    ).first()
    if row is None:
        raise NotFound(
            "withheld-unknown", f"Nothing was withheld under {withheld_id}; see 'simbond enforcement withheld'."
        )
    if row.outcome != "waiting":
        raise Conflict("withheld-decided", f"What was withheld under {withheld_id} is {row.outcome} already.")
    return Withheld(*row[:3], Reason(row.rule), Event(row.what))


def _decided(connection: Connection, withheld_id: int, outcome: str, actor: str, at: float) -> None:
    connection.execute(
        update(withheld).where(withheld.c.id == withheld_id).values(outcome=outcome, decided_by=actor, decided_at=at)
    )


def stopped(connection: Connection) -> list[dict[str, Any]]:
    """The rules that were stopped for cutting off too many cards."""
    return [dict(row) for row in connection.execute(select(breaker).order_by(breaker.c.tripped_at)).mappings()]


def start_again(connection: Connection, rule: Reason, *, reason: str, actor: str, now: float, **why: Any) -> None:
    """A person has looked: the rule acts again, and its window begins anew. Raises NotFound."""
    if connection.execute(delete(breaker).where(breaker.c.rule == rule)).rowcount == 0:
        raise NotFound("rule-not-stopped", f"The rule {rule} is not stopped.")
    connection.execute(delete(enforced).where(enforced.c.rule == rule))
    fleet_events.record(connection, "rule-started", actor=actor, at=now, rule=rule, reason=reason, **why)


def kill_switch(connection: Connection) -> dict[str, Any] | None:
    """Who stopped all automatic enforcement, when and why; None while it runs."""
    found = connection.execute(_SWITCHED).scalar()
    return None if found is None else dict(json.loads(found))


def set_kill_switch(connection: Connection, on: bool, *, reason: str, actor: str, now: float, **why: Any) -> None:
    """Stops all automatic enforcement, or lets it run again: where the verifier had stopped itself, with windows that
    begin anew. What is so already stays as it is."""
    before = kill_switch(connection)
    if (before is not None) == on:
        return
    if on:
        value = json.dumps({"actor": actor, "at": now, "reason": reason}).encode()
        connection.execute(insert(setting).values(name=_KILL_SWITCH, value=value))
    else:
        connection.execute(delete(setting).where(setting.c.name == _KILL_SWITCH))
        if before is not None and before["actor"] == VERIFIER:
            connection.execute(delete(enforced))
    fleet_events.record(
        connection, "kill-switch-on" if on else "kill-switch-off", actor=actor, at=now, reason=reason, **why
    )


def lets_through(connection: Connection) -> ColumnElement[bool]:
    """Which commands may go to the network: all, or while the kill switch is on what lets cards in and what a person
    ordered."""
    if kill_switch(connection) is None:
        return true()
    ordered = select(event.c.id).where(event.c.id == command.c.event_id, event.c.actor != VERIFIER)
    return (command.c.access == Access.ALLOWED) | ordered.exists()
