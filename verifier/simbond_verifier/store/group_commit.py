"""The one writer: units of work share a transaction, and none is answered before that transaction is on disk.

A unit is a function of a connection. Units run on the event loop's thread, where they take microseconds; only the
commit, which waits for the disk, goes to a thread, and what arrives meanwhile forms the next group.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from .database import Database

T = TypeVar("T")
Unit = Callable[[Connection], T]


class StoreBusy(Exception):
    """Too much work is waiting; try again after a moment. Nothing was written."""


class StoreUnavailable(Exception):
    """The database did not take the work (disk full, locked, gone). Nothing was written."""


class GroupCommit:
    """Runs units of work in shared transactions. Start with `start`, end with `stop`."""

    def __init__(self, database: Database, *, window_s: float = 0.004, group: int = 256, waiting: int = 4096) -> None:
        """window_s: how long a busy writer collects units. group: units in one transaction. waiting: units that may
        wait before StoreBusy is raised."""
        self._database = database
        self._window_s = window_s
        self._group = group
        self._waiting = waiting
        self._queue: list[tuple[Unit[Any], asyncio.Future[Any]]] = []
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
        if len(self._queue) >= self._waiting or self._stopping:
            raise StoreBusy("the verifier has more work waiting than it takes")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append((unit, future))
        self._arrived.set()
        return future

    async def _run(self) -> None:
        busy = False
        with self._database.writer() as connection:
            while True:
                if not self._queue:
                    if self._stopping:
                        return
                    self._arrived.clear()
                    await self._arrived.wait()
                if busy and not self._stopping:
                    await asyncio.sleep(self._window_s)
                group, self._queue = self._queue[: self._group], self._queue[self._group :]
                busy = len(group) > 1
                if group and not await self._together(connection, group):
                    # One of them failed: each on its own, so that it fails alone.
                    for unit, future in group:
                        await self._alone(connection, unit, future)

    async def _together(self, connection: Connection, group: list[tuple[Unit[Any], asyncio.Future[Any]]]) -> bool:
        results = []
        try:
            transaction = connection.begin()
            for unit, _ in group:
                results.append(unit(connection))
            await asyncio.get_running_loop().run_in_executor(self._thread, transaction.commit)
        except Exception:  # noqa: BLE001 - whatever it was, _alone meets it again and reports it to its owner
            _roll_back(connection)
            return False
        for (_, future), result in zip(group, results, strict=True):
            if not future.done():
                future.set_result(result)
        return True

    async def _alone(self, connection: Connection, unit: Unit[Any], future: "asyncio.Future[Any]") -> None:
        if future.done():
            return
        try:
            transaction = connection.begin()
            result = unit(connection)
            await asyncio.get_running_loop().run_in_executor(self._thread, transaction.commit)
        except Exception as e:  # noqa: BLE001 - it belongs to whoever submitted the unit
            _roll_back(connection)
            if not future.done():
                future.set_exception(StoreUnavailable(str(e.orig)) if isinstance(e, DBAPIError) else e)
        else:
            if not future.done():
                future.set_result(result)


def _roll_back(connection: Connection) -> None:
    if connection.in_transaction():
        connection.rollback()
