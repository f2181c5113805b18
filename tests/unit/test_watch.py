"""The rules by the clock, over a fleet."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simbond_agent import claims
from simbond_verifier import fleet as fleet_orders
from simbond_verifier.observation import Observation, Use
from simbond_verifier.policy import Policy
from simbond_verifier.scenario import Scenarios, parse
from simbond_verifier.store import observations
from simbond_verifier.workers import background
from simbond_verifier.workers.watch import Watch
from support.attester import ICCID, IMEI, IMSI, Attester
from support.verifier import Desk
from support.verifier import desk as make_desk
from support.workers import group_commit

pytestmark = pytest.mark.usefixtures("store")

DAY = 86400
SCENARIO = """
id = 1
name = "meter"
[reporting]
interval_s = 3600
tolerance_s = 600
[absence]
missed = 2
traffic_grace_s = 1800
never_used_days = 30
sleeping_days = 60
[warnings]
number = 3
within_s = 86400
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with make_desk(tmp_path, SCENARIO) as made:
        yield made


class Fleet:
    """A desk and the watch over it, which has been at work for an hour."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.sweep: Callable[[], Any]
        self.meter = Attester()

    def seen(self, **more: Any) -> None:
        observed = Observation(IMSI, self.desk.now, "feed", **more)
        with self.desk.database.write() as connection:
            observations.take(connection, observed, self.desk.scenarios, Policy(), self.desk.now)

    def warned_by(self) -> list[str]:
        """What the newest line of the card's history says, where the card is warned."""
        last = self.desk.history(ICCID)[-1]
        return list(last["reasons"]) if last["state"] == "warned" else []


def swept(fleet: Fleet, *steps: Callable[[], Any], since: float | None = None) -> list[int]:
    """Takes the steps, with a sweep after each: of how many cards each noted something. since: when the verifier
    started, unless now."""
    desk = fleet.desk
    started = [desk.now if since is None else since]

    async def sweeps() -> list[int]:
        counts = []
        async with group_commit(desk.database) as writer:
            clock = lambda: started.pop() if started else desk.now  # noqa: E731
            watch = Watch(desk.database, writer, desk.scenarios, Policy(), lambda: None, clock=clock)
            for step in steps:
                step()
                counts.append(await watch.sweep())
        return counts

    return asyncio.run(sweeps())


def later(desk: Desk, seconds: float) -> Callable[[], None]:
    def step() -> None:
        desk.now += seconds

    return step


@pytest.fixture
def fleet(desk: Desk) -> Fleet:
    made = Fleet(desk)
    desk.bind(made.meter)
    desk.attest(made.meter)
    return made


def test_silence_is_noted_once_it_is_long_enough_and_once(fleet: Fleet) -> None:
    desk = fleet.desk
    counts = swept(fleet, later(desk, 7800), later(desk, 1), later(desk, 100), later(desk, DAY))

    assert counts == [0, 1, 0, 0]
    assert fleet.warned_by() == ["silent"]


