"""Commands to the network: each is carried out until the target's own records say so, and none after a newer one."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from simbond_verifier import fleet
from simbond_verifier.enforcement import Access, Outcome, TargetError, UnknownSubscriber
from simbond_verifier.metrics import Metrics
from simbond_verifier.store.group_commit import GroupCommit
from simbond_verifier.store.schema import command
from simbond_verifier.workers.outbox import Outbox
from support.verifier import Desk
from support.verifier import desk as make_desk
from support.workers import OnceFull, at_work, group_commit, settled, until

pytestmark = pytest.mark.usefixtures("store")

AWAY = TargetError("the HLR is away")
DONE = Outcome("done")
UNTOLD = Outcome("barred; LocationCancel to 'sgsn-1' (PS) not connected", complete=False)


class ScriptedTarget:
    """Plays, call by call and IMSI by IMSI, what a target may do wrong; after its script it does what it is told.

    A step is an exception to raise, an Outcome to return, an Access to end up in whatever was asked, or an Event to
    wait for.
    """

    name = "scripted"

    def __init__(self) -> None:
        self.script: dict[str, list[Exception | Outcome | Access | asyncio.Event]] = defaultdict(list)
        self.mute: list[Exception] = []
        self.records: dict[str, Access] = {}
        self.calls: list[tuple[str, Access]] = []
        self.running: list[str] = []
        self.most = 0

    async def suspend(self, imsi: str) -> Outcome:
        return await self._act(imsi, Access.BARRED)

    async def restrict(self, imsi: str) -> Outcome:
        return await self._act(imsi, Access.RESTRICTED)

    async def resume(self, imsi: str) -> Outcome:
        return await self._act(imsi, Access.ALLOWED)

    async def state(self, imsi: str) -> Access:
        if self.mute:
            raise self.mute.pop()
        return self.records.get(imsi, Access.ALLOWED)

    async def close(self) -> None:
        """Nothing is held open."""

    async def _act(self, imsi: str, wanted: Access) -> Outcome:
        assert imsi not in self.running, "two commands for one card at once"
        self.calls.append((imsi, wanted))
        self.running.append(imsi)
        self.most = max(self.most, len(self.running))
        try:
            await asyncio.sleep(0)
            step = self.script[imsi].pop(0) if self.script[imsi] else DONE
            if isinstance(step, Exception):
                raise step
            if isinstance(step, asyncio.Event):
                await step.wait()
            self.records[imsi] = step if isinstance(step, Access) else wanted
            return step if isinstance(step, Outcome) else DONE
        finally:
            self.running.remove(imsi)


class Stage:
    """A desk whose commands go to a scripted target."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.target = ScriptedTarget()
        self.metrics = Metrics()
        self.outbox: Outbox

    @asynccontextmanager
    async def open(self, writer: GroupCommit) -> Any:
        """One life of the verifier."""
        self.outbox = Outbox(self.desk.database, writer, self.target, self.metrics, clock=lambda: self.desk.now)
        async with at_work(self.outbox.run):
            yield

    def suspend(self, *cards: int) -> None:
        for n in cards:
            self.desk.do(fleet.suspend, iccid(n), reason="found on a roof", actor="olga")
        self.outbox.wake()

    def resume(self, *cards: int) -> None:
        for n in cards:
            self.desk.do(fleet.resume, iccid(n), reason="", reverify=False, scenarios=self.desk.scenarios, actor="olga")
        self.outbox.wake()

    def later(self, seconds: float) -> None:
        self.desk.now += seconds
        self.outbox.wake()

    def rows(self) -> list[Any]:
        """The outbox, oldest command first."""
        with self.desk.database.read() as connection:
            return list(connection.execute(select(command).order_by(command.c.id)))

    def outcomes(self) -> list[str]:
        return [row.outcome for row in self.rows()]

    async def attempted(self, times: int) -> Any:
        """The last command, once it was tried so many times."""
        return await until(lambda: (row := self.rows()[-1]).attempts == times and row, f"{times} attempts")

    async def confirmed(self) -> Any:
        return await until(lambda: (row := self.rows()[-1]).outcome == "confirmed" and row, "a confirmation")

    def count(self, access: str, outcome: str) -> float:
        labels = {"access": access, "outcome": outcome}
        return self.metrics.registry.get_sample_value("simbond_commands_total", labels) or 0.0


