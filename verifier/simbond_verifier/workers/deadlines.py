"""Keeps what is due by the clock (store/timers.py, docs/adr/timers.md)."""

import asyncio
from collections.abc import Callable
from functools import partial
from time import time

import structlog
from sqlalchemy import Connection, select

from ..policy import Policy
from ..scenario import Scenarios
from ..store import proposals, swaps
from ..store.database import Database, upsert
from ..store.group_commit import GroupCommit, StoreBusy, StoreUnavailable
from ..store.schema import setting
from ..store.timers import Due, Respite, Timers
from .background import give_way, in_time

log = structlog.get_logger("simbond.deadlines")

_POLL_S = 1.0
_AT_ONCE = 10
"""Of each kind of what is due: so much shares a transaction at most."""
_HEARD = "heard-until"
_BEAT_S = 15.0
_AWAY_S = 60.0
"""Without a beat for so long, the verifier was away: down, stopped, without its database, or its clock was set."""
_NEVER = Respite(float("-inf"), 0.0)


class Deadlines:
    """`run` until cancelled. What came due while the verifier was down is done at the next start, in the order of its
    time. Only what nobody could have answered in time gets more: a device cannot affirm to a verifier that is away."""

    def __init__(
        self,
        database: Database,
        writer: GroupCommit,
        scenarios: Scenarios,
        on_change: Callable[[], None],
        clock: Callable[[], float] = time,
        policy: Policy | None = None,
    ) -> None:
        self._database = database
        self._writer = writer
        self._timers = Timers(scenarios, policy or Policy())
        self._on_change = on_change
        self._clock = clock
        self._respite = _NEVER

    async def run(self) -> None:
        while True:
            try:
                await self.catch_up()
            except (StoreBusy, StoreUnavailable) as e:
                log.warning("deadlines not written", error=str(e))
            await asyncio.sleep(_POLL_S)

    async def catch_up(self) -> None:
        """Carries out all that is due now. Raises StoreBusy, StoreUnavailable."""
        more = True
        while more and await self._database.ask(self.pending):
            more = await self._writer.submit(self.sweep)
            self._on_change()
            await give_way(self._writer)

    def pending(self, connection: Connection) -> bool:
        """Whether a sweep would write anything."""
        now = self._clock()
        heard = heard_until(connection)
        self._notice(now, heard)
        return (
            not 0 <= now - heard < _BEAT_S
            or bool(self._due(connection, now, 1))
            or bool(swaps.due(connection, now, 1))
            or proposals.due(connection, now)
        )

    def sweep(self, connection: Connection) -> bool:
        """Carries out what is due, as much as goes into one transaction, and writes that somebody was there: a unit of
        work. Returns whether there may be more."""
        now = self._clock()
        found = self._due(connection, now, _AT_ONCE)
        over = swaps.due(connection, now, _AT_ONCE)
        work = [
            *(partial(self._timers.carry_out, connection, due, now, self._respite) for due in found),
            *(partial(swaps.expire, connection, card_id, now) for card_id in over),
        ]
        done = 0
        for carry_out in in_time(work):
            carry_out()
            done += 1
        lapsed = proposals.expire(connection, now, _AT_ONCE)
        upsert(connection, setting, {"name": _HEARD}, {"value": repr(now).encode()})
        return done < len(work) or max(len(found), len(over), lapsed) == _AT_ONCE

    def _due(self, connection: Connection, now: float, limit: int) -> list[Due]:
        return self._timers.due(connection, now, self._respite, limit)

    def _notice(self, now: float, heard: float) -> None:
        """Sees from the last beat whether the verifier was away. That the clock was set forward looks the same, and is
        treated alike; that it was set back ends a respite which would begin in the future."""
        if now - heard > _AWAY_S:
            self._respite = Respite(now, now - heard)
        elif now < self._respite.since:
            self._respite = self._respite._replace(since=now)


def heard_until(connection: Connection) -> float:
    """When a verifier last wrote that it was there; minus infinity where none ever did."""
    found = connection.execute(select(setting.c.value).where(setting.c.name == _HEARD)).scalar()
    return float("-inf") if found is None else float(found)
