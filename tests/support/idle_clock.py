"""A clock for tests of time-outs on one event loop: a machine that is busy elsewhere makes no answer late."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class IdleClock(asyncio.SelectorEventLoop):
    """Its time passes only by what it waited for in vain: not while code runs, nor while the machine runs other
    programs. So who answers has to be on the same loop."""

    def __init__(self) -> None:
        self._waits = _Waits()
        super().__init__(self._waits)

    def time(self) -> float:
        return self._waits.idle_s


class _Waits(selectors.DefaultSelector):  # type: ignore[misc, valid-type] - which one depends on the platform
    idle_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout)
        if not ready and timeout is not None:
            self.idle_s += max(timeout, 0.0)
        return ready


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """asyncio.run(main) by that clock."""
    with asyncio.Runner(loop_factory=IdleClock) as runner:
        return runner.run(main)
