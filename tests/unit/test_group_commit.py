"""Nothing is answered before it is on disk, and nobody pays for another's fault."""

import asyncio
import resource
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, event, select, text

from simbond_verifier.refusal import Conflict, Invalid, Refusal
from simbond_verifier.store.database import Database, statements, upsert
from simbond_verifier.store.group_commit import GroupCommit, StoreBusy, StoreUnavailable
from simbond_verifier.store.schema import setting
from support.stores import place, rows
from support.workers import group_commit, settled

Unit = Callable[[Connection], Any]


@pytest.fixture
def database(store: str, tmp_path: Path) -> Iterator[Database]:
    made = Database(place(tmp_path / "store.db"))
    yield made
    made.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Database]:
    """SQLite, for what can happen to a file."""
    made = Database(tmp_path / "store.db")
    yield made
    made.close()


def path_of(file: Database) -> Path:
    assert isinstance(file.where, Path)
    return file.where


def put(name: str, value: bytes = b"1", fault: Exception | None = None) -> Unit:
    """A unit that writes a row, and may then fail."""

    def unit(connection: Connection) -> str:
        upsert(connection, setting, {"name": name}, {"value": value})
        if fault is not None:
            raise fault
        return name

    return unit


def raw_put(name: str, value: bytes) -> Unit:
    """The same by the driver's own connection, as the ingest writes."""

    def unit(connection: Connection) -> str:
        statements(connection).execute("INSERT INTO setting VALUES (?, ?)", (name, value))
        return name

    return unit


def on_disk(database: Database) -> dict[str, bytes]:
    """What another process would see."""
    return dict(rows(database.where, "SELECT name, value FROM setting"))  # type: ignore[arg-type]


def run(database: Database, story: Callable[[GroupCommit], Any], **options: Any) -> Any:
    async def play() -> Any:
        async with group_commit(database, **options) as writer:
            return await story(writer)

    return asyncio.run(play())


def test_a_result_means_that_others_can_read_it(database: Database) -> None:
    async def story(writer: GroupCommit) -> None:
        for n in range(20):
            assert await writer.submit(put(f"n{n}")) == f"n{n}"
            assert f"n{n}" in on_disk(database)

    run(database, story)


def test_there_is_no_result_while_the_commit_is_under_way(database: Database) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def slow_disk(_: Connection) -> None:
        entered.set()
        assert go_on.wait(30)

    async def story(writer: GroupCommit) -> None:
        event.listen(database.engine, "commit", slow_disk)
        future = writer.submit(put("waits"))
        assert await asyncio.to_thread(entered.wait, 30)
        await settled()
        assert not future.done()
        assert on_disk(database) == {}
        go_on.set()
        await future
        assert on_disk(database) == {"waits": b"1"}

    run(database, story)


def test_a_commit_waits_for_the_disk(file: Database) -> None:
    """What a power cut would show, as far as it can be asked: SQLite syncs its log at every commit."""

    def pragmas(connection: Connection) -> tuple[Any, ...]:
        return tuple(connection.execute(text(f"PRAGMA {p}")).scalar() for p in ("journal_mode", "synchronous"))

    full = 2
    assert run(file, lambda writer: writer.submit(pragmas)) == ("wal", full)


@pytest.mark.parametrize("fault", [Conflict("taken", "It is taken."), KeyError("a mistake of ours")])
def test_who_fails_fails_alone(database: Database, fault: Exception) -> None:
    async def story(writer: GroupCommit) -> list[Any]:
        units = [put("a"), put("b", fault=fault), put("c")]
        return await asyncio.gather(*map(writer.submit, units), return_exceptions=True)

    assert run(database, story) == ["a", fault, "c"]
    assert on_disk(database).keys() == {"a", "c"}, "what the failing unit wrote before it failed is undone"


def test_what_cannot_be_kept_is_refused_and_nobody_else(database: Database) -> None:
    """PostgreSQL has no U+0000 in texts."""

    async def story(writer: GroupCommit) -> list[Any]:
        units = [put("a"), put("b\0"), put("c")]
        return await asyncio.gather(*map(writer.submit, units), return_exceptions=True)

    first, second, third = run(database, story)
    assert (first, third) == ("a", "c")
    assert second == "b\0" or isinstance(second, Invalid)
    if isinstance(second, Invalid):
        with pytest.raises(Invalid), database.read() as connection:
            connection.execute(select(setting.c.value).where(setting.c.name == "b\0"))


