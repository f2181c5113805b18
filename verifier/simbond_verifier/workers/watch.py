"""The rules by the clock, for the whole fleet: silence, traffic without attestation, silent and sleeping cards, and
cards that are warned often.

The fleet is read in snapshots on a thread of its own; what begins is written a few cards at a time, and Evidence
goes first (background.py). A card is read again in the transaction that decides over it.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from time import time
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from ..policy import Policy
from ..scenario import Scenarios
from ..store import quiet, sweep, warnings
from ..store.database import Database
from ..store.group_commit import GroupCommit, StoreBusy, StoreUnavailable
from .background import give_way, in_time

T = TypeVar("T")

log = structlog.get_logger("simbond.watch")

_EVERY_S = 60.0
_SNAPSHOT = 50_000
"""Cards that are read in one snapshot: a long one would keep the database from tidying up."""
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
        self._sweep = sweep.Sweep(scenarios, policy)
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
        changed = 0
        last = await asyncio.to_thread(self._ask, quiet.last_id)
        for start in range(1, last + 1, _SNAPSHOT):
            begun = partial(
                self._sweep.begun,
                inside=range(start, start + _SNAPSHOT),
                now=self._clock(),
                listens_since=self._listens_since,
            )
            changed += await self._decide(await asyncio.to_thread(self._ask, begun), self._note_absence)
        passed = await asyncio.to_thread(self._ask, partial(self._sweep.passed, now=self._clock()))
        changed += await self._decide(passed, self._end_passing)
        return changed + await self._count_warnings()

    async def _decide(self, card_ids: list[int], note: Callable[[Connection, int], bool]) -> int:
        done = changed = 0
        while done < len(card_ids):
            noted = await self._writer.submit(partial(_some, note, card_ids[done:]))
            done += len(noted)
            changed += sum(noted)
            self._on_change()
            await give_way(self._writer)
        return changed

    def _ask(self, query: Callable[[Connection], T]) -> T:
        with self._database.read() as connection:
            return query(connection)

    def _note_absence(self, connection: Connection, card_id: int) -> bool:
        return self._sweep.note_absence(connection, card_id, self._clock(), self._listens_since)

    def _end_passing(self, connection: Connection, card_id: int) -> bool:
        return self._sweep.end_passing(connection, card_id, self._clock())

    def _note_often(self, connection: Connection, card_id: int) -> bool:
        return self._sweep.note_often(connection, card_id, self._clock())

    async def _count_warnings(self) -> int:
        """Counts the warnings that began since the last sweep, those of a sweep that never ended included."""
        decided = 0
        while True:
            begun = await asyncio.to_thread(self._ask, partial(sweep.uncounted, at_most=_WARNINGS))
            if not begun:
                return decided
            warned = {card_id for _, card_id in begun}
            often = await asyncio.to_thread(self._ask, partial(self._sweep.often, among=warned, now=self._clock()))
            decided += await self._decide(often, self._note_often)
            await self._writer.submit(partial(warnings.set_counted, event_id=begun[-1][0]))


def _some(note: Callable[[Connection, int], bool], card_ids: list[int], connection: Connection) -> list[bool]:
    """As many as there is time for: of each whether anything began or ended."""
    return [note(connection, card_id) for card_id in in_time(card_ids)]
