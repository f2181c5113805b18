"""The one way by which what networks see comes in, whoever reports it."""

from collections.abc import Callable, Sequence
from functools import partial
from time import time

from sqlalchemy import Connection

from .observation import Observation
from .policy import Policy
from .scenario import Scenarios
from .store import observations
from .store.group_commit import GroupCommit
from .store.observations import Taken
from .workers.background import in_time


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
        """What became of each, once it is on disk. Of many, Evidence has its turn between some and the next. Raises
        StoreBusy, StoreUnavailable; what was taken before that is kept, and changes nothing when it comes again."""
        taken: list[Taken] = []
        while len(taken) < len(seen):
            some = await self._writer.submit(partial(self._take, seen[len(taken) :], self._clock()))
            if any(one.changed for one in some):
                self._on_change()
            taken += some
        return taken

    def _take(self, seen: Sequence[Observation], now: float, connection: Connection) -> list[Taken]:
        """The first of them, at least one: a unit of work."""
        return [observations.take(connection, one, self._scenarios, self._policy, now) for one in in_time(seen)]