def test_a_violated_constraint_is_no_reason_to_stop(database: Database) -> None:
    async def story(writer: GroupCommit) -> list[Any]:
        units = [raw_put("a", b"1"), raw_put("a", b"2"), raw_put("b", b"3")]
        return await asyncio.gather(*map(writer.submit, units), return_exceptions=True)

    first, second, third = run(database, story)
    assert (first, third) == ("a", "b")
    assert isinstance(second, StoreUnavailable)
    assert on_disk(database) == {"a": b"1", "b": b"3"}


def test_more_than_it_takes_is_refused_at_once_and_only_for_now(database: Database) -> None:
    async def story(writer: GroupCommit) -> None:
        taken = [writer.submit(put(f"n{n}")) for n in range(3)]
        with pytest.raises(StoreBusy):
            writer.submit(put("too much"))
        assert await asyncio.gather(*taken) == ["n0", "n1", "n2"]
        assert await writer.submit(put("later")) == "later"

    run(database, story, waiting=3)
    assert on_disk(database).keys() == {"n0", "n1", "n2", "later"}


def test_stopping_finishes_what_waits_and_takes_nothing_more(database: Database) -> None:
    async def story() -> None:
        writer = GroupCommit(database, group=2)
        writer.start()
        taken = [writer.submit(put(f"n{n}")) for n in range(9)]
        await writer.stop()
        assert [f.result() for f in taken] == [f"n{n}" for n in range(9)]
        with pytest.raises(StoreBusy):
            writer.submit(put("too late"))

    asyncio.run(story())
    assert len(on_disk(database)) == 9


def test_a_client_that_went_away_harms_nobody(database: Database) -> None:
    async def story(writer: GroupCommit) -> None:
        gone, stays = writer.submit(put("gone")), writer.submit(put("stays"))
        gone.cancel()
        assert await stays == "stays"
        gone, fails = writer.submit(put("gone, too")), writer.submit(put("x", fault=KeyError()))
        gone.cancel()
        with pytest.raises(KeyError):
            await fails
        assert await writer.submit(put("next")) == "next"

    run(database, story)
    assert {"stays", "next"} <= on_disk(database).keys()


