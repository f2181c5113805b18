"""What signs against a card lead to: weighed by its scenario's ladder, confirmed where they are weak, and held back
where the verifier may not act by itself."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, insert, select, update

from ..appraisal import Card, Device
from ..binding import explains, swap_is_open
from ..lifecycle import Access, Event, State
from ..observation import Sign
from ..policy import Policy
from ..reasons import Reason
from ..scenario import Rung, Scenario, Step
from . import cards, checks, gate
from .checks import COUNTER as COUNTER
from .checks import ENDED_BY_EVIDENCE
from .checks import EVIDENCE as EVIDENCE
from .schema import card, device
from .schema import sign as table

_ENDED_BY_ANY = tuple(set(ENDED_BY_EVIDENCE) - {Reason.OFTEN_WARNED})
"""Those that Evidence ends whatever it says of the card,"""
_ENDED_BY_ABSENCE = tuple(set(_ENDED_BY_ANY) - {Reason.TRAFFIC_UNATTESTED})
"""and those that it ends even if it says that the card is gone."""

_EVENTS = {
    Step.ALERT: Event.ALERT,
    Step.RECHECK: Event.RECHECK,
    Step.RESTRICT: Event.RESTRICT,
    Step.SUSPEND: Event.SUSPEND,
}
_GONE = frozenset({Reason.TRAY_EMPTY, Reason.CARD_CHANGED})
_BEFORE = "before"
"""Of a sign's facts: when it came before, where it has to be confirmed."""
_SETTLED = 0
"""In place of how often a sign came: a person has looked at it."""
_CUTS_OFF = frozenset({Event.RESTRICT, Event.SUSPEND, Event.EXPIRE})

_SIGN = (table.c.card_id == bindparam("about")) & (table.c.reason == bindparam("why"))
_KNOWN = select(table.c.first_at, table.c.last_at, table.c.times, table.c.cleared_at, table.c.facts).where(_SIGN)
_ADD = insert(table)
_CHANGE = update(table).where(_SIGN)
_NOT_AFFIRMED = update(card).where(card.c.id == bindparam("about")).values(affirmed=0)
_STILL_THERE = select(table.c.reason).where(table.c.card_id == bindparam("about"), table.c.cleared_at.is_(None))


class Told(NamedTuple):
    """Where signs come from, for the card's history."""

    at: float
    source: str
    device_id: int | None = None
    evidence_id: int | None = None


def note(
    connection: Connection, about: Card, signs: Iterable[Sign], scenario: Scenario, policy: Policy, told: Told
) -> Card:
    """Takes a card through what signs lead to. Signs that the scenario ignores, or that an announced swap explains,
    count for nothing."""
    if swap_is_open(about, told.at):
        signs = _unexplained(connection, about, signs)
    weighed = [
        (_confirmed(connection, about, sign, scenario, told), sign)
        for sign in signs
        if scenario.step(sign.reason) is not Step.IGNORE
    ]
    if not weighed or about.status.state is State.RETIRED:
        return about
    connection.execute(_NOT_AFFIRMED, {"about": about.id})
    if told.source == EVIDENCE:
        gone = not _GONE.isdisjoint(sign.reason for _, sign in weighed)
        clear(connection, about.id, told.at, reasons=_ENDED_BY_ABSENCE if gone else _ENDED_BY_ANY)
    gravest = max((step for step, _ in weighed), key=lambda step: step.weight)
    reasons = [sign.reason for _, sign in sorted(weighed, key=lambda found: -found[0].weight)]
    facts = {sign.reason.value: sign.facts for _, sign in weighed if sign.facts}
    deadline = checks.deadline(connection, about, scenario, told.at) if gravest is Step.RECHECK else None
    return enforce(
        connection, about, _EVENTS[gravest], reasons, policy, told, deadline=deadline, facts=facts,
        remind_s=scenario.second_check.remind_s,
    )  # fmt: skip


def _unexplained(connection: Connection, about: Card, signs: Iterable[Sign]) -> list[Sign]:
    query = select(device.c.id, device.c.imei, device.c.imei2).where(device.c.id == about.swap_device_id)
    announced = Device(*connection.execute(query).one())
    return [sign for sign in signs if not explains(announced, sign)]


def _confirmed(connection: Connection, about: Card, sign: Sign, scenario: Scenario, told: Told) -> Step:
    """Counts the sign. Its step, or ALERT as long as it has not come often enough, or after a person settled it."""
    rung = scenario.rung(sign.reason)
    mild = min(rung.step, Step.ALERT, key=lambda step: step.weight)
    key = {"about": about.id, "why": sign.reason}
    known = connection.execute(_KNOWN, key).first()
    values: dict[str, Any] = {"source": told.source, "first_at": told.at, "last_at": told.at, "cleared_at": None}
    if known is None:
        added = {"card_id": about.id, "reason": sign.reason, "times": 1, "facts": sign.facts}
        connection.execute(_ADD, added | values)
        return rung.step if rung.confirm == 1 else mild
    if known.times == _SETTLED and told.at - known.cleared_at <= scenario.hysteresis.rest_s:
        connection.execute(_CHANGE, {**key, "last_at": told.at, "facts": sign.facts})
        return mild
    before = [] if known.times == _SETTLED else _before(known, rung, told.at)
    if known.cleared_at is None:
        values["first_at"] = known.first_at
    facts = sign.facts | ({_BEFORE: before} if before else {})
    connection.execute(_CHANGE, {**key, "times": len(before) + 1, "facts": facts, **values})
    return rung.step if len(before) + 1 >= rung.confirm else mild


