"""What works beside the ingest, run for one test on a desk's store and by the desk's clock."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from simbond_verifier.store.database import Database
from simbond_verifier.store.group_commit import GroupCommit, StoreUnavailable


class OnceFull(GroupCommit):
    """A writer whose disk is full at the first unit."""

    full = 1

    def submit(self, unit: Any) -> Any:
        if self.full:
            self.full -= 1
            raise StoreUnavailable("disk full")
        return super().submit(unit)


@asynccontextmanager
async def group_commit(database: Database, **options: Any) -> AsyncIterator[GroupCommit]:
    """A writer that is at work; everything that it took is finished when the block ends."""
    writer = GroupCommit(database, **options)
    writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


@asynccontextmanager
async def at_work(work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Runs a worker until the block ends; an error in it is the test's."""
    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], Any], what: str, *, seconds: float = 60) -> Any:
    """Waits for a condition and returns what it gave; the limit is only for a test that fails anyway."""
    try:
        async with asyncio.timeout(seconds):
            while not (found := condition()):  # noqa: ASYNC110 - nobody tells when a row changes
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:g} s: {what}") from None
    return found


async def settled(rounds: int = 20) -> None:
    """Gives everything that could run its turn: for asserting that something does not happen."""
    for _ in range(rounds):
        await asyncio.sleep(0.005)
