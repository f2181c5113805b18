"""The network's own view of a card decides between a device that accuses and the device that it is bound to."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simbond_agent import claims
from simbond_verifier import fleet
from simbond_verifier.enforcement import Sighting, TargetError, UnknownSubscriber
from simbond_verifier.store.group_commit import GroupCommit
from simbond_verifier.workers.corroborator import Corroborator
from support.attester import ICCID, IMEI, IMSI, Attester
from support.verifier import SCENARIO, Desk
from support.verifier import desk as make_desk
from support.workers import OnceFull, at_work, group_commit, settled, until

pytestmark = pytest.mark.usefixtures("store")

FOREIGN_IMEI = "353456060000024"
OTHER_CARD = ("89860012345678904447", "460001234560002")


class View:
    """What the network has seen: an IMEI, None, or an error."""

    def __init__(self, seen: str | Exception | None, at: float | None = None) -> None:
        self.seen = seen
        self.at = at
        self.asked: list[str] = []
        self.answers = asyncio.Event()
        self.answers.set()

    async def sighting(self, imsi: str) -> Sighting | None:
        self.asked.append(imsi)
        await self.answers.wait()
        if isinstance(self.seen, Exception):
            raise self.seen
        return None if self.seen is None else Sighting(self.seen, self.at)


class Stage:
    def __init__(self, desk: Desk, view: View, writer: GroupCommit) -> None:
        self.desk = desk
        self.view = view
        self.changes = 0
        self.corroborator = Corroborator(desk.database, writer, view, self._changed, clock=lambda: desk.now)

    def _changed(self) -> None:
        self.changes += 1

    async def asked(self, times: int) -> None:
        await until(lambda: len(self.view.asked) >= times, f"{times} questions to the network")
        await settled()
        assert len(self.view.asked) == times

    def later(self, seconds: float) -> None:
        self.desk.now += seconds
        self.corroborator.wake()

    def state(self) -> tuple[str, str]:
        card = self.desk.card(ICCID)
        return card["state"], card["access"]

    async def suspended(self) -> None:
        await until(lambda: self.changes, "a change")
        assert self.state() == ("suspended", "barred")


def accused(desk: Desk, foreign_imei: str = FOREIGN_IMEI) -> tuple[Attester, Attester]:
    """A bound meter, and a foreign device that claims its card."""
    meter = Attester()
    foreign = Attester(imei=foreign_imei, imsi=None)
    desk.bind(meter)
    enrol = {"imei": None, "label": "", "allow_duplicate_imei": True, "actor": "olga"}
    desk.do(fleet.enrol, foreign.enrolment(), **enrol)
    assert desk.attest(foreign).accused
    return meter, foreign


def play(desk: Desk, view: View, story: Callable[[Stage], Any]) -> Stage:
    async def run() -> Stage:
        async with group_commit(desk.database) as writer:
            stage = Stage(desk, view, writer)
            async with at_work(stage.corroborator.run):
                await story(stage)
        return stage

    return asyncio.run(run())


@pytest.mark.parametrize("seen", [FOREIGN_IMEI, FOREIGN_IMEI[:14], FOREIGN_IMEI[:14] + "9", FOREIGN_IMEI[:14] + "47"])
def test_the_network_agrees(desk: Desk, seen: str) -> None:
    """Check digit, none, a wrong one, or the software version of an IMEISV: 14 digits are the device."""
    accused(desk)
    play(desk, View(seen), Stage.suspended)
    assert desk.commands() == [(IMSI, "barred", "pending")]
    last = desk.history(ICCID)[-1]
    assert last["reasons"] == ["foreign-device"]
    assert last["detail"]["corroborated_by"] == "network view"
    assert last["detail"]["foreign_imei"] == FOREIGN_IMEI[:14]


@pytest.mark.parametrize(
    "seen",
    [
        IMEI,
        None,
        "",
        "353456060000034",
        FOREIGN_IMEI[:13],
        TargetError("the HLR is away"),
        UnknownSubscriber("osmo-hlr has no subscriber"),
    ],
)
def test_the_network_does_not_agree(desk: Desk, seen: str | Exception | None) -> None:
    accused(desk)

    async def story(stage: Stage) -> None:
        for times in range(1, 4):
            await stage.asked(times)
            stage.later(100)
        assert stage.state() == ("warned", "allowed")
        assert stage.changes == 0
        assert desk.commands() == []

    play(desk, View(seen), story)


@pytest.mark.parametrize(("seconds", "after"), [(-60, "warned"), (60, "suspended"), (None, "suspended")])
def test_what_the_network_saw_before_the_bound_device_proved_itself_is_the_past(
    desk: Desk, seconds: float | None, after: str
) -> None:
    """After a theft that was settled the network may still remember the thief's device; his word does not revive it."""
    meter = Attester()
    foreign = Attester(imei=FOREIGN_IMEI, imsi=None)
    desk.bind(meter)
    desk.add(foreign)
    desk.attest(meter)
    proved = desk.now
    desk.now += 120
    desk.attest(foreign)

    async def story(stage: Stage) -> None:
        if after == "suspended":
            await stage.suspended()
        else:
            await stage.asked(1)
        assert stage.state()[0] == after

    play(desk, View(FOREIGN_IMEI, None if seconds is None else proved + seconds), story)