def _before(known: Any, rung: Rung, at: float) -> list[float]:
    """When a weak sign came before, within its window and as often as matters. Coming and going, it is the same one."""
    times = [*known.facts.get(_BEFORE, ()), known.last_at]
    counted = [each for each in times if at - each <= rung.within_s]
    return counted[max(len(counted) + 1 - rung.confirm, 0) :]


def enforce(
    connection: Connection,
    about: Card,
    what: Event,
    reasons: list[Reason],
    policy: Policy,
    told: Told,
    *,
    deadline: float | None = None,
    remind_s: int = 0,
    **detail: Any,
) -> Card:
    """Takes a card through an event that the verifier decides by itself. What would cut it off passes the gate of its
    rule, the first of the reasons; where that is shut the card is warned, and a person decides."""
    rule = reasons[0]
    more: dict[str, Any] = {"device_id": told.device_id, "evidence_id": told.evidence_id}
    shut = (
        what in _CUTS_OFF and _would_cut_off(about, what) and not gate.passes(connection, about, rule, policy, told.at)
    )
    if not shut:
        return cards.change(
            connection, about, what, at=told.at, actor="verifier", reasons=reasons, deadline=deadline,
            remind_s=remind_s, **more, **detail,
        )  # fmt: skip
    return leave_to_a_person(connection, about, what, reasons, told, **detail)


def leave_to_a_person(
    connection: Connection, about: Card, what: Event, reasons: list[Reason], told: Told, **detail: Any
) -> Card:
    """Warns a card, and has what would be done to it wait for a person, under the first of the reasons."""
    more: dict[str, Any] = {"device_id": told.device_id, "evidence_id": told.evidence_id}
    event_id = cards.record(
        connection, about, "withheld", at=told.at, actor="verifier", reasons=reasons, **more, what=what, **detail
    )
    gate.withhold(connection, about, reasons[0], Event.SUSPEND if what is Event.EXPIRE else what, event_id, told.at)
    connection.execute(update(card).where(card.c.id == about.id).values(deadline=None, remind_at=None))
    about = about._replace(deadline=None)
    if about.status.state not in (State.BOUND, State.WARNED):
        return about
    return cards.change(connection, about, Event.ALERT, at=told.at, actor="verifier", reasons=reasons, **more)


def _would_cut_off(about: Card, what: Event) -> bool:
    if what is Event.RESTRICT:
        return about.status.access is Access.ALLOWED and about.status.state in (State.BOUND, State.WARNED)
    return about.status.access is not Access.BARRED


def clear(connection: Connection, card_id: int, at: float, *, reasons: Iterable[Reason]) -> None:
    """These signs are there no more."""
    _clear(connection, card_id, at, table.c.reason.in_(list(reasons)))


def _clear(connection: Connection, card_id: int, at: float, which: ColumnElement[bool]) -> None:
    connection.execute(
        update(table).where(table.c.card_id == card_id, table.c.cleared_at.is_(None), which).values(cleared_at=at)
    )


def forget(connection: Connection, card_id: int, at: float) -> None:
    """A person has decided over the card: what spoke against it is settled, and rests for a while if it comes again."""
    connection.execute(update(table).where(table.c.card_id == card_id).values(cleared_at=at, times=_SETTLED))


def still_there(connection: Connection, card_id: int) -> list[Reason]:
    """The signs against a card that nothing has ended."""
    return [Reason(reason) for reason in connection.execute(_STILL_THERE, {"about": card_id}).scalars()]


def affirmed(connection: Connection, about: Card, scenario: Scenario, told: Told) -> bool:
    """Counts affirming Evidence of a card that is warned or suspended: it ends what it answers, and the second check
    with it. Whether it leads back: it came often enough in a row, and no sign from elsewhere is left; of a suspended
    card, none that its key cannot answer. Whom a person has let in to be re-verified, the key alone may affirm."""
    _clear(connection, about.id, told.at, (table.c.source == EVIDENCE) | table.c.reason.in_(ENDED_BY_EVIDENCE))
    if about.status.state is State.REVERIFYING:
        return True
    standing = checks.standing(connection, about.id, scenario)
    if about.status.state is State.SUSPENDED:
        return not standing
    if standing:
        checks.answer(connection, about, standing, told.at, told.evidence_id)
    ends = {} if standing else {"deadline": None, "remind_at": None}
    counted = update(card).where(card.c.id == about.id).values(affirmed=card.c.affirmed + 1, **ends)
    times: int = connection.execute(counted.returning(card.c.affirmed)).scalar_one()
    return times >= scenario.hysteresis.affirmations and not still_there(connection, about.id)