def test_a_unit_that_has_time_for_one_card_leaves_the_others_to_the_next(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_UNIT_S", 0)
    for n in range(11, 14):
        fleet.desk.bind(Attester(imei=f"86123405000{n:03}0", iccid=f"8986001234567{n:07}", imsi=f"46000123456{n:04}"))
    assert swept(fleet, later(fleet.desk, 7801), later(fleet.desk, 1)) == [4, 0]


def test_a_meter_that_says_every_day_that_its_card_is_gone_attests_it_on_none_of_them(tmp_path: Path) -> None:
    """One that need not report more often than every two days: its card in use elsewhere is unattested in the end."""
    with make_desk(tmp_path, SCENARIO.replace("interval_s = 3600", "interval_s = 172800")) as desk:
        made = Fleet(desk)
        desk.bind(made.meter)
        desk.attest(made.meter)
        made.meter.iccid, made.meter.imsi, made.meter.status = None, None, claims.TRAY_EMPTY

        def a_day() -> None:
            desk.now += DAY
            desk.attest(made.meter)
            made.seen(imei=IMEI[:14], use=Use.DATA)

        assert swept(made, *[a_day] * 5) == [0, 0, 0, 1, 0]
        with desk.database.read() as connection:
            there = {sign["reason"]: sign["cleared_at"] for sign in observations.against(connection, 1)}
        assert there == {"tray-empty": None, "traffic-unattested": None}


OTHER = ("89860012345678904447", "460001234560002")
SET = '[binding]\nmode = "set"\n'


@pytest.mark.parametrize(
    ("rules", "traffic", "found"),
    [
        (SET + "one_at_a_time = true\n", True, ["traffic-unattested"]),
        (SET + "one_at_a_time = true\n", False, []),
        (SET, True, []),
    ],
)
def test_a_card_that_was_pulled_out_of_a_set_and_is_in_use(
    tmp_path: Path, rules: str, traffic: bool, found: list[str]
) -> None:
    """Its device goes on attesting its other profile; where it can use one at a time only, somebody else uses this."""
    with make_desk(tmp_path, SCENARIO + rules) as desk:
        made = Fleet(desk)
        desk.bind(made.meter)
        desk.stock(OTHER)
        more: dict[str, Any] = {"scenario": None, "scenarios": desk.scenarios, "actor": "olga"}
        desk.do(fleet_orders.bind, OTHER[0], made.meter.kid.hex(), **more)
        desk.attest(made.meter)
        made.meter.iccid, made.meter.imsi = OTHER

        def half_an_hour() -> None:
            desk.now += 1800
            desk.attest(made.meter)
            if traffic:
                made.seen(imei=IMEI[:14], use=Use.DATA)

        assert sum(swept(made, *[half_an_hour] * 6)) == len(found)
        assert made.warned_by() == found
        made.meter.iccid, made.meter.imsi = ICCID, IMSI
        desk.now += 60
        desk.attest(made.meter)
        assert desk.card(ICCID)["state"] == desk.card(OTHER[0])["state"] == "bound", "its device has it after all"
        made.meter.iccid, made.meter.imsi = OTHER
        assert swept(made, half_an_hour) == [0], "it has only just left it"


@pytest.mark.parametrize(("iccid", "status"), [(None, claims.TRAY_EMPTY), ("89860012345678904447", 0)])
def test_what_the_device_says_of_another_card_attests_none_of_this_one(
    fleet: Fleet, iccid: str | None, status: int
) -> None:
    """A card that was pulled out and is in use, while its meter goes on with another card or by another way."""
    desk = fleet.desk
    fleet.meter.iccid, fleet.meter.imsi, fleet.meter.status = iccid, None, status

    def half_an_hour() -> None:
        desk.now += 1800
        desk.attest(fleet.meter)
        fleet.seen(imei=IMEI[:14], use=Use.DATA)

    swept(fleet, *[half_an_hour] * 6)

    lines = [(line["kind"], line["reasons"]) for line in desk.history(ICCID)[2:]]
    assert [kind for kind, _ in lines] == ["alert", "recheck"]
    assert lines[1][1] == ["traffic-unattested"]
    deadline = desk.card(ICCID)["deadline"]
    swept(fleet, *[half_an_hour] * 4)
    assert desk.card(ICCID)["deadline"] == deadline, "and it goes on"


def test_affirming_evidence_ends_it_and_it_may_begin_again(fleet: Fleet) -> None:
    desk = fleet.desk
    counts = swept(fleet, later(desk, 8000), lambda: desk.attest(fleet.meter), later(desk, 8000))

    assert counts[:2] == [1, 0]
    assert fleet.warned_by() == ["silent"]


def test_a_card_that_is_only_asleep_is_not_silent(fleet: Fleet) -> None:
    desk = fleet.desk

    def attest() -> None:
        desk.now += 4100  # within interval and tolerance
        desk.attest(fleet.meter)

    assert swept(fleet, *[attest] * 5) == [0] * 5


def test_what_the_verifier_itself_missed_is_not_held_against_the_card(fleet: Fleet) -> None:
    desk = fleet.desk
    desk.now += 10 * DAY  # it was down for that long
    counts = swept(fleet, later(desk, 0), later(desk, 7800), later(desk, 1))

    assert counts == [0, 0, 1]


def test_a_card_in_use_whose_device_says_nothing(fleet: Fleet) -> None:
    desk = fleet.desk
    started = desk.now

    def in_use() -> None:
        fleet.seen(imei=IMEI[:14])

    swept(fleet, later(desk, 6000), in_use, since=started)
    assert fleet.warned_by() == [], "within interval, tolerance and grace"
    desk.now += 1
    swept(fleet, in_use, since=started)

    assert fleet.warned_by() == ["traffic-unattested"]
    assert desk.card(ICCID)["deadline"] == desk.now + DAY, "a second check, which its Evidence answers"
    desk.now += 1
    desk.attest(fleet.meter)
    assert desk.card(ICCID)["state"] == "bound"


def test_traffic_that_is_told_late_is_counted_by_when_it_was(fleet: Fleet) -> None:
    desk = fleet.desk
    desk.now += 3000
    fleet.seen()
    started = desk.now
    desk.now += 4000
    assert swept(fleet, lambda: None, since=started) == [0]


def test_a_card_that_is_never_used(desk: Desk) -> None:
    silent = Scenarios([parse(SCENARIO + '[ladder]\nsilent = "ignore"\n', "test")])
    desk.scenarios = silent
    fleet = Fleet(desk)
    desk.bind(fleet.meter)
    assert swept(fleet, later(desk, 30 * DAY), later(desk, 1), later(desk, DAY)) == [0, 1, 0]
    assert fleet.warned_by() == ["never-used"]


def test_a_card_that_falls_asleep_and_wakes(fleet: Fleet) -> None:
    desk = fleet.desk
    desk.scenarios = Scenarios([parse(SCENARIO + '[ladder]\nsilent = "ignore"\n', "test")])
    assert swept(fleet, later(desk, 60 * DAY), later(desk, 1), later(desk, DAY)) == [0, 1, 0]
    assert fleet.warned_by() == ["sleeping"]
    fleet.seen(imei=IMEI[:14])
    with desk.database.read() as connection:
        (known,) = [sign for sign in observations.against(connection, 1) if sign["reason"] == "sleeping"]
    assert known["facts"]["woke_at"] == desk.now
    desk.attest(fleet.meter)
    assert desk.card(ICCID)["state"] == "bound"


def test_silence_that_lasts_confirms_itself_an_interval_at_a_time(fleet: Fleet) -> None:
    desk = fleet.desk
    desk.scenarios = Scenarios([parse(SCENARIO + '[ladder]\nsilent = {step = "suspend", confirm = 3}\n', "test")])
    counts = swept(fleet, later(desk, 8000), *[later(desk, 1800)] * 6)

    assert counts == [1, 0, 1, 0, 1, 0, 0]
    assert desk.card(ICCID)["state"] == "suspended"


def test_a_card_that_is_warned_often(fleet: Fleet) -> None:
    desk = fleet.desk
    meter = fleet.meter

    def trip() -> None:
        desk.now += 60
        meter.status = 32  # opened
        desk.attest(meter)
        meter.status = 0
        desk.now += 60
        desk.attest(meter)

    assert swept(fleet, trip, trip) == [0, 0]
    assert desk.card(ICCID)["state"] == "bound"
    swept(fleet, trip, lambda: None)
    assert fleet.warned_by() == ["often-warned"]
    assert desk.card(ICCID)["deadline"] is not None


def test_what_was_done_once_is_over_after_its_window(fleet: Fleet) -> None:
    desk = fleet.desk
    desk.scenarios = Scenarios([parse(SCENARIO + '[functions]\nuses = ["data"]\n', "test")])
    fleet.seen(use=Use.VOICE)
    desk.now += 1
    desk.attest(fleet.meter)
    assert desk.card(ICCID)["state"] == "warned", "its Evidence says nothing about a call"
    desk.now += DAY
    desk.attest(fleet.meter)
    swept(fleet, later(desk, 1))
    desk.attest(fleet.meter)

    assert desk.card(ICCID)["state"] == "bound"


def test_a_suspended_card_is_not_asked(fleet: Fleet) -> None:
    from simbond_verifier import fleet as fleets

    desk = fleet.desk
    desk.do(fleets.suspend, ICCID, reason="ticket 1", actor="olga")
    assert swept(fleet, later(desk, 90 * DAY), later(desk, 90 * DAY)) == [0, 0]