def test_it_may_agree_later(desk: Desk) -> None:
    """The thief's device attests first; the network sees it a while after that."""
    accused(desk)

    async def story(stage: Stage) -> None:
        await stage.asked(1)
        stage.view.seen = FOREIGN_IMEI
        stage.later(100)
        await stage.suspended()

    play(desk, View(IMEI), story)


def test_it_is_asked_less_and_less_often_but_at_least_every_minute(desk: Desk) -> None:
    accused(desk)

    async def story(stage: Stage) -> None:
        pauses = [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
        for times, pause in enumerate(pauses, 1):
            await stage.asked(times)
            stage.later(pause * 0.9)
            await stage.asked(times)
            stage.later(pause * 0.1 + 0.001)
        await stage.asked(len(pauses) + 1)

    play(desk, View(None), story)


def test_who_shares_the_bound_devices_imei_is_not_told_from_it(desk: Desk) -> None:
    """Whole batches have one IMEI: that the network sees it says nothing about which of them holds the card."""
    accused(desk, foreign_imei=IMEI)

    async def story(stage: Stage) -> None:
        await settled()
        stage.later(100)
        await settled()
        assert stage.state() == ("warned", "allowed")

    play(desk, View(IMEI), story)


def test_an_accusation_that_was_refuted_meanwhile_suspends_nothing(desk: Desk) -> None:
    meter, _ = accused(desk)

    async def story() -> None:
        view = View(FOREIGN_IMEI)
        view.answers.clear()
        async with group_commit(desk.database) as writer:
            stage = Stage(desk, view, writer)
            async with at_work(stage.corroborator.run):
                await stage.asked(1)
                desk.now += 5
                desk.attest(meter)
                view.answers.set()
                await until(lambda: stage.changes, "the answer")
                assert stage.state() == ("bound", "allowed")
                stage.later(1000)
                await settled()
                assert len(view.asked) == 1, "what is closed is not asked about"

    asyncio.run(story())


def test_each_card_is_asked_about_by_itself(desk: Desk) -> None:
    accused(desk)
    other = Attester(imei="353456060000032", iccid=OTHER_CARD[0], imsi=OTHER_CARD[1])
    desk.bind(other)
    liar = Attester(imei="353456060000040", iccid=OTHER_CARD[0], imsi=None)
    desk.add(liar)
    desk.attest(liar)

    async def story(stage: Stage) -> None:
        await until(lambda: set(stage.view.asked) == {IMSI, OTHER_CARD[1]}, "both questions")
        await stage.suspended()
        assert desk.card(OTHER_CARD[0])["state"] == "warned", "the network saw the first accuser, not the second"

    play(desk, View(FOREIGN_IMEI), story)


def test_what_the_database_does_not_take_is_asked_again(desk: Desk) -> None:
    async def story() -> None:
        writer = OnceFull(desk.database)
        writer.start()
        stage = Stage(desk, View(FOREIGN_IMEI), writer)
        async with at_work(stage.corroborator.run):
            await stage.asked(1)
            assert stage.state() == ("warned", "allowed")
            stage.later(1)
            await stage.suspended()
        await writer.stop()

    accused(desk)
    asyncio.run(story())


def test_an_open_accusation_outlives_a_restart(tmp_path: Path) -> None:
    with make_desk(tmp_path, SCENARIO) as desk:
        accused(desk)
    with make_desk(tmp_path, SCENARIO) as desk:
        play(desk, View(FOREIGN_IMEI), Stage.suspended)


def test_without_accusation_the_network_is_not_asked(desk: Desk) -> None:
    meter = Attester()
    desk.bind(meter)
    meter.iccid, meter.status = None, claims.TRAY_EMPTY
    desk.attest(meter)

    async def story(stage: Stage) -> None:
        stage.later(100)
        await settled()
        assert stage.view.asked == []

    play(desk, View(FOREIGN_IMEI), story)
