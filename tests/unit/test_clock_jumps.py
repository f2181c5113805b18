"""The outbox under a clock that jumps, and under failures without end: nothing is put off for good, and in the end the
network does what was decided last."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from simbond_verifier import fleet
from simbond_verifier.enforcement import Access, Outcome, TargetError
from simbond_verifier.metrics import Metrics
from simbond_verifier.store.schema import command
from simbond_verifier.workers.outbox import Outbox
from support.verifier import NOW, Desk
from support.verifier import desk as make_desk
from support.workers import at_work, group_commit, settled, until

ICCID, IMSI = "89860012345678900001", "460001234560001"
DAY = 86400.0


class Network:
    """A target that is away while it is told to be."""

    name = "network"

    def __init__(self) -> None:
        self.access = Access.ALLOWED
        self.away = False
        self.calls = 0

    async def suspend(self, imsi: str) -> Outcome:
        return self._does(Access.BARRED)

    async def restrict(self, imsi: str) -> Outcome:
        return self._does(Access.RESTRICTED)

    async def resume(self, imsi: str) -> Outcome:
        return self._does(Access.ALLOWED)

    async def state(self, imsi: str) -> Access:
        return self.access

    async def close(self) -> None:
        """Nothing is held open."""

    def _does(self, access: Access) -> Outcome:
        self.calls += 1
        if self.away:
            raise TargetError("the HLR is away")
        self.access = access
        return Outcome("done")


def decide(desk: Desk, access: Access) -> None:
    held = desk.card(ICCID)["state"] == "suspended"
    if access is Access.BARRED and not held:
        desk.do(fleet.suspend, ICCID, reason="found on a roof", actor="olga")
    elif access is Access.ALLOWED and held:
        desk.do(fleet.resume, ICCID, reason="back", reverify=False, scenarios=desk.scenarios, actor="olga")


def pending(desk: Desk) -> int:
    with desk.database.read() as connection:
        return int(connection.execute(select(func.count()).where(command.c.outcome == "pending")).scalar_one())


jumps = st.one_of(st.floats(-30 * DAY, 30 * DAY), st.floats(-10, 10))
steps = st.tuples(jumps, st.sampled_from([Access.BARRED, Access.ALLOWED]), st.booleans())


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(steps, min_size=1, max_size=6))
def test_whatever_the_clock_does_the_network_does_what_was_decided_last(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[float, Access, bool]]
) -> None:
    async def play(desk: Desk) -> None:
        network = Network()
        async with group_commit(desk.database) as writer:
            outbox = Outbox(desk.database, writer, network, Metrics(), clock=lambda: desk.now)
            async with at_work(outbox.run):
                for jump, access, away in story:
                    desk.now += jump
                    network.away = away
                    decide(desk, access)
                    outbox.wake()
                    await settled(2)
                network.away = False
                desk.now += 600  # more than any pause is long
                outbox.wake()
                await until(lambda: pending(desk) == 0, "every command settled")
        assert network.access.value == desk.card(ICCID)["access"]

    with make_desk(tmp_path_factory.mktemp("clock")) as desk:
        desk.stock((ICCID, IMSI))
        asyncio.run(play(desk))


def test_what_failed_for_weeks_is_tried_no_more_often_than_before(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        network = Network()
        network.away = True
        async with group_commit(desk.database) as writer:
            outbox = Outbox(desk.database, writer, network, Metrics(), clock=lambda: desk.now)
            decide(desk, Access.BARRED)
            with desk.database.write() as connection:
                connection.execute(update(command).values(attempts=5000))
            async with at_work(outbox.run):
                row = await until(
                    lambda: (found := last(desk)).attempts == 5001 and found, "the attempt that comes next"
                )
                assert 200 < row.next_at - NOW < 400
                await settled()
                assert network.calls == 1

    with make_desk(tmp_path) as desk:
        desk.stock((ICCID, IMSI))
        asyncio.run(play(desk))


def last(desk: Desk) -> object:
    with desk.database.read() as connection:
        return connection.execute(select(command).order_by(command.c.id.desc()).limit(1)).one()
