"""What signs against a card lead to: weighed by its scenario's ladder, confirmed where they are weak, and held back
where the verifier may not act by itself."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, select, update

from ..appraisal import Card, Device
from ..binding import explains, swap_is_open
from ..lifecycle import Access, Event, State
from ..observation import Sign
from ..policy import Policy
from ..reasons import Reason
from ..scenario import Scenario, Step
from . import cards, checks, gate
from .schema import card, device
from .schema import sign as table

EVIDENCE = "evidence"
"""The source of signs in Evidence: newer Evidence without them ends these."""
COUNTER = "counter"
"""The source of signs in how Evidence is counted: what one key says for itself ends none of these."""

ENDED_BY_EVIDENCE = (Reason.SILENT, Reason.TRAFFIC_UNATTESTED, Reason.NEVER_USED, Reason.SLEEPING, Reason.OFTEN_WARNED)
"""Signs from elsewhere that affirming Evidence ends: it is what they say is missing."""
_ENDED_BY_ANY = tuple(set(ENDED_BY_EVIDENCE) - {Reason.OFTEN_WARNED})
"""Those that Evidence ends whatever it says."""

_EVENTS = {
    Step.ALERT: Event.ALERT,
    Step.RECHECK: Event.RECHECK,
    Step.RESTRICT: Event.RESTRICT,
    Step.SUSPEND: Event.SUSPEND,
}
_SETTLED = 0
"""In place of how often a sign came: a person has looked at it."""
_CUTS_OFF = frozenset({Event.RESTRICT, Event.SUSPEND, Event.EXPIRE})


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
    connection.execute(update(card).where(card.c.id == about.id).values(affirmed=0))
    if told.source == EVIDENCE:
        clear(connection, about.id, told.at, reasons=_ENDED_BY_ANY)
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
    key = (table.c.card_id == about.id) & (table.c.reason == sign.reason)
    known = connection.execute(select(table.c.first_at, table.c.times, table.c.cleared_at).where(key)).first()
    values = {"source": told.source, "last_at": told.at, "facts": sign.facts, "cleared_at": None}
    if known is None:
        connection.execute(
            table.insert().values(card_id=about.id, reason=sign.reason, first_at=told.at, times=1, **values)
        )
        times = 1
    elif known.times == _SETTLED and told.at - known.cleared_at <= scenario.hysteresis.rest_s:
        connection.execute(update(table).where(key).values(last_at=told.at, facts=sign.facts))
        return mild
    else:
        # Coming and going within the window is the same weak sign; after it, a new one.
        goes_on = told.at - known.first_at <= rung.within_s
        times = known.times + 1 if goes_on else 1
        first_at = known.first_at if goes_on else told.at
        connection.execute(update(table).where(key).values(first_at=first_at, times=times, **values))
    return rung.step if times >= rung.confirm else mild


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
    event_id = cards.record(
        connection, about, "withheld", at=told.at, actor="verifier", reasons=reasons, **more, what=what, **detail
    )
    gate.withhold(connection, about, rule, Event.SUSPEND if what is Event.EXPIRE else what, event_id, told.at)
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
    query = select(table.c.reason).where(table.c.card_id == card_id, table.c.cleared_at.is_(None))
    return [Reason(reason) for reason in connection.execute(query).scalars()]


def affirmed(connection: Connection, about: Card, scenario: Scenario, at: float) -> bool:
    """Counts affirming Evidence of a warned card, which passes its second check. Whether that ends the warning, too: it
    came often enough in a row, and no sign from elsewhere is left."""
    _clear(connection, about.id, at, (table.c.source == EVIDENCE) | table.c.reason.in_(ENDED_BY_EVIDENCE))
    passed = {"affirmed": card.c.affirmed + 1, "deadline": None, "remind_at": None}
    counted = update(card).where(card.c.id == about.id).values(**passed).returning(card.c.affirmed)
    times: int = connection.execute(counted).scalar_one()
    return times >= scenario.hysteresis.affirmations and not still_there(connection, about.id)
