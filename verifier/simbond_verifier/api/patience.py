"""Ends requests whose body does not come. One timer for all of them: `asyncio.timeout` around every request would cost
as much as its appraisal."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class Patience:
    """Waits for bodies, but none much longer than `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._since: dict[asyncio.Task[object], float] = {}
        self._given_up: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, body: Awaitable[T]) -> T:
        """The body. Raises TimeoutError between one and two times `seconds` later."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        self._since[task] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self.seconds, self._look)
        try:
            return await body
        except asyncio.CancelledError:
            if task not in self._given_up or task.uncancel():
                raise
            raise TimeoutError from None
        finally:
            del self._since[task]
            self._given_up.discard(task)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        for task, since in self._since.items():
            if loop.time() - since >= self.seconds and task not in self._given_up:
                self._given_up.add(task)
                task.cancel()
        self._timer = loop.call_later(self.seconds, self._look) if self._since else None
