"""Asks the network view about open accusations: did the network see this IMSI in the accuser's device?"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import time

import structlog
from sqlalchemy import Connection

from ..enforcement.target import EnforcementError, NetworkView
from ..policy import Policy
from ..store import accusations
from ..store.database import Database
from ..store.group_commit import GroupCommit, StoreBusy, StoreUnavailable

log = structlog.get_logger("simbond.corroborator")

_POLL_S = 5.0
_SHORTEST_S = 0.5
_LONGEST_S = 60.0
_AT_ONCE = 16


class Corroborator:
    """`run` until cancelled; `wake` when a new accusation was committed. Asks again, less and less often, as long as
    an accusation is open: the network may see the card after its device has attested."""

    def __init__(
        self,
        database: Database,
        writer: GroupCommit,
        view: NetworkView,
        on_change: Callable[[], None],
        clock: Callable[[], float] = time,
        policy: Policy | None = None,
    ) -> None:
        self._database = database
        self._writer = writer
        self._view = view
        self._on_change = on_change
        self._policy = policy or Policy()
        self._clock = clock
        self._woken = asyncio.Event()
        self._asked: dict[int, tuple[float, float]] = {}  # accusation: when next, pause after that

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        while True:
            self._woken.clear()
            found = [a for a in await self._database.ask(accusations.still_open) if not a.same_imei]
            self._asked = {a.id: self._asked.get(a.id, (0.0, _SHORTEST_S)) for a in found}
            # Newest first: a flood of older claims must not delay the one that is true.
            due = [a for a in reversed(found) if self._asked[a.id][0] <= self._clock()]
            for start in range(0, len(due), _AT_ONCE):
                await asyncio.gather(*map(self._ask, due[start : start + _AT_ONCE]))
            soonest = min((when for when, _ in self._asked.values()), default=self._clock() + _POLL_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(min(max(soonest - self._clock(), 0.0), _POLL_S)):
                    await self._woken.wait()

    async def _ask(self, accusation: accusations.Open) -> None:
        now = self._clock()
        pause = self._asked[accusation.id][1]
        self._asked[accusation.id] = (now + pause, min(2 * pause, _LONGEST_S))
        try:
            seen = await self._view.sighting(accusation.imsi)
        except EnforcementError as e:
            log.warning("network view", accusation=accusation.id, error=str(e))
            return
        if seen is None or not accusation.is_borne_out(seen.imei, seen.at):
            return

        def uphold(connection: Connection) -> None:
            accusations.uphold(connection, accusation.id, "network view", self._policy, self._clock())

        try:
            await self._writer.submit(uphold)
        except (StoreBusy, StoreUnavailable) as e:
            log.warning("accusation not written", accusation=accusation.id, error=str(e))
            return
        self._asked.pop(accusation.id, None)
        self._on_change()
