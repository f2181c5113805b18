"""An enforcement target that also reaches the sessions which gateways report by RADIUS."""

from dataclasses import replace
from typing import Protocol

from ..enforcement.target import Access, Outcome, Target
from .sessions import Told


class Reach(Protocol):
    """The gateways; see sessions.Sessions."""

    async def end(self, imsi: str) -> Told: ...

    async def restrict(self, imsi: str, filter_id: str) -> Told: ...


class Disconnecting:
    """Does what another target does and then sees to running sessions, in this order: a device that comes back at once
    meets the change. What a gateway could not be told leaves the outcome incomplete."""

    def __init__(self, inner: Target, sessions: Reach, filter_id: str) -> None:
        """filter_id: the gateways' name for what a restricted card may do."""
        self._inner = inner
        self._sessions = sessions
        self._filter_id = filter_id

    @property
    def name(self) -> str:
        return self._inner.name

    async def suspend(self, imsi: str) -> Outcome:
        """Raises what the inner target raises; sessions are then left as they are."""
        outcome = await self._inner.suspend(imsi)
        return _both(outcome, "ended", await self._sessions.end(imsi))

    async def restrict(self, imsi: str) -> Outcome:
        """As suspend."""
        outcome = await self._inner.restrict(imsi)
        return _both(outcome, "restricted", await self._sessions.restrict(imsi, self._filter_id))

    async def resume(self, imsi: str) -> Outcome:
        """A session that still runs was restricted, and nothing in RADIUS takes a filter off: it is ended, and comes
        back without."""
        outcome = await self._inner.resume(imsi)
        return _both(outcome, "ended", await self._sessions.end(imsi))

    async def state(self, imsi: str) -> Access:
        return await self._inner.state(imsi)

    async def close(self) -> None:
        await self._inner.close()


def _both(outcome: Outcome, what: str, told: Told) -> Outcome:
    parts = [outcome.detail]
    if told.done:
        parts.append(f"RADIUS sessions {what}: {told.done}")
    if told.left:
        parts.append(f"left to gateways that take no requests: {told.left}")
    return replace(outcome, detail="; ".join((*parts, *told.failures)), complete=outcome.complete and not told.failures)