def iccid(n: int) -> str:
    return f"8986001234567890{n:04}"


def imsi(n: int) -> str:
    return f"46000123456{n:04}"


def play(desk: Desk, story: Callable[[Stage], Any], cards: int = 2) -> Stage:
    async def run() -> Stage:
        stage = Stage(desk)
        async with group_commit(desk.database) as writer, stage.open(writer):
            await story(stage)
        return stage

    desk.stock(*((iccid(n), imsi(n)) for n in range(cards)))
    return asyncio.run(run())


def test_done_means_read_back(desk: Desk) -> None:
    async def story(stage: Stage) -> None:
        stage.suspend(0)
        row = await stage.confirmed()
        assert (row.attempts, row.error, row.done_at) == (1, "", desk.now)
        assert stage.target.calls == [(imsi(0), Access.BARRED)]
        stage.resume(0)
        await until(lambda: stage.outcomes() == ["confirmed", "confirmed"], "the resumption")
        assert stage.target.records == {imsi(0): Access.ALLOWED}
        await until(
            lambda: stage.count("barred", "confirmed") == stage.count("allowed", "confirmed") == 1, "the counts"
        )

    play(desk, story)


def test_it_tries_again_and_less_and_less_often(desk: Desk) -> None:
    async def story(stage: Stage) -> None:
        stage.target.script[imsi(0)] = [AWAY] * 14
        stage.suspend(0)
        for times in range(1, 15):
            row = await stage.attempted(times)
            assert (row.outcome, row.error) == ("pending", "the HLR is away")
            pause = row.next_at - desk.now
            assert 0.8 <= pause / min(0.5 * 2 ** (times - 1), 300) <= 1.2
            stage.later(pause * 0.9)
            await settled(5)
            assert len(stage.target.calls) == times, "not before it is due"
            stage.later(pause * 0.1 + 0.001)
        row = await stage.confirmed()
        assert (row.attempts, row.error) == (15, "")
        assert stage.count("barred", "failed") == 14

    play(desk, story)


@pytest.mark.parametrize("lie", [Access.ALLOWED, Access.PARTIAL])
def test_a_target_that_says_done_and_did_not(desk: Desk, lie: Access) -> None:
    async def story(stage: Stage) -> None:
        stage.target.script[imsi(0)] = [lie]
        stage.suspend(0)
        row = await stage.attempted(1)
        assert row.outcome == "pending"
        assert lie.value in row.error
        stage.later(1)
        await stage.confirmed()

    play(desk, story)


def test_partly_resumed_is_not_resumed(desk: Desk) -> None:
    async def story(stage: Stage) -> None:
        stage.suspend(0)
        await stage.confirmed()
        stage.target.script[imsi(0)] = [Access.PARTIAL]
        stage.resume(0)
        assert (await stage.attempted(1)).outcome == "pending"

    play(desk, story)


def test_a_target_that_cannot_be_read_back(desk: Desk) -> None:
    async def story(stage: Stage) -> None:
        stage.target.mute = [AWAY]
        stage.suspend(0)
        assert (await stage.attempted(1)).outcome == "pending"
        stage.later(1)
        assert (await stage.confirmed()).attempts == 2

    play(desk, story)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (UnknownSubscriber("osmo-hlr has no subscriber"), "osmo-hlr has no subscriber"),
        (ValueError("'46' is not an IMSI"), "ValueError"),
        (RecursionError(), "RecursionError"),
        (TargetError("é" * 5000), "é" * 400),
    ],
)
def test_what_fails_for_one_card_stays_with_it(desk: Desk, fault: Exception, told: str) -> None:
    async def story(stage: Stage) -> None:
        stage.target.script[imsi(0)] = [fault]
        stage.suspend(0, 1)
        await until(lambda: stage.outcomes() == ["pending", "confirmed"], "the other card's command")
        row = await until(lambda: (row := stage.rows()[0]).attempts == 1 and row, "the attempt")
        assert row.error.startswith(told)
        stage.later(1)
        await until(lambda: stage.outcomes() == ["confirmed", "confirmed"], "the card's own, once it can be done")

    play(desk, story)


