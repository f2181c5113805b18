"""A real osmo-hlr that is away for an hour of the verifier's clock, and one that says OK and does nothing."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from simbond_tools.hlr import PrivateHlr
from simbond_verifier import fleet
from simbond_verifier.enforcement import Access, Outcome
from simbond_verifier.enforcement.osmo_hlr import OsmoHlr
from simbond_verifier.metrics import Metrics
from simbond_verifier.store.schema import command, readback
from simbond_verifier.workers.outbox import Outbox
from support import needs
from support.verifier import Desk
from support.verifier import desk as make_desk
from support.workers import at_work, group_commit, until

ICCID, IMSI = "89860012345678900001", "460001234560001"
HOUR = 3600.0
LONGEST_PAUSE = 360.0


class Liar(OsmoHlr):
    """Says that it has barred the card, and has not, as long as it lies."""

    lying = True

    async def suspend(self, imsi: str) -> Outcome:
        return Outcome("barred; no serving node") if self.lying else await super().suspend(imsi)


@pytest.fixture
def hlr() -> Iterator[PrivateHlr]:
    needs.program("osmo-hlr", package="osmo-hlr")
    with PrivateHlr() as running:
        running.add_subscriber(IMSI, "46701234567")
        yield running


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with make_desk(tmp_path) as made:
        made.stock((ICCID, IMSI))
        yield made


def commands(desk: Desk) -> list[Any]:
    with desk.database.read() as connection:
        return list(connection.execute(select(command).order_by(command.c.id)))


def suspend(desk: Desk) -> None:
    desk.do(fleet.suspend, ICCID, reason="found on a roof", actor="olga")


def resume(desk: Desk) -> None:
    desk.do(fleet.resume, ICCID, reason="back", reverify=False, scenarios=desk.scenarios, actor="olga")


async def attempted(desk: Desk, outbox: Outbox, times: int) -> None:
    outbox.wake()
    await until(lambda: commands(desk)[-1].attempts >= times, f"{times} attempts")


async def confirmed(desk: Desk, outbox: Outbox) -> None:
    outbox.wake()
    await until(lambda: commands(desk)[-1].outcome == "confirmed", "a confirmation")


def test_an_hlr_that_was_away_for_an_hour_does_in_the_end_what_was_decided_last(desk: Desk, hlr: PrivateHlr) -> None:
    async def play() -> None:
        target = OsmoHlr(hlr.host)
        async with group_commit(desk.database) as writer:
            outbox = Outbox(desk.database, writer, target, Metrics(), clock=lambda: desk.now)
            async with at_work(outbox.run):
                hlr.stop()
                gone = desk.now
                suspend(desk)
                await attempted(desk, outbox, 1)
                desk.now += 60
                resume(desk)
                await attempted(desk, outbox, 1)
                desk.now += 60
                suspend(desk)
                tries = 0
                while desk.now < gone + HOUR:
                    tries += 1
                    await attempted(desk, outbox, tries)
                    desk.now += LONGEST_PAUSE
                hlr.start()
                await confirmed(desk, outbox)
                assert await target.state(IMSI) is Access.BARRED
        await target.close()

    asyncio.run(play())

    assert [row.outcome for row in commands(desk)] == ["superseded", "superseded", "confirmed"]
    assert commands(desk)[-1].attempts >= HOUR / LONGEST_PAUSE
    with desk.database.read() as connection:
        said = [row.said for row in connection.execute(select(readback).order_by(readback.c.id))]
    assert said == [""] * (len(said) - 1) + ["barred"], "nothing was read back while nobody was there"


def test_an_hlr_that_lies_is_never_believed(desk: Desk, hlr: PrivateHlr) -> None:
    async def play() -> None:
        target = Liar(hlr.host)
        async with group_commit(desk.database) as writer:
            outbox = Outbox(desk.database, writer, target, Metrics(), clock=lambda: desk.now)
            async with at_work(outbox.run):
                suspend(desk)
                for tries in range(1, 6):
                    await attempted(desk, outbox, tries)
                    assert commands(desk)[-1].outcome == "pending"
                    assert "reads back 'allowed'" in commands(desk)[-1].error
                    desk.now += LONGEST_PAUSE
                target.lying = False
                await confirmed(desk, outbox)
                assert await target.state(IMSI) is Access.BARRED
        await target.close()

    asyncio.run(play())
