"""The worker that keeps the ledger: complete and in order whatever happens to it, and signed when it stops."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from simbond_verifier.ledger.checkpoint import Checkpoint
from simbond_verifier.store import ledger, signing_keys
from simbond_verifier.store.schema import entry, evidence
from simbond_verifier.store.signing_keys import Keyring
from simbond_verifier.workers.sequencer import Sequencer, catch_up
from support.verifier import Desk
from support.verifier import desk as make_desk
from support.workers import OnceFull, at_work, group_commit, settled, until

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with make_desk(tmp_path) as made:
        with made.database.write() as connection:
            signing_keys.load(connection, made.now)
        yield made


def arrive(desk: Desk, count: int) -> None:
    row = {"at": desk.now, "device_id": 1, "tier": 2, "reasons": "", "message": b"m"}
    with desk.database.write() as connection:
        connection.execute(insert(evidence), [row] * count)


def sequenced(desk: Desk) -> list[int]:
    """The Evidence in the ledger, in order."""
    with desk.database.read() as connection:
        return list(connection.execute(select(entry.c.row_id).order_by(entry.c.seq)).scalars())


def newest(desk: Desk) -> Checkpoint | None:
    with desk.database.read() as connection:
        found = ledger.newest_checkpoint(connection)
    return None if found is None else found[0]


def test_what_is_committed_becomes_an_entry_and_is_signed_at_the_end(desk: Desk) -> None:
    async def live() -> None:
        async with group_commit(desk.database) as writer:
            sequencer = Sequencer(desk.database, writer, Keyring(), clock=lambda: desk.now)
            async with at_work(sequencer.run):
                arrive(desk, 300)
                await until(lambda: len(sequenced(desk)) == 300, "300 entries")
                arrive(desk, 5)

    asyncio.run(live())

    head = newest(desk)
    assert sequenced(desk) == list(range(1, 306))
    assert head is not None
    assert head.size == 305


def test_a_checkpoint_is_signed_now_and_then_and_not_for_nothing(desk: Desk) -> None:
    async def live() -> None:
        async with group_commit(desk.database) as writer:
            sequencer = Sequencer(desk.database, writer, Keyring(), clock=lambda: desk.now)
            async with at_work(sequencer.run):
                arrive(desk, 1)
                first = await until(lambda: newest(desk), "a checkpoint")
                arrive(desk, 1)
                await until(lambda: len(sequenced(desk)) == 2, "2 entries")
                await settled()
                assert newest(desk) == first
                desk.now += 11
                await until(lambda: newest(desk) != first, "another checkpoint")

    asyncio.run(live())


def test_a_full_disk_puts_it_off_and_loses_nothing(desk: Desk) -> None:
    async def live() -> None:
        writer = OnceFull(desk.database)
        writer.start()
        async with at_work(Sequencer(desk.database, writer, Keyring()).run):
            arrive(desk, 10)
            await until(lambda: len(sequenced(desk)) == 10, "10 entries")
        await writer.stop()

        assert writer.full == 0

    asyncio.run(live())


def test_it_goes_on_where_it_was_when_it_was_killed(desk: Desk) -> None:
    arrive(desk, 700)
    for _ in range(3):
        with desk.database.write() as connection:
            ledger.sequence(connection, 100)
    with desk.database.engine.connect() as connection:  # killed: never committed
        ledger.sequence(connection, 100)
        connection.rollback()

    async def live() -> None:
        async with group_commit(desk.database) as writer:
            await catch_up(writer, Keyring(), lambda: desk.now)

    asyncio.run(live())

    head = newest(desk)
    assert sequenced(desk) == list(range(1, 701))
    assert head is not None
    assert head.size == 700


def test_many_that_catch_up_at_once_make_every_entry_once(desk: Desk) -> None:
    arrive(desk, 1000)

    async def live() -> None:
        async with group_commit(desk.database) as writer:
            await asyncio.gather(*(catch_up(writer, Keyring(), lambda: desk.now) for _ in range(5)))

    asyncio.run(live())

    assert sequenced(desk) == list(range(1, 1001))
    with desk.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(entry)).scalar_one() == 1000
