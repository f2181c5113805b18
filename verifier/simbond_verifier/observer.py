"""The one way by which what networks see comes in, whoever reports it."""

from collections.abc import Callable
from functools import partial
from time import time

from sqlalchemy import Connection

from .observation import Observation
from .policy import Policy
from .scenario import Scenarios
from .store import observations
from .store.group_commit import GroupCommit
from .store.observations import Taken


class Observer:
    """Takes observations, durably, and has carried out what follows from them."""

    def __init__(
        self,
        writer: GroupCommit,
        scenarios: Scenarios,
        policy: Policy,
        on_change: Callable[[], None],
        clock: Callable[[], float] = time,
    ) -> None:
        """on_change: called when there may be something in the outbox."""
        self._writer = writer
        self._scenarios = scenarios
        self._policy = policy
        self._on_change = on_change
        self._clock = clock

    async def take(self, *seen: Observation) -> list[Taken]:
        """What became of each, in one transaction, once it is on disk. Raises StoreBusy, StoreUnavailable."""
        taken = await self._writer.submit(partial(self._take, seen, self._clock()))
        if any(one.changed for one in taken):
            self._on_change()
        return taken

    def _take(self, seen: tuple[Observation, ...], now: float, connection: Connection) -> list[Taken]:
        return [observations.take(connection, one, self._scenarios, self._policy, now) for one in seen]
