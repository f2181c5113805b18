"""Keeps the workers at work, and knows which of them are not."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import structlog

from ..metrics import Metrics

log = structlog.get_logger("simbond.server")

Work = Callable[[], Coroutine[Any, Any, None]]

_PAUSE_S = 1.0
_FORGIVEN_S = 10.0


class Keeper:
    """Starts workers, and starts them again: an error in one is logged, and costs it a pause."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = monotonic, pause_s: float = _PAUSE_S) -> None:
        self._metrics = metrics
        self._clock = clock
        self._pause_s = pause_s
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failed_at: dict[str, float] = {}

    @asynccontextmanager
    async def at_work(self, workers: Iterable[Work]) -> AsyncIterator[None]:
        """They work until the block ends. None of them returns by itself; the names are those of their classes."""
        for work in workers:
            name = work.__qualname__.partition(".")[0].lower()
            self._tasks[name] = asyncio.create_task(self._keep_up(name, work), name=name)
        try:
            yield
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def failing(self) -> list[str]:
        """The workers that have ended, or failed within the last seconds."""
        lately, never = self._clock() - _FORGIVEN_S, float("-inf")
        return [name for name, task in self._tasks.items() if task.done() or self._failed_at.get(name, never) > lately]

    async def _keep_up(self, name: str, work: Work) -> None:
        while True:
            try:
                await work()
            except Exception:
                log.exception("worker failed", worker=name)
                self._failed_at[name] = self._clock()
                self._metrics.failures.labels(name).inc()
                await asyncio.sleep(self._pause_s)