@contextmanager
def largest_file(octets: int) -> Iterator[None]:
    """No file of this process grows beyond this: to SQLite a disk that is full when it commits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("write", [put, raw_put])
def test_a_full_disk_at_the_commit(file: Database, write: Callable[[str, bytes], Unit]) -> None:
    path = path_of(file)
    log = path.with_name(path.name + "-wal")

    async def story(writer: GroupCommit) -> None:
        await writer.submit(put("before"))
        with largest_file(log.stat().st_size + 4096):
            for n in range(2):
                late = [writer.submit(write(f"{n}.{i}", bytes(20_000))) for i in range(3)]
                for refused in await asyncio.gather(*late, return_exceptions=True):
                    assert isinstance(refused, StoreUnavailable)
            assert on_disk(file).keys() == {"before"}
        assert await writer.submit(write("after", bytes(20_000))) == "after"

    run(file, story)
    assert on_disk(file).keys() == {"before", "after"}


@pytest.mark.parametrize("write", [put, raw_put])
def test_a_full_database(file: Database, write: Callable[[str, bytes], Unit]) -> None:
    def pages(limit: int) -> Unit:
        return lambda connection: connection.execute(text(f"PRAGMA max_page_count = {limit}")).scalar()

    async def story(writer: GroupCommit) -> None:
        limit = await writer.submit(lambda c: c.execute(text("PRAGMA page_count")).scalar()) + 4
        await writer.submit(pages(limit))
        outcomes = [await _outcome(writer.submit(write(f"n{n}", bytes(3000)))) for n in range(12)]
        assert StoreUnavailable in outcomes
        acknowledged = {name for name in outcomes if name is not StoreUnavailable}
        assert on_disk(file).keys() == acknowledged
        await writer.submit(pages(limit + 1000))
        assert await writer.submit(write("after", bytes(3000))) == "after"

    run(file, story)
    assert "after" in on_disk(file)


async def _outcome(future: "asyncio.Future[Any]") -> Any:
    try:
        return await future
    except StoreUnavailable:
        return StoreUnavailable


def test_a_database_that_somebody_else_holds(file: Database) -> None:
    other = sqlite3.connect(path_of(file), isolation_level=None)

    async def story(writer: GroupCommit) -> None:
        await writer.submit(lambda c: c.execute(text("PRAGMA busy_timeout = 20")).scalar())
        other.execute("BEGIN IMMEDIATE")
        waiting = [writer.submit(put(f"n{n}")) for n in range(50)]
        for refused in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(refused, StoreUnavailable)
        other.execute("ROLLBACK")
        assert await writer.submit(put("after")) == "after"

    run(file, story)
    other.close()
    assert on_disk(file).keys() == {"after"}


def test_the_lock_is_waited_for_once_and_nothing_else_stands_still(
    file: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that counts what others got done meanwhile, however busy the machine is."""
    other = sqlite3.connect(path_of(file), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    turns = 0
    monkeypatch.setattr("simbond_verifier.store.group_commit.monotonic", lambda: turns)

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    async def story(writer: GroupCommit) -> None:
        counter = asyncio.create_task(count())
        results = await asyncio.gather(*(writer.submit(put(f"n{n}")) for n in range(50)), return_exceptions=True)
        counter.cancel()
        assert all(isinstance(r, StoreUnavailable) for r in results)
        other.execute("ROLLBACK")
        await writer.submit(put("after"))

    run(file, story)
    other.close()
    assert 10 < turns < 100, "others had their turn, and 50 units did not wait for 50 times as long"


puts = st.tuples(st.sampled_from("abc"), st.binary(max_size=3), st.booleans())
groups = st.lists(st.lists(puts, max_size=6), max_size=6)


@pytest.fixture(scope="module")
def shared(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = Database(place(tmp_path_factory.mktemp("shared") / "store.db"))
    yield made
    made.close()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bursts=groups, group=st.integers(1, 5))
def test_together_is_the_same_as_one_after_the_other(
    shared: Database, bursts: list[list[tuple[str, bytes, bool]]], group: int
) -> None:
    """Units read what earlier ones left, write, and may fail then: shared transactions must not show."""

    def append(name: str, value: bytes, good: bool) -> Unit:
        def unit(connection: Connection) -> bytes:
            before = connection.execute(select(setting.c.value).where(setting.c.name == name)).scalar() or b""
            put(name, before + value)(connection)
            if not good:
                raise Refusal("no", repr(before))
            return before

        return unit

    async def story(writer: GroupCommit) -> list[Any]:
        outcomes: list[Any] = []
        for burst in bursts:
            futures = [writer.submit(append(*each)) for each in burst]
            outcomes += await asyncio.gather(*futures, return_exceptions=True)
        return outcomes

    with shared.write() as connection:
        connection.execute(delete(setting))
    outcomes = run(shared, story, window_s=0, group=group)

    expected: dict[str, bytes] = {}
    for (name, value, good), outcome in zip([each for burst in bursts for each in burst], outcomes, strict=True):
        before = expected.get(name, b"")
        if good:
            expected[name] = before + value
            assert outcome == before
        else:
            assert isinstance(outcome, Refusal)
            assert str(outcome) == repr(before)
    assert on_disk(shared) == expected


def test_heavy_items_fill_a_group_sooner(database: Database) -> None:
    """A part of a batch is worth many units: else a few of them would hold everything up."""
    groups: list[int] = []

    def handler(_: Connection, items: list[int]) -> list[int]:
        groups.append(sum(items))
        return items

    async def story(writer: GroupCommit) -> None:
        await asyncio.gather(*(writer.submit_item(handler, 100, 100) for _ in range(10)))
        with pytest.raises(StoreBusy):
            writer.submit_item(handler, 5000, 5000)

    run(database, story)
    assert sum(groups) == 1000
    assert max(groups) <= 300
