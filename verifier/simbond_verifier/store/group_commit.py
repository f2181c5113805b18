"""The one writer: units of work share a transaction, and none is answered before that transaction is on disk.

A unit is a function of a connection; an item is one of many that a handler takes together, which is cheaper than one
at a time. On a local database both run on the event loop's thread, where they take microseconds; only the commit, which
waits for the disk, goes to a thread. What arrives meanwhile forms the next group, and is prepared as far as it can be.
On a database server the whole group goes to the thread, so that the event loop waits for no network.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import groupby
from operator import attrgetter
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, RootTransaction
from sqlalchemy.exc import DataError, DBAPIError

from .. import traces
from .database import Database, unkeepable
from .errors import AlreadyServed
from .errors import StoreBusy as StoreBusy
from .errors import StoreUnavailable as StoreUnavailable

T = TypeVar("T")
Item = TypeVar("Item")
Unit = Callable[[Connection], T]
Handler = Callable[[Connection, list[Item]], list[T]]
"""Takes items together and returns a result for each, in their order."""


_LOCKED_S = 10.0
_BEAT_S = 1.0
"""How long the writer's connection to a database server may be lost before somebody notices."""


class _Waiting(NamedTuple):
    handler: Handler[Any, Any]
    item: Any
    future: "asyncio.Future[Any]"
    weight: int
    prepare: Callable[[Any], bool] | None


class _Away(Exception):
    """No transaction could begin, or its connection was lost: nobody's fault, each unit on its own would wait as long
    again, and one that was committed after all must not run twice."""


class _Refused(NamedTuple):
    """What a unit raised, in place of its result."""

    error: Exception


