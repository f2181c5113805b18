"""What two runs of history did to the cards, side by side."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import Connection, select

from ..lifecycle import Event
from ..store import gate
from ..store.schema import card, event
from .stage import Stage

_STEPS = {
    Event.ALERT: "warned",
    Event.RECHECK: "rechecked",
    Event.RESTRICT: "restricted",
    Event.SUSPEND: "suspended",
    Event.EXPIRE: "suspended",
}
_RANK = {step: rank for rank, step in enumerate(dict.fromkeys(_STEPS.values()), 1)}
_WITHHELD = "withheld"


class Outcome(NamedTuple):
    """The gravest thing that rules did, or would have done, to a card, when first and why."""

    step: str
    """warned, rechecked, restricted or suspended."""
    at: float
    reasons: list[str]
    withheld: bool
    """Not done: its rule had done too much by then, and waited for a person."""


class Compared(NamedTuple):
    """A card to which the rules do different things."""

    iccid: str
    present: Outcome | None
    changed: Outcome | None


@dataclass
class Totals:
    """What one set of rules does: cards by the gravest step, and the rules that would have been stopped."""

    warned: int = 0
    rechecked: int = 0
    restricted: int = 0
    suspended: int = 0
    withheld: int = 0
    """Of the restricted and the suspended: cards that a stopped rule would not have touched."""
    rules_stopped: list[str] = field(default_factory=list)


@dataclass
class Report:
    """What history says of changed rules."""

    since: float
    until: float
    evidence: int = 0
    evidence_deleted: int = 0
    """Whose messages were deleted by their retention period: what they would have led to is not known."""
    evidence_lost: int = 0
    """That does not count any more: from before a restore."""
    observations: int = 0
    orders: int = 0
    present: Totals = field(default_factory=Totals)
    changed: Totals = field(default_factory=Totals)
    graver: int = 0
    """Cards to which the changed rules do more than the present ones."""
    milder: int = 0
    cards: list[Compared] = field(default_factory=list)
    """Those cards, the gravest first, no more than asked for."""
    more: int = 0
    """How many there are beyond them."""


def compare(report: Report, present: Stage, changed: Stage, limit: int) -> None:
    """Reads what both runs left."""
    worst: list[tuple[int, int, Outcome | None, Outcome | None]] = []
    with present.database.read() as one, changed.database.read() as other:
        report.present.rules_stopped = [row["rule"] for row in gate.stopped(one)]
        report.changed.rules_stopped = [row["rule"] for row in gate.stopped(other)]
        for card_id, before, after in _both(_outcomes(one, present.first_event), _outcomes(other, changed.first_event)):
            _count(report.present, before)
            _count(report.changed, after)
            change = _rank(after) - _rank(before)
            if change == 0:
                continue
            report.graver += change > 0
            report.milder += change < 0
            heapq.heappush(worst, (change * 10 + _rank(after), -card_id, before, after))
            if len(worst) > limit:
                heapq.heappop(worst)
                report.more += 1
        named = _names(other, [-negative for _, negative, _, _ in worst])
    for _, negative, before, after in sorted(worst, key=itemgetter(0, 1), reverse=True):
        report.cards.append(Compared(named[-negative], before, after))


def _rank(outcome: Outcome | None) -> int:
    return 0 if outcome is None else _RANK[outcome.step]


def _count(totals: Totals, outcome: Outcome | None) -> None:
    if outcome is not None:
        setattr(totals, outcome.step, getattr(totals, outcome.step) + 1)
        totals.withheld += outcome.withheld


def _outcomes(connection: Connection, first_event: int) -> Iterator[tuple[int, Outcome]]:
    """The gravest outcome of every card that has one, in the order of their ids."""
    query = (
        select(event.c.card_id, event.c.at, event.c.kind, event.c.reasons, event.c.detail)
        .where(event.c.id >= first_event, event.c.actor == "verifier", event.c.kind.in_([*_STEPS, _WITHHELD]))
        .where(event.c.card_id.is_not(None))
        .order_by(event.c.card_id, event.c.id)
        .execution_options(yield_per=1000)
    )
    for card_id, rows in groupby(connection.execute(query), key=itemgetter(0)):
        gravest: Outcome | None = None
        for _, at, kind, reasons, detail in rows:
            withheld = kind == _WITHHELD
            found = Outcome(_STEPS[Event(detail["what"] if withheld else kind)], at, reasons.split(","), withheld)
            if _rank(found) > _rank(gravest):
                gravest = found
        if gravest is not None:
            yield card_id, gravest


def _both(
    one: Iterator[tuple[int, Outcome]], other: Iterator[tuple[int, Outcome]]
) -> Iterator[tuple[int, Outcome | None, Outcome | None]]:
    marked = heapq.merge(((i, 0, o) for i, o in one), ((i, 1, o) for i, o in other), key=itemgetter(0, 1))
    for card_id, group in groupby(marked, key=itemgetter(0)):
        by_side = {side: outcome for _, side, outcome in group}
        yield card_id, by_side.get(0), by_side.get(1)


def _names(connection: Connection, card_ids: list[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for start in range(0, len(card_ids), 500):
        some = card_ids[start : start + 500]
        rows = connection.execute(select(card.c.id, card.c.iccid).where(card.c.id.in_(some)))
        found |= {row.id: row.iccid for row in rows}
    return found
