"""What ends a second check, and what does not: a key does not answer for itself, nor against the network."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simbond_verifier import fleet
from simbond_verifier.lifecycle import Event
from simbond_verifier.notice import Kind
from simbond_verifier.observation import Observation
from simbond_verifier.policy import Policy
from simbond_verifier.reasons import Reason
from simbond_verifier.store import gate, notices, observations, second_checks
from simbond_verifier.store.gate import Withheld
from simbond_verifier.workers.deadlines import Deadlines
from support.attester import ICCID, IMEI, IMSI, Attester
from support.verifier import Desk
from support.verifier import desk as make_desk

pytestmark = pytest.mark.usefixtures("store")

DAY = 86400
SCENARIO = """
id = 1
name = "meter"
"""
HOME = IMEI[:14]
FOREIGN = "35345606000002"


class Check:
    """A bound meter that has attested, and the network that sees its card."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.meter = Attester(bootcount=9)
        desk.bind(self.meter)
        desk.attest(self.meter)
        desk.now += 600

    def seen_in(self, imei: str, *, after_s: float = 60, ago: float = 0) -> None:
        self.desk.now += after_s
        seen = Observation(IMSI, self.desk.now - ago, "feed", imei=imei)
        with self.desk.database.write() as connection:
            observations.take(connection, seen, self.desk.scenarios, Policy(), self.desk.now)

    def attests(self, device: Attester | None = None, *, after_s: float = 60) -> Any:
        self.desk.now += after_s
        return self.desk.attest(device or self.meter)

    def runs_out(self) -> str:
        """The card's state once its check's time is over."""
        self.desk.now = max(self.desk.now, self.desk.card(ICCID)["deadline"] or 0) + 1
        worker = Deadlines(self.desk.database, None, self.desk.scenarios, lambda: None, lambda: self.desk.now)  # type: ignore[arg-type]
        with self.desk.database.write() as connection:
            while worker.sweep(connection):
                pass
        return self.state

    @property
    def state(self) -> str:
        return str(self.desk.card(ICCID)["state"])

    @property
    def is_open(self) -> bool:
        return self.desk.card(ICCID)["deadline"] is not None

    @property
    def waits(self) -> list[Withheld]:
        with self.desk.database.read() as connection:
            return gate.waiting(connection)

    def kinds(self) -> list[str]:
        return [line["kind"] for line in self.desk.history(ICCID)]


@pytest.fixture
def check(tmp_path: Path) -> Iterator[Check]:
    with make_desk(tmp_path, SCENARIO) as desk:
        yield Check(desk)


@pytest.fixture
def copied(check: Check) -> Check:
    """Both the meter and a device with its key go on."""
    copy = replace(check.meter, bootcount=3, uptime=10)
    for device in (check.meter, copy, check.meter, copy):
        check.attests(device, after_s=600)
    assert check.is_open
    return check


def test_the_network_ends_what_it_said_after_the_device_has_answered(check: Check) -> None:
    check.seen_in(FOREIGN)
    check.attests()
    assert check.is_open
    check.seen_in(HOME)

    assert not check.is_open
    with check.desk.database.read() as connection:
        assert [each.kind for each in notices.read(connection)] == [Kind.RECHECK, Kind.PASSED]
    assert check.runs_out() == "warned", "until its device says so, too"
    check.attests()
    assert check.state == "bound"


def test_or_before_it_has(check: Check) -> None:
    check.seen_in(FOREIGN)
    check.seen_in(HOME)
    assert check.is_open, "its device has not answered yet"
    check.attests()

    assert check.state == "bound"


def test_whom_the_network_sees_elsewhere_again_no_key_keeps_in_use(check: Check) -> None:
    """A thief with the meter on his desk, and its card in a telephone."""
    check.seen_in(FOREIGN)
    check.attests()
    check.seen_in(FOREIGN, after_s=3600)
    check.attests()

    assert check.runs_out() == "suspended"
    assert check.desk.history(ICCID)[-1]["reasons"] == ["check-expired", "network-imei-differs"]


