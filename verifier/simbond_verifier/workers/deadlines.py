"""Keeps what is due by the clock: re-verifications and accusations that nobody answered."""

import asyncio
from collections.abc import Callable
from time import time

import structlog
from sqlalchemy import Connection, select

from ..lifecycle import Event, State
from ..policy import Policy
from ..reasons import Reason
from ..scenario import Scenarios
from ..store import accusations, cards, signs
from ..store.database import Database
from ..store.group_commit import GroupCommit, StoreBusy, StoreUnavailable
from ..store.schema import card
from ..store.signs import Told

log = structlog.get_logger("simbond.deadlines")

_POLL_S = 1.0


class Deadlines:
    """`run` until cancelled. What came due while the verifier was down is found at the next start; only silence counts
    from then, because there was nobody to speak to."""

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
        self._scenarios = scenarios
        self._on_change = on_change
        self._policy = policy or Policy()
        self._clock = clock
        self._listens_since = clock()

    async def run(self) -> None:
        while True:
            if self.pending():
                try:
                    await self._writer.submit(self.sweep)
                    self._on_change()
                except (StoreBusy, StoreUnavailable) as e:
                    log.warning("deadlines not written", error=str(e))
            await asyncio.sleep(_POLL_S)

    def pending(self) -> bool:
        """Whether a sweep would change anything."""
        with self._database.read() as connection:
            return bool(self._expired(connection) or self._decided(connection))

    def sweep(self, connection: Connection) -> None:
        """Carries out everything that is due: a unit of work."""
        now = self._clock()
        for card_id in self._expired(connection):
            late = cards.by_id(connection, card_id)
            signs.enforce(connection, late, Event.EXPIRE, [Reason.CHECK_EXPIRED], self._policy, Told(now, "deadline"))
        for accusation_id, silent in self._decided(connection):
            if silent:
                accusations.uphold(connection, accusation_id, "silence of the bound device", self._policy, now)
            else:
                accusations.expire(connection, accusation_id, now)

    def _expired(self, connection: Connection) -> list[int]:
        """Cards whose re-verification or second check has run out."""
        checked = (State.REVERIFYING, State.WARNED)
        query = select(card.c.id).where(card.c.deadline <= self._clock(), card.c.state.in_(checked))
        return list(connection.execute(query).scalars())

    def _decided(self, connection: Connection) -> list[tuple[int, bool]]:
        """Accusations that time has decided: by the bound device's silence, or (False) because nothing agreed."""
        now = self._clock()
        found = []
        for accusation in accusations.still_open(connection):
            scenario = self._scenarios.get(accusation.scenario)
            if scenario is None:
                continue
            silence = scenario.accusation.suspend_on_silence_s
            challenged = max(accusation.at, self._listens_since)
            # Silence speaks for an accuser who was not refuted before, and only where somebody could have answered.
            believed = not (accusation.accuser_refuted or accusation.same_imei or accusation.bound_revoked)
            if silence is not None and believed and now - challenged >= silence:
                found.append((accusation.id, True))
            elif now - accusation.at >= scenario.accusation.window_s:
                found.append((accusation.id, False))
        return found