class GroupCommit:
    """Runs units of work in shared transactions. Start with `start`, end with `stop`."""

    def __init__(
        self,
        database: Database,
        *,
        window_s: float = 0.02,
        group: int = 256,
        waiting: int = 4096,
        on_superseded: Callable[[AlreadyServed], None] = lambda e: None,
    ) -> None:
        """window_s: how long a busy writer collects work at most. group: how many units or items share a transaction,
        about. waiting: how many may wait before StoreBusy is raised. on_superseded: called once, when another
        server has taken the database over: this one writes nothing any more, and has to end."""
        self._database = database
        self._backend = database.backend
        self._errors: tuple[type[Exception], ...] = (DBAPIError, *self._backend.errors)
        self._window_s = window_s
        self._group = group
        self._waiting = waiting
        self._queue: list[_Waiting] = []
        self._weight = 0  # of the queue
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "commit")
        self._task: asyncio.Task[None] | None = None
        self._committing = False
        self._preparing = False  # in the next turn of the event loop
        self._stopping = False
        self._on_superseded = on_superseded
        self.committed_at = monotonic()
        """When something was last written, by time.monotonic; at first when it was made."""

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
        return self.submit_item(self._run_unit, unit)

    @property
    def waiting(self) -> int:
        """The weight of what waits."""
        return self._weight

    def require_room(self, weight: int) -> None:
        """Raises StoreBusy where so much work would not be taken now."""
        if self._weight + weight > self._waiting or self._stopping:
            raise StoreBusy("the verifier has more work waiting than it takes")

    def submit_item(
        self,
        handler: Handler[Item, T],
        item: Item,
        weight: int = 1,
        prepare: Callable[[Item], bool] | None = None,
    ) -> "asyncio.Future[T]":
        """The same for an item: items of one handler that wait next to each other are handed to it together.

        weight: how many units the item is worth; groups and the queue are measured by it. prepare: does, in the time
        that a commit waits for the disk, a millisecond of what the handler would do with the item, and says whether
        there was any; it raises nothing, and may never be called."""
        self.require_room(weight)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(handler, item, future, weight, prepare))
        self._weight += weight
        self._arrived.set()
        self._prepare_soon()
        return future

    async def _run(self) -> None:
        with self._backend.writer() as connection:
            while True:
                if not self._queue:
                    if self._stopping:
                        return
                    await self._arrival()
                await self._collect()
                group = self._next_group()
                if not group and self._backend.local:
                    continue
                if not await self._together(connection, group):
                    # One of them failed: each on its own, so that it fails alone.
                    for waiting in group:
                        await self._alone(connection, waiting)

    async def _arrival(self) -> None:
        """Waits for work; not for ever where an empty transaction has to show that the connection is alive."""
        self._arrived.clear()
        if self._backend.local:
            await self._arrived.wait()
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_BEAT_S):
                await self._arrived.wait()

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
            with traces.span("commit", units=len(group)):
                results = await self._commit(connection, group)
        except (_Away, AlreadyServed) as e:
            if isinstance(e, AlreadyServed):
                self._on_superseded(e)
                self._on_superseded = _told
            for waiting in group:
                self._fail(waiting, e)
            return True
        except Exception:  # noqa: BLE001 - whatever it was, _alone meets it again and reports it to its owner
            return False
        for waiting, result in zip(group, results, strict=True):
            self._answer(waiting, result)
        return True

    async def _alone(self, connection: Connection, waiting: _Waiting) -> None:
        if waiting.future.done():
            return
        try:
            (result,) = await self._commit(connection, [waiting])
        except Exception as e:  # noqa: BLE001 - it belongs to whoever submitted the unit
            self._fail(waiting, e)
        else:
            self._answer(waiting, result)

    async def _commit(self, connection: Connection, group: list[_Waiting]) -> list[Any]:
        """Runs a group in a transaction of its own, which is durable or rolled back when this ends."""
        if not self._backend.local:
            loop = asyncio.get_running_loop()
            results = await loop.run_in_executor(self._thread, self._transact, connection, group)
        else:
            transaction = await self._begin(connection)
            try:
                results = self._work(connection, group)
                await self._make_durable(transaction)
            except BaseException:
                self._backend.roll_back(connection)
                raise
        self.committed_at = monotonic()
        return results

    async def _make_durable(self, transaction: RootTransaction) -> None:
        committing = asyncio.get_running_loop().run_in_executor(self._thread, transaction.commit)
        self._committing = True
        try:
            self._prepare_soon()
            await committing
        finally:
            self._committing = False

    def _prepare_soon(self) -> None:
        if self._committing and not self._preparing:
            self._preparing = True
            asyncio.get_running_loop().call_soon(self._prepare)

    def _prepare(self) -> None:
        self._preparing = False
        if self._committing and any(w.prepare is not None and w.prepare(w.item) for w in self._queue):
            self._prepare_soon()

    def _transact(self, connection: Connection, group: list[_Waiting]) -> list[Any]:
        """The same where everything may wait for the network. Without a group it shows that the server is there."""
        try:
            connection.connection  # noqa: B018 - comes back where it was lost
            with connection.begin():
                if not group:
                    connection.exec_driver_sql("SELECT 1")
                return self._work(connection, group)
        except AlreadyServed:
            raise
        except Exception as e:
            if self._backend.is_gone(connection, e):
                raise _Away(str(getattr(e, "orig", e)).strip()) from e
            self._backend.roll_back(connection)
            raise

    def _work(self, connection: Connection, group: list[_Waiting]) -> list[Any]:
        results: list[Any] = []
        for handler, together in groupby(group, attrgetter("handler")):
            results += handler(connection, [waiting.item for waiting in together])
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
                    raise _Away(str(e.orig)) from None
                connection.rollback()
                await asyncio.sleep(0.02)

    def _run_unit(self, connection: Connection, units: list[Unit[Any]]) -> list[Any]:
        """Each in a savepoint: what one refuses does not undo the others. Its exception stands for its result."""
        results: list[Any] = []
        for unit in units:
            savepoint = connection.begin_nested()
            try:
                results.append(unit(connection))
            except DataError as e:
                savepoint.rollback()
                results.append(_Refused(unkeepable(e)))
            except self._errors:
                raise
            except Exception as e:  # noqa: BLE001 - it belongs to whoever submitted the unit
                savepoint.rollback()
                results.append(_Refused(e))
            else:
                savepoint.commit()
        return results

    def _answer(self, waiting: _Waiting, result: Any) -> None:
        if isinstance(result, _Refused):
            self._fail(waiting, result.error)
        elif not waiting.future.done():
            waiting.future.set_result(result)

    def _fail(self, waiting: _Waiting, e: Exception) -> None:
        if waiting.future.done():
            return
        # The ingest goes past SQLAlchemy, so the driver's own errors come here, too.
        if isinstance(e, (*self._errors, _Away, AlreadyServed)):
            e = StoreUnavailable(str(e.orig if isinstance(e, DBAPIError) else e).strip())
        waiting.future.set_exception(e)


def _told(_: AlreadyServed) -> None:
    """Once is enough."""