def test_where_the_network_is_silent_since_a_person_decides(check: Check) -> None:
    """One wrong report must not suspend whose device attests, nor a key have the last word."""
    check.seen_in(FOREIGN)
    for _ in range(3):
        check.attests(after_s=3600)
    assert check.runs_out() == "warned"

    assert [(found.rule, found.what) for found in check.waits] == [(Reason.NETWORK_IMEI_DIFFERS, Event.SUSPEND)]
    assert check.kinds().count("check-answered") == 1
    check.desk.do(gate.release, check.waits[0].id, reason="it is in Lagos", actor="olga")
    assert check.state == "suspended"


def test_what_the_network_had_seen_before_the_answer_and_told_late_is_no_second_word(check: Check) -> None:
    check.seen_in(FOREIGN)
    check.attests(after_s=3600)
    check.seen_in(FOREIGN, ago=1800)

    assert check.runs_out() == "warned"
    assert len(check.waits) == 1


def test_who_never_answered_is_suspended(check: Check) -> None:
    check.seen_in(FOREIGN)

    assert check.runs_out() == "suspended"


def test_an_answer_to_an_earlier_check_answers_no_later_one(check: Check) -> None:
    check.seen_in(FOREIGN)
    check.attests()
    check.seen_in(HOME)
    check.seen_in(FOREIGN)
    assert check.is_open

    assert check.runs_out() == "suspended"


def test_a_copied_key_does_not_pass_the_check_of_its_copy(copied: Check) -> None:
    for _ in range(3):
        copied.attests(after_s=3600)
    assert copied.is_open

    assert copied.runs_out() == "suspended"
    for _ in range(3):
        copied.attests(after_s=3600)
    assert copied.state == "suspended", "and lifts nothing afterwards"


def test_a_person_ends_it(copied: Check) -> None:
    copied.desk.do(second_checks.confirm, ICCID, reason="one board, worn flash", materials=[], actor="olga")

    assert (copied.state, copied.is_open) == ("bound", False)


def test_or_the_devices_new_key_does(copied: Check) -> None:
    fresh = Attester(imei="86123405000099", imsi=IMSI, iccid=ICCID)
    copied.desk.add(fresh)
    more: dict[str, Any] = {"scenario": None, "scenarios": copied.desk.scenarios, "actor": "olga"}
    copied.desk.do(fleet.bind, ICCID, fresh.kid.hex(), **more)
    copied.attests(fresh)

    assert (copied.state, copied.is_open) == ("bound", False)


def test_a_weak_sign_that_is_not_confirmed_keeps_no_check_open(tmp_path: Path) -> None:
    rung = '[ladder]\nnetwork-imei-differs = { step = "suspend", confirm = 2 }\n'
    with make_desk(tmp_path, SCENARIO + rung) as desk:
        check = Check(desk)
        check.seen_in(FOREIGN)
        order: dict[str, Any] = {"reason": "a tip", "deadline_s": None, "scenarios": desk.scenarios, "actor": "olga"}
        desk.do(second_checks.order, ICCID, **order)
        assert check.is_open
        check.attests()

        assert not check.is_open


def test_what_the_network_suspended_it_takes_more_than_the_key_to_lift(tmp_path: Path) -> None:
    with make_desk(tmp_path, SCENARIO + '[ladder]\nnetwork-imei-differs = "suspend"\n') as desk:
        check = Check(desk)
        check.seen_in(FOREIGN)
        result = check.attests()
        assert (check.state, result.interval_s) == ("suspended", 3600), "it need not hurry: more of the same is no more"
        check.attests()
        assert check.state == "suspended"

        check.seen_in(HOME)
        assert check.attests().interval_s == 0
        check.attests()
        assert check.state == "bound"


def test_whom_a_person_lets_in_again_the_key_affirms(tmp_path: Path) -> None:
    with make_desk(tmp_path, SCENARIO + '[ladder]\nnetwork-imei-differs = "suspend"\n') as desk:
        check = Check(desk)
        check.seen_in(FOREIGN)
        desk.now += 60
        desk.do(fleet.resume, ICCID, reason="seen to", reverify=True, scenarios=desk.scenarios, actor="olga")
        check.attests()

        assert check.state == "bound"
