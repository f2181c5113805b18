"""The one writer: units of work share a transaction, and none is answered before that transaction is on disk.

A unit is a function of a connection; an item is one of many that a handler takes together, which is cheaper than one
at a time. Both run on the event loop's thread, where they take microseconds; only the commit, which waits for the disk,
goes to a thread, and what arrives meanwhile forms the next group.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from operator import attrgetter
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, RootTransaction
from sqlalchemy.exc import DBAPIError

from .database import Database

T = TypeVar("T")
Item = TypeVar("Item")
Unit = Callable[[Connection], T]
Handler = Callable[[Connection, list[Item]], list[T]]
"""Takes items together and returns a result for each, in their order."""


_LOCKED_S = 10.0


class _Waiting(NamedTuple):
    handler: Handler[Any, Any]
    item: Any
    future: "asyncio.Future[Any]"
    weight: int


class StoreBusy(Exception):
    """Too much work is waiting; try again after a moment. Nothing was written."""


class StoreUnavailable(Exception):
    """The database did not take the work (disk full, locked, gone). Nothing was written."""


class _Locked(Exception):
    """No transaction could begin: nobody's fault, and each unit on its own would wait for the lock as long again."""


class _Refused(NamedTuple):
    """What a unit raised, in place of its result."""

    error: Exception


class GroupCommit:
    """Runs units of work in shared transactions. Start with `start`, end with `stop`."""

    def __init__(self, database: Database, *, window_s: float = 0.02, group: int = 256, waiting: int = 4096) -> None:
        """window_s: how long a busy writer collects work at most. group: how many units or items share a transaction,
        about. waiting: how many may wait before StoreBusy is raised."""
        self._database = database
        self._window_s = window_s
        self._group = group
        self._waiting = waiting
        self._queue: list[_Waiting] = []
        self._weight = 0  # of the queue
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "commit")
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="group-commit")

    async def stop(self) -> None:
        """Finishes what is waiting, then stops."""
        self._stopping = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    def submit(self, unit: Unit[T]) -> "asyncio.Future[T]":
        """A future with the unit's result, done once it is durable; or with the exception that the unit raised, or
        StoreUnavailable. A unit may run more than once before it is committed, so its only effects are on the
        connection. Raises StoreBusy."""
        return self.submit_item(_run_unit, unit)

    def require_room(self, weight: int) -> None:
        """Raises StoreBusy where so much work would not be taken now."""
        if self._weight + weight > self._waiting or self._stopping:
            raise StoreBusy("the verifier has more work waiting than it takes")

    def submit_item(self, handler: Handler[Item, T], item: Item, weight: int = 1) -> "asyncio.Future[T]":
        """The same for an item: items of one handler that wait next to each other are handed to it together.

        weight: how many units the item is worth; groups and the queue are measured by it."""
        self.require_room(weight)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(handler, item, future, weight))
        self._weight += weight
        self._arrived.set()
        return future

    async def _run(self) -> None:
        with self._database.writer() as connection:
            connection.connection.cursor().execute("PRAGMA busy_timeout = 0")  # see _begin
            while True:
                if not self._queue:
                    if self._stopping:
                        return
                    self._arrived.clear()
                    await self._arrived.wait()
                await self._collect()
                group = self._next_group()
                if group and not await self._together(connection, group):
                    # One of them failed: each on its own, so that it fails alone.
                    for waiting in group:
                        await self._alone(connection, waiting)

    async def _collect(self) -> None:
        """Waits as long as every turn of the event loop brings more work: a lone unit is not held up, and a busy
        verifier, where one turn takes long, fills its groups."""
        deadline = monotonic() + self._window_s
        waiting = 0
        while waiting < self._weight < self._group and monotonic() < deadline:
            waiting = self._weight
            await asyncio.sleep(0)

    def _next_group(self) -> list[_Waiting]:
        weight = size = 0
        while size < len(self._queue) and weight < self._group:
            weight += self._queue[size].weight
            size += 1
        group, self._queue = self._queue[:size], self._queue[size:]
        self._weight -= weight
        return group

    async def _together(self, connection: Connection, group: list[_Waiting]) -> bool:
        try:
            results = await self._commit(connection, group)
        except _Locked as e:
            for waiting in group:
                _fail(waiting, e)
            return True
        except Exception:  # noqa: BLE001 - whatever it was, _alone meets it again and reports it to its owner
            _roll_back(connection)
            return False
        for waiting, result in zip(group, results, strict=True):
            _answer(waiting, result)
        return True

    async def _alone(self, connection: Connection, waiting: _Waiting) -> None:
        if waiting.future.done():
            return
        try:
            (result,) = await self._commit(connection, [waiting])
        except Exception as e:  # noqa: BLE001 - it belongs to whoever submitted the unit
            _roll_back(connection)
            _fail(waiting, e)
        else:
            _answer(waiting, result)

    async def _commit(self, connection: Connection, group: list[_Waiting]) -> list[Any]:
        results: list[Any] = []
        transaction = await self._begin(connection)
        for handler, together in groupby(group, attrgetter("handler")):
            results += handler(connection, [waiting.item for waiting in together])
        await asyncio.get_running_loop().run_in_executor(self._thread, transaction.commit)
        return results

    async def _begin(self, connection: Connection) -> RootTransaction:
        """Takes the write lock. Another process may hold it (a token is made, say): waited for without holding up
        the event loop."""
        deadline = monotonic() + _LOCKED_S
        while True:
            try:
                return connection.begin()
            except DBAPIError as e:
                if monotonic() > deadline:
                    raise _Locked(str(e.orig)) from None
                connection.rollback()
                await asyncio.sleep(0.02)


def _run_unit(connection: Connection, units: list[Unit[Any]]) -> list[Any]:
    """Each in a savepoint: what one refuses does not undo the others. Its exception stands for its result."""
    results: list[Any] = []
    for unit in units:
        savepoint = connection.begin_nested()
        try:
            results.append(unit(connection))
        except (DBAPIError, sqlite3.Error):
            raise
        except Exception as e:  # noqa: BLE001 - it belongs to whoever submitted the unit
            savepoint.rollback()
            results.append(_Refused(e))
        else:
            savepoint.commit()
    return results


def _answer(waiting: _Waiting, result: Any) -> None:
    if isinstance(result, _Refused):
        _fail(waiting, result.error)
    elif not waiting.future.done():
        waiting.future.set_result(result)


def _fail(waiting: _Waiting, e: Exception) -> None:
    if waiting.future.done():
        return
    # The ingest goes past SQLAlchemy, so the driver's own errors come here, too.
    if isinstance(e, DBAPIError | sqlite3.Error | _Locked):
        e = StoreUnavailable(str(e.orig if isinstance(e, DBAPIError) else e))
    waiting.future.set_exception(e)


def _roll_back(connection: Connection) -> None:
    connection.rollback()
    # After a COMMIT that failed, SQLAlchemy only forgets the transaction; SQLite may still be in it.
    connection.connection.rollback()