def test_a_node_that_could_not_be_told_is_told_again(desk: Desk) -> None:
    async def story(stage: Stage) -> None:
        stage.target.script[imsi(0)] = [UNTOLD]
        stage.suspend(0)
        row = await stage.attempted(1)
        assert (row.outcome, row.error) == ("pending", UNTOLD.detail)
        stage.later(1)
        assert (await stage.confirmed()).error == ""

    play(desk, story)


def test_a_node_that_stays_away_does_not_keep_the_command_open(desk: Desk) -> None:
    async def story(stage: Stage) -> None:
        stage.target.script[imsi(0)] = [UNTOLD] * 100
        stage.suspend(0)
        for times in range(1, 20):
            row = await until(
                lambda n=times: (row := stage.rows()[-1]).attempts == n and row,  # type: ignore[misc]
                f"{times} attempts",
            )
            if row.outcome == "confirmed":
                break
            stage.later(600)
        assert row.outcome == "confirmed"
        assert row.attempts > 2
        assert row.error == UNTOLD.detail, "who reads the history learns that a node may still serve the card"

    play(desk, story)


def test_an_hlr_that_was_away_for_long_still_gets_its_nodes_told(desk: Desk) -> None:
    """The nodes come back to a restarted HLR a little later than the verifier does."""

    async def story(stage: Stage) -> None:
        stage.target.script[imsi(0)] = [AWAY] * 10 + [UNTOLD, UNTOLD]
        stage.suspend(0)
        for times in range(1, 13):
            assert (await stage.attempted(times)).outcome == "pending"
            stage.later(600)
        row = await stage.confirmed()
        assert (row.attempts, row.error) == (13, "")

    play(desk, story)


def test_a_call_that_hangs_holds_up_nobody_else(desk: Desk) -> None:
    async def story(stage: Stage) -> None:
        stage.target.script[imsi(0)] = [never := asyncio.Event()]
        stage.target.script[imsi(1)] = [AWAY]
        stage.suspend(0, 1)
        await until(lambda: stage.rows()[1].attempts == 1, "the other card's attempt")
        await settled()
        desk.now += 1  # nobody wakes the outbox: it has to know by itself when the next one is due
        await until(lambda: stage.outcomes() == ["pending", "confirmed"], "the other card's command", seconds=10)
        never.set()
        await until(lambda: stage.outcomes() == ["confirmed", "confirmed"], "the one that hung")

    play(desk, story)


def test_a_newer_command_waits_for_the_older_call_and_wins(desk: Desk) -> None:
    async def story(stage: Stage) -> None:
        stage.target.script[imsi(0)] = [hangs := asyncio.Event()]
        stage.suspend(0)
        await until(lambda: stage.target.running, "the call")
        stage.resume(0)
        await settled()
        assert stage.target.calls == [(imsi(0), Access.BARRED)]
        hangs.set()
        await until(lambda: stage.outcomes() == ["superseded", "confirmed"], "the resumption")
        assert stage.target.calls == [(imsi(0), Access.BARRED), (imsi(0), Access.ALLOWED)]
        assert stage.target.records == {imsi(0): Access.ALLOWED}
        assert stage.count("barred", "confirmed") == 0, "what was superseded is not counted as confirmed"

    play(desk, story)


def test_a_superseded_command_is_never_tried_again(desk: Desk) -> None:
    async def story(stage: Stage) -> None:
        stage.target.script[imsi(0)] = [AWAY]
        stage.suspend(0)
        await stage.attempted(1)
        stage.resume(0)
        await until(lambda: stage.outcomes() == ["superseded", "confirmed"], "the resumption")
        stage.later(3600)
        await settled()
        assert stage.target.calls == [(imsi(0), Access.BARRED), (imsi(0), Access.ALLOWED)]

    play(desk, story)


