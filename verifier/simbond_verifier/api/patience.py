"""Ends connections that do not go on. One timer for all of them: one for each request would cost as much as its
appraisal."""

import asyncio
from typing import NamedTuple, Protocol


class Waits(NamedTuple):
    """How long, in seconds. A connection is looked at every `look_s`, so it may take that much longer."""

    request: float = 30.0
    """For a request's head, and for the whole of a device's request. A client gets the same to read its answer in."""
    upload: float = 300.0
    """For the body of an operator's request."""
    idle: float = 5.0
    """Between an answer and the next request."""
    look: float = 2.0


class Watched(Protocol):
    """A connection."""

    def look(self, now: float) -> None:
        """Ends it when it is overdue. now: the event loop's time."""


class Patience:
    """Looks at its connections from time to time, as long as there are any."""

    def __init__(self, waits: Waits = Waits()) -> None:  # noqa: B008 - it is immutable
        self.waits = waits
        self._watched: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, connection: Watched) -> None:
        self._watched.add(connection)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.waits.look, self._look)

    def forget(self, connection: Watched) -> None:
        self._watched.discard(connection)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in tuple(self._watched):
            connection.look(now)
        self._timer = loop.call_later(self.waits.look, self._look) if self._watched else None
