"""While a commit waits for the disk, what waits behind it is prepared; nothing is decided before its turn."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from simbond_verifier.ingest import settling
from simbond_verifier.ingest.result import Result, Verified
from simbond_verifier.ingest.settling import Claim, Settling
from simbond_verifier.reasons import Reason, Tier
from simbond_verifier.store.database import Database
from simbond_verifier.store.group_commit import GroupCommit
from support.claims import claim, tell
from support.workers import group_commit, until


class Disk:
    """Commits wait until it is let go."""

    def __init__(self, database: Database) -> None:
        self._go_on = threading.Event()
        self.waits = False
        event.listen(database.engine, "commit", self._commit)

    def _commit(self, _: Connection) -> None:
        self.waits = True
        assert self._go_on.wait(60)

    def go_on(self) -> None:
        self._go_on.set()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """SQLite: on a database server the event loop waits for no commit."""
    made = Database(tmp_path / "store.db")
    yield made
    made.close()


class Item:
    """Takes some steps to prepare."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.prepared = 0

    @staticmethod
    def prepare(item: "Item") -> bool:
        more = item.prepared < item.steps
        item.prepared += more
        return more


def handle(_: Connection, items: list[Item]) -> list[int]:
    return [item.prepared for item in items]


def play(database: Database, story: Callable[[GroupCommit, Disk], Any]) -> None:
    async def run() -> None:
        disk = Disk(database)
        async with group_commit(database) as writer:
            try:
                await story(writer, disk)
            finally:
                disk.go_on()

    asyncio.run(run())


def test_what_comes_during_a_commit_is_prepared(database: Database) -> None:
    async def story(writer: GroupCommit, disk: Disk) -> None:
        items = [Item(3), Item(0), Item(70)]
        first = writer.submit_item(handle, Item(9), prepare=Item.prepare)
        await until(lambda: disk.waits, "the first commit waits")
        later = [writer.submit_item(handle, item, prepare=Item.prepare) for item in items]
        later.append(writer.submit_item(handle, Item(5)))
        await until(lambda: all(item.prepared == item.steps for item in items), "the others are prepared")
        assert not any(future.done() for future in (first, *later))
        disk.go_on()
        assert await first == 0  # the disk had nothing to do yet
        assert await asyncio.gather(*later) == [3, 0, 70, 0]

    play(database, story)


def test_signatures_are_checked_during_a_commit_and_only_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[bytes] = []
    is_signed = settling._is_signed

    def counted(of: Claim) -> bool:
        checked.append(of.message)
        return is_signed(of)

    def decide(_: Connection, good: list[Verified]) -> list[Result]:
        return [Result(Tier.AFFIRMING, (), 0, v.evidence.kid) for v in good]

    monkeypatch.setattr(settling, "_is_signed", counted)

    async def story(writer: GroupCommit, disk: Disk) -> None:
        work = Settling(writer, decide, processes=0)
        first = asyncio.create_task(tell(work, [claim()]))
        await until(lambda: disk.waits, "the first commit waits")
        later = [[claim(good=n % 3 != 0) for n in range(size)] for size in (1, 40, 1, 200)]
        told = [asyncio.create_task(tell(work, claims)) for claims in later]
        await until(lambda: len(checked) == 1 + 242, "the signatures of the others are checked")
        assert not first.done()
        disk.go_on()
        for claims, results in zip(later, await asyncio.gather(*told), strict=True):
            assert [r.tier is Tier.AFFIRMING for r in results] == [n % 3 != 0 for n in range(len(claims))]
            assert {r.reasons for r in results if r.tier is not Tier.AFFIRMING} == {(Reason.SIGNATURE_INVALID,)}
        await first
        assert len(checked) == len(set(checked)) == 243

    play(database, story)