def test_many_cards_at_once_but_not_all(desk: Desk) -> None:
    cards = range(150)

    async def story(stage: Stage) -> None:
        gate = asyncio.Event()
        for n in cards:
            stage.target.script[imsi(n)] = [gate]
        stage.suspend(*cards)
        await until(lambda: len(stage.target.running) == stage.target.most == 64, "the first calls")
        await settled(5)
        assert stage.target.most == 64
        gate.set()
        await until(lambda: set(stage.outcomes()) == {"confirmed"}, "all of them")
        assert sorted(stage.target.calls) == [(imsi(n), Access.BARRED) for n in cards], "each once"

    play(desk, story, cards=len(cards))


def test_what_was_pending_at_a_kill_is_carried_out_at_the_next_start(tmp_path: Path) -> None:
    async def killed(desk: Desk) -> None:
        stage = Stage(desk)
        stage.target.script[imsi(0)] = [asyncio.Event()]
        stage.target.script[imsi(1)] = [AWAY]
        async with group_commit(desk.database) as writer, stage.open(writer):
            stage.suspend(0, 1)
            await until(lambda: stage.target.running == [imsi(0)] and stage.rows()[1].attempts == 1, "both calls")
        assert stage.outcomes() == ["pending", "pending"]

    async def next_start(desk: Desk) -> None:
        stage = Stage(desk)
        desk.now += 60
        async with group_commit(desk.database) as writer, stage.open(writer):
            await until(lambda: stage.outcomes() == ["confirmed", "confirmed"], "both commands")
        assert sorted(stage.target.calls) == [(imsi(0), Access.BARRED), (imsi(1), Access.BARRED)]

    with make_desk(tmp_path) as desk:
        desk.stock((iccid(0), imsi(0)), (iccid(1), imsi(1)))
        asyncio.run(killed(desk))
    with make_desk(tmp_path) as desk:
        asyncio.run(next_start(desk))


def test_a_confirmation_that_the_database_does_not_take_is_read_back_again(desk: Desk) -> None:
    async def story() -> None:
        stage = Stage(desk)
        writer = OnceFull(desk.database)
        writer.start()
        async with stage.open(writer):
            stage.suspend(0)
            await stage.confirmed()
            await until(lambda: stage.count("barred", "confirmed") == 1, "the count")
        await writer.stop()
        assert stage.target.calls == [(imsi(0), Access.BARRED)] * 2

    desk.stock((iccid(0), imsi(0)))
    asyncio.run(story())


faults = st.sampled_from([AWAY, UNTOLD, Access.ALLOWED, Access.PARTIAL, Access.BARRED])
moves = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["allowed", "barred"]), st.lists(faults, max_size=2), st.booleans()),
    max_size=10,
)


@pytest.mark.many_databases
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves)
def test_in_the_end_the_network_does_what_was_decided_last(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[int, str, list[Any], bool]]
) -> None:
    async def story(stage: Stage) -> None:
        for n, wanted, script, wait in moves:
            stage.target.script[imsi(n)] += script
            if desk.card(iccid(n))["access"] != wanted:
                (stage.suspend if wanted == "barred" else stage.resume)(n)
            if wait:
                await settled(1)
        while "pending" in stage.outcomes():
            stage.later(400)
            await settled(1)
        for n in range(3):
            assert stage.target.records.get(imsi(n), Access.ALLOWED).value == desk.card(iccid(n))["access"]

    with make_desk(tmp_path_factory.mktemp("story")) as desk:
        play(desk, story, cards=3)


@pytest.mark.parametrize("turns", range(6))
def test_it_ends_when_it_is_told_to_even_as_it_is_woken(desk: Desk, turns: int) -> None:
    async def story() -> None:
        stage = Stage(desk)
        async with group_commit(desk.database) as writer, asyncio.timeout(10), stage.open(writer):
            await settled(2)
            stage.outbox.wake()
            for _ in range(turns):
                await asyncio.sleep(0)

    asyncio.run(story())
