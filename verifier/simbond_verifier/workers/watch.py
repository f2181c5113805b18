"""The rules by the clock, for the whole fleet: silence, traffic without attestation, silent and sleeping cards, and
cards that are warned often.

The fleet is read in snapshots on a thread of its own; what begins is written a few cards at a time, so that Evidence
never waits for a sweep. A card is read again in the transaction that decides over it.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from time import time
from typing import TypeVar

import structlog
from sqlalchemy import Connection, select

from ..appraisal import Card
from ..detection import PASSING
from ..detection.absence import TIMED, Quiet
from ..detection.frequency import often_warned
from ..lifecycle import State
from ..observation import Sign
from ..policy import Policy
from ..reasons import Reason
from ..scenario import Scenarios, Step
from ..store import cards, quiet, signs, warnings
from ..store.database import Database
from ..store.group_commit import GroupCommit, StoreBusy, StoreUnavailable
from ..store.schema import card, sign
from ..store.signs import Told

T = TypeVar("T")

log = structlog.get_logger("simbond.watch")

_EVERY_S = 60.0
_SNAPSHOT = 50_000
"""Cards that are read in one snapshot: a long one would keep the database from tidying up."""
_UNIT = 8
"""Cards decided over in one unit of work: some milliseconds."""

_WARNINGS = 1000
"""Events that are counted at a time."""


class Watch:
    """`run` until cancelled. A card is not held to have been silent while there was nobody to listen: while the
    verifier was down, or its database away."""

    def __init__(
        self,
        database: Database,
        writer: GroupCommit,
        scenarios: Scenarios,
        policy: Policy,
        on_change: Callable[[], None],
        *,
        every_s: float = _EVERY_S,
        clock: Callable[[], float] = time,
    ) -> None:
        self._database = database
        self._writer = writer
        self._scenarios = scenarios
        self._policy = policy
        self._on_change = on_change
        self._every_s = every_s
        self._clock = clock
        self._listens_since = clock()

    async def run(self) -> None:
        while True:
            try:
                await self.sweep()
            except StoreBusy as e:
                log.warning("sweep broken off", error=str(e))
            except StoreUnavailable as e:
                log.warning("sweep broken off", error=str(e))
                self._listens_since = self._clock()
            await asyncio.sleep(self._every_s)

    async def sweep(self) -> int:
        """Asks the rules about the whole fleet once. Returns of how many cards a sign began or ended. Raises
        StoreBusy, StoreUnavailable."""
        decided = 0
        last = await asyncio.to_thread(self._ask, quiet.last_id)
        for start in range(1, last + 1, _SNAPSHOT):
            found = await asyncio.to_thread(self._ask, partial(self._begun, range(start, start + _SNAPSHOT)))
            decided += await self._decide(found, self._note_absence)
        passed = await asyncio.to_thread(self._ask, self._passed)
        decided += await self._decide(passed, self._end_passing)
        return decided + await self._count_warnings()

    async def _decide(self, card_ids: list[int], note: Callable[[Connection, int], bool]) -> int:
        changed = 0
        for start in range(0, len(card_ids), _UNIT):
            changed += await self._writer.submit(partial(_each, note, card_ids[start : start + _UNIT]))
            self._on_change()
        return changed

    def _ask(self, query: Callable[[Connection], T]) -> T:
        with self._database.read() as connection:
            return query(connection)

    def _begun(self, inside: range, connection: Connection) -> list[int]:
        """Cards against which a rule has something new to say."""
        found = quiet.candidates(connection, self._scenarios, inside, self._clock(), self._listens_since)
        return [about.id for about, known in found if self._absent(about, known)]

    def _absent(self, about: Card, known: Quiet) -> list[Sign]:
        scenario = self._scenarios.get(about.scenario)
        if scenario is None:
            return []
        weighed = (rule for reason, rule in TIMED.items() if scenario.step(reason) is not Step.IGNORE)
        return [sign for rule in weighed for sign in rule.find(known, scenario)]

    def _note_absence(self, connection: Connection, card_id: int) -> bool:
        now = self._clock()
        found = quiet.find(connection, card_id, now, self._listens_since)
        return found is not None and self._note(connection, found[0], self._absent(*found), now)

    def _note(self, connection: Connection, about: Card, found: list[Sign], now: float) -> bool:
        scenario = self._scenarios.get(about.scenario)
        begun = [] if scenario is None else quiet.news(connection, about.id, found, scenario, now)
        if scenario is None or not begun:
            return False
        signs.note(connection, about, begun, scenario, self._policy, Told(now, "watch"))
        return True

    def _passed(self, connection: Connection) -> list[int]:
        """Cards of which something was seen that has not been seen again for as long as it takes to be confirmed."""
        now = self._clock()
        query = (
            select(sign.c.card_id, sign.c.reason, sign.c.last_at, card.c.scenario)
            .join(card, card.c.id == sign.c.card_id)
            .where(sign.c.reason.in_(PASSING), sign.c.cleared_at.is_(None))
        )
        found = set()
        for card_id, reason, last_at, name in connection.execute(query):
            scenario = self._scenarios.get(name)
            if scenario is not None and now - last_at > scenario.rung(Reason(reason)).within_s:
                found.add(card_id)
        return sorted(found)

    def _end_passing(self, connection: Connection, card_id: int) -> bool:
        now = self._clock()
        scenario = self._scenarios.get(cards.by_id(connection, card_id).scenario)
        if scenario is None:
            return False
        query = select(sign.c.reason, sign.c.last_at).where(
            sign.c.card_id == card_id, sign.c.reason.in_(PASSING), sign.c.cleared_at.is_(None)
        )
        last = {Reason(reason): at for reason, at in connection.execute(query)}
        over = [reason for reason, at in last.items() if now - at > scenario.rung(reason).within_s]
        signs.clear(connection, card_id, now, reasons=over)
        return bool(over)

    async def _count_warnings(self) -> int:
        """Counts the warnings that began since the last sweep, those of a sweep that never ended included."""
        decided = 0
        while True:
            begun = await asyncio.to_thread(self._ask, _uncounted)
            if not begun:
                return decided
            decided += await self._decide(sorted({card_id for _, card_id in begun}), self._note_often)
            await self._writer.submit(partial(warnings.set_counted, event_id=begun[-1][0]))

    def _note_often(self, connection: Connection, card_id: int) -> bool:
        now = self._clock()
        about = cards.by_id(connection, card_id)
        scenario = self._scenarios.get(about.scenario)
        if scenario is None or about.status.state not in (State.BOUND, State.WARNED):
            return False
        times = warnings.how_often(connection, card_id, now - scenario.warnings.within_s)
        return self._note(connection, about, often_warned(times, scenario), now)


def _each(note: Callable[[Connection, int], bool], card_ids: list[int], connection: Connection) -> int:
    return sum(note(connection, card_id) for card_id in card_ids)


def _uncounted(connection: Connection) -> list[tuple[int, int]]:
    return warnings.after(connection, warnings.counted(connection), _WARNINGS)
