"""What time decides about a card, to the second, and also when it passed while the verifier was down."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import Connection

from simbond_verifier import fleet
from simbond_verifier.lifecycle import Event
from simbond_verifier.notice import Kind
from simbond_verifier.policy import Checks, Policy
from simbond_verifier.scenario import Scenarios
from simbond_verifier.store import accusations, cards, notices
from simbond_verifier.store.database import upsert
from simbond_verifier.store.schema import setting
from simbond_verifier.workers import background
from simbond_verifier.workers import deadlines as worker
from simbond_verifier.workers.deadlines import Deadlines
from support.attester import ICCID, IMSI, Attester
from support.verifier import SCENARIO, Desk
from support.verifier import desk as make_desk
from support.workers import at_work, group_commit, until

pytestmark = pytest.mark.usefixtures("store")

EXACT = Policy(checks=Checks(grace_s=0))
PATIENT = SCENARIO + "[accusation]\nwindow_s = 7200\n[reverification]\ndeadline_s = 600\n"
STRICT = SCENARIO + "[accusation]\nwindow_s = 7200\nsuspend_on_silence_s = 300\n[reverification]\ndeadline_s = 600\n"


class Watch:
    """A desk and its deadlines; `passes` lets time go by."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.deadlines = start(desk)

    def passes(self, seconds: float) -> tuple[str, str]:
        """The card's state and access after the verifier has worked for so long."""
        self.desk.now += seconds
        with self.desk.database.write() as connection:
            upsert(connection, setting, {"name": "heard-until"}, {"value": repr(self.desk.now - 15).encode()})
        return self.looks()

    def looks(self) -> tuple[str, str]:
        """The card's state and access once the worker has had its turn."""
        while self.pending():
            with self.desk.database.write() as connection:
                self.deadlines.sweep(connection)
        return self.state()

    def pending(self) -> bool:
        with self.desk.database.read() as connection:
            return self.deadlines.pending(connection)

    def comes_back(self, after_s: float) -> tuple[str, str]:
        """The verifier was down for so long, and is started again."""
        self.desk.now += after_s
        self.deadlines = start(self.desk)
        return self.looks()

    def notices(self) -> list[str]:
        with self.desk.database.read() as connection:
            return [each.kind.value for each in notices.read(connection)]

    def state(self) -> tuple[str, str]:
        card = self.desk.card(ICCID)
        return card["state"], card["access"]

    def kinds(self) -> list[str]:
        return [line["kind"] for line in self.desk.history(ICCID)]


def start(desk: Desk, policy: Policy | None = None) -> Deadlines:
    return Deadlines(desk.database, None, desk.scenarios, lambda: None, lambda: desk.now, policy)  # type: ignore[arg-type]


@contextmanager
def watch(folder: Path, scenario: str, now: float | None = None) -> Iterator[Watch]:
    with make_desk(folder, scenario) as desk:
        desk.now = now or desk.now
        yield Watch(desk)


def another(n: int) -> Attester:
    return Attester(imei=f"86123407{n:06}0", iccid=f"8986001234{n:010}", imsi=f"46000{n:010}")


def opened(desk: Desk) -> Attester:
    """A card that an operator suspended and opened for re-verification."""
    meter = Attester()
    desk.bind(meter)
    desk.do(fleet.suspend, ICCID, reason="abroad", actor="olga")
    desk.now += 60
    desk.do(fleet.resume, ICCID, reason="appeal", reverify=True, scenarios=desk.scenarios, actor="olga")
    return meter


def recheck(connection: Connection, iccid: str, *, deadline_s: int, now: float, remind_s: int = 0) -> None:
    """The verifier orders a second check."""
    about = cards.by_iccid(connection, iccid)
    assert about is not None
    cards.change(
        connection, about, Event.RECHECK, at=now, actor="verifier", deadline=now + deadline_s, remind_s=remind_s
    )


def accused(desk: Desk) -> tuple[Attester, Attester]:
    """A bound meter, and a liar that claims its card."""
    meter, liar = Attester(), Attester(imei="353456060000024", imsi=None)
    desk.bind(meter)
    desk.add(liar)
    desk.attest(liar)
    return meter, liar


def test_a_re_verification_ends_at_its_deadline(tmp_path: Path) -> None:
    with watch(tmp_path, PATIENT) as at:
        opened(at.desk)
        assert at.desk.card(ICCID)["deadline"] == at.desk.now + 600
        assert at.passes(599) == ("reverifying", "allowed")
        assert at.passes(1) == ("suspended", "barred")
        assert at.kinds()[-1] == "expire"
        assert at.desk.commands()[-1] == (IMSI, "barred", "pending")
        assert at.desk.card(ICCID)["deadline"] is None
        assert at.passes(86400) == ("suspended", "barred")
        assert at.kinds().count("expire") == 1


def test_who_attests_in_time_stays(tmp_path: Path) -> None:
    with watch(tmp_path, PATIENT) as at:
        meter = opened(at.desk)
        at.passes(599)
        at.desk.attest(meter)
        assert at.state() == ("bound", "allowed")
        assert at.passes(86400) == ("bound", "allowed")


def test_opening_again_starts_a_new_deadline(tmp_path: Path) -> None:
    with watch(tmp_path, PATIENT) as at:
        opened(at.desk)
        at.passes(500)
        at.desk.do(fleet.resume, ICCID, reason="", reverify=True, scenarios=at.desk.scenarios, actor="olga")
        assert at.passes(500) == ("reverifying", "allowed")
        assert at.passes(100) == ("suspended", "barred")


@pytest.mark.parametrize("decision", ["suspend", "lift", "retire"])
def test_a_decision_ends_the_deadline(tmp_path: Path, decision: str) -> None:
    with watch(tmp_path, PATIENT) as at:
        opened(at.desk)
        told = {"reason": "decided", "actor": "olga"}
        if decision == "lift":
            at.desk.do(fleet.resume, ICCID, reverify=False, scenarios=at.desk.scenarios, **told)
        else:
            at.desk.do(getattr(fleet, decision), ICCID, **told)
        before = at.state()
        assert at.passes(601) == before
        assert "expire" not in at.kinds()


def test_a_check_that_was_ordered_since_runs_no_longer_for_it(tmp_path: Path) -> None:
    with watch(tmp_path, PATIENT) as at:
        opened(at.desk)
        told = {"reason": "", "scenarios": at.desk.scenarios, "actor": "olga"}
        at.desk.do(fleet.resume, ICCID, reverify=False, **told)
        assert at.comes_back(600) == ("bound", "allowed")
        at.passes(1)
        at.desk.do(fleet.suspend, ICCID, reason="abroad again", actor="olga")
        at.desk.do(fleet.resume, ICCID, reverify=True, **told)
        assert at.passes(601) == ("suspended", "barred")
        assert "extended" not in at.kinds()


def test_a_device_that_nobody_listened_to_gets_as_much_more_time(tmp_path: Path) -> None:
    with watch(tmp_path, PATIENT) as at:
        opened(at.desk)
        due_at = at.desk.card(ICCID)["deadline"]
        assert at.passes(500) == ("reverifying", "allowed")

        assert at.comes_back(200) == ("reverifying", "allowed")

        more = at.desk.history(ICCID)[-1]
        assert (more["kind"], more["detail"]) == (
            "extended",
            {"due_at": due_at, "deadline": at.desk.now + 200, "more_s": 200},
        )
        assert at.notices()[-1] == "extended"
        assert at.passes(199) == ("reverifying", "allowed")
        assert at.passes(1) == ("suspended", "barred")
        assert at.kinds().count("extended") == 1


def test_who_attests_within_the_added_time_stays(tmp_path: Path) -> None:
    with watch(tmp_path, PATIENT) as at:
        meter = opened(at.desk)
        at.passes(0)
        at.comes_back(86400)
        at.desk.now += 3599
        at.desk.attest(meter)
        assert at.passes(1) == ("bound", "allowed")


def test_nobody_gets_more_than_the_longest_silence_of_the_scenario_or_the_policys(tmp_path: Path) -> None:
    for policy, more in ((Policy(), 3600), (Policy(checks=Checks(grace_s=86400)), 3600 + 600), (EXACT, None)):
        folder = tmp_path / str(more)
        folder.mkdir()
        with watch(folder, PATIENT) as at:
            opened(at.desk)
            at.passes(0)
            at.desk.now += 7 * 86400
            at.deadlines = start(at.desk, policy)
            at.looks()
            assert at.desk.card(ICCID)["deadline"] == (more and at.desk.now + more)
            assert at.state() == (("reverifying", "allowed") if more else ("suspended", "barred"))


def test_a_restart_of_seconds_changes_no_deadline(tmp_path: Path) -> None:
    with watch(tmp_path, PATIENT) as at:
        opened(at.desk)
        assert at.passes(580) == ("reverifying", "allowed")
        assert at.comes_back(20) == ("suspended", "barred")


def test_a_verifier_that_comes_and_goes_suspends_in_the_end(tmp_path: Path) -> None:
    with watch(tmp_path, PATIENT.replace("tolerance_s = 600", "tolerance_s = 0").replace("3600", "300")) as at:
        opened(at.desk)
        at.passes(590)
        away = 0
        while at.comes_back(70) == at.passes(50) == ("reverifying", "allowed"):
            away += 70
            assert away <= 300
        assert at.state() == ("suspended", "barred")
        assert sum(line["detail"]["more_s"] for line in at.desk.history(ICCID) if line["kind"] == "extended") == 300


def test_what_came_due_while_the_verifier_was_down_is_done_in_its_order(tmp_path: Path) -> None:
    with watch(tmp_path, PATIENT) as at:
        at.desk.bind(Attester())
        meters = [another(n) for n in range(3)]
        for n, meter in enumerate(meters):
            at.desk.bind(meter)
            at.desk.do(recheck, meter.iccid, deadline_s=3600 - 600 * n, remind_s=900)
        at.passes(0)
        started = at.desk.now
        at.desk.now += 86400
        at.deadlines = start(at.desk, EXACT)
        at.looks()

        done = [
            (line["kind"], line["detail"]["due_at"] - started, line["at"], n)
            for n, meter in enumerate(meters)
            for line in at.desk.history(str(meter.iccid))
            if line["kind"] == "expire"
        ]
        with at.desk.database.read() as connection:
            told = [each.iccid for each in notices.read(connection) if each.kind is Kind.SUSPENDED]
        assert done == [("expire", 3600 - 600 * n, at.desk.now, n) for n in range(3)]
        assert told == [meter.iccid for meter in reversed(meters)]


@pytest.mark.parametrize(("module", "bound", "few"), [(worker, "_AT_ONCE", 2), (background, "_UNIT_S", 0)])
def test_more_than_fits_into_one_transaction_is_done_in_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, bound: str, few: int
) -> None:
    monkeypatch.setattr(module, bound, few)
    with watch(tmp_path, PATIENT) as at:
        at.desk.bind(Attester())
        meters = [another(n) for n in range(5)]
        for meter in meters:
            at.desk.bind(meter)
            at.desk.do(recheck, meter.iccid, deadline_s=600)
        at.passes(600)
        assert {at.desk.card(str(meter.iccid))["state"] for meter in meters} == {"suspended"}


def test_a_holder_is_reminded_once_and_in_time(tmp_path: Path) -> None:
    with watch(tmp_path, PATIENT) as at:
        at.desk.bind(Attester())
        at.desk.do(recheck, ICCID, deadline_s=3600, remind_s=600)
        at.passes(2999)
        assert at.notices() == ["recheck"]
        at.passes(1)
        assert at.notices() == ["recheck", "reminder"]
        at.passes(500)
        assert at.passes(100) == ("suspended", "barred")
        assert at.notices() == ["recheck", "reminder", "suspended"]


def test_nobody_is_reminded_of_what_is_over(tmp_path: Path) -> None:
    with watch(tmp_path, PATIENT) as at:
        meter = Attester()
        at.desk.bind(meter)
        at.desk.do(recheck, ICCID, deadline_s=3600, remind_s=600)
        at.desk.now += 100
        at.desk.attest(meter)
        at.passes(86400)
        assert at.notices() == ["recheck", "passed"]


def test_a_clock_set_back_suspends_nobody_and_forgets_nobody(tmp_path: Path) -> None:
    with watch(tmp_path, PATIENT) as at:
        opened(at.desk)
        at.passes(500)
        at.desk.now -= 7200
        assert at.looks() == ("reverifying", "allowed")
        assert at.passes(7200) == ("reverifying", "allowed")
        assert at.passes(100) == ("suspended", "barred")


def test_a_clock_set_forward_is_taken_for_time_away(tmp_path: Path) -> None:
    with watch(tmp_path, PATIENT) as at:
        opened(at.desk)
        at.passes(500)
        at.desk.now += 1800
        assert at.looks() == ("reverifying", "allowed")
        assert at.passes(1799) == ("reverifying", "allowed")
        assert at.passes(1) == ("suspended", "barred")


def test_after_a_wrong_clock_was_mended_no_deadline_waits_for_it(tmp_path: Path) -> None:
    """Set forward by a day and back again: what was added then does not reach into the next day."""
    with watch(tmp_path, PATIENT) as at:
        opened(at.desk)
        at.desk.now += 10
        at.passes(0)
        at.desk.now += 86400
        assert at.pending()
        at.desk.now -= 86400
        assert at.looks() == ("reverifying", "allowed")
        assert at.passes(590) == ("reverifying", "allowed")
        assert at.passes(86400) == ("suspended", "barred")


def test_a_claim_that_nothing_supports_lapses(tmp_path: Path) -> None:
    with watch(tmp_path, PATIENT) as at:
        meter, liar = accused(at.desk)
        assert at.passes(7199) == ("warned", "allowed")
        assert at.desk.card(ICCID)["accused_at"] is not None
        assert at.passes(1) == ("warned", "allowed")
        assert at.desk.card(ICCID)["accused_at"] is None
        assert at.kinds()[-1] == "accusation-expired"
        with at.desk.database.read() as connection:
            assert accusations.still_open(connection) == []
        at.desk.attest(meter)
        assert at.state() == ("bound", "allowed")
        assert at.desk.attest(liar).accused, "it may be claimed again, and that is a new accusation"


def test_a_newer_claim_keeps_its_own_time(tmp_path: Path) -> None:
    with watch(tmp_path, PATIENT) as at:
        accused(at.desk)
        second = Attester(imei="353456060000032", imsi=None)
        at.desk.add(second)
        at.passes(3600)
        at.desk.attest(second)
        accused_at = at.desk.now
        at.passes(3600)
        assert at.desk.card(ICCID)["accused_at"] == accused_at
        at.passes(3600)
        assert at.desk.card(ICCID)["accused_at"] is None


def test_silence_suspends_where_the_scenario_says_so(tmp_path: Path) -> None:
    with watch(tmp_path, STRICT) as at:
        accused(at.desk)
        assert at.passes(299) == ("warned", "allowed")
        assert at.passes(1) == ("suspended", "barred")
        assert at.desk.history(ICCID)[-1]["detail"]["corroborated_by"] == "silence of the bound device"
        assert at.desk.commands() == [(IMSI, "barred", "pending")]


def test_silence_alone_suspends_nobody_by_default(tmp_path: Path) -> None:
    with watch(tmp_path, PATIENT) as at:
        accused(at.desk)
        assert at.passes(301) == ("warned", "allowed")


def test_who_answers_the_challenge_is_not_silent(tmp_path: Path) -> None:
    with watch(tmp_path, STRICT) as at:
        meter, _ = accused(at.desk)
        at.passes(10)
        at.desk.attest(meter)
        assert at.passes(300) == ("bound", "allowed")


def test_evidence_over_a_nonce_from_before_the_claim_is_no_answer(tmp_path: Path) -> None:
    """It may have been made before the card was moved."""
    with watch(tmp_path, STRICT) as at:
        meter = Attester()
        at.desk.bind(meter)
        early = at.desk.nonce(meter)
        liar = Attester(imei="353456060000024", imsi=None)
        at.desk.add(liar)
        at.passes(10)
        at.desk.attest(liar)
        at.passes(10)
        assert at.desk.attest(meter, early).interval_s == 0
        assert at.passes(290) == ("suspended", "barred")


def test_a_known_liar_gains_nothing_by_the_meters_sleep(tmp_path: Path) -> None:
    with watch(tmp_path, STRICT) as at:
        meter, liar = accused(at.desk)
        at.passes(10)
        at.desk.attest(meter)
        at.desk.attest(liar)
        assert at.passes(3000) == ("bound", "allowed")


def test_nobody_was_silent_while_the_verifier_was_down(tmp_path: Path) -> None:
    with watch(tmp_path, STRICT) as at:
        accused(at.desk)
        at.passes(0)
        assert at.comes_back(3600) == ("warned", "allowed")
        assert at.passes(299) == ("warned", "allowed")
        assert at.passes(1) == ("suspended", "barred")


def test_a_scenario_that_is_not_loaded_any_more_decides_nothing(tmp_path: Path) -> None:
    with watch(tmp_path, STRICT) as at:
        accused(at.desk)
        at.desk.scenarios = Scenarios([])
        at.deadlines = start(at.desk)
        assert at.passes(10**6) == ("warned", "allowed")


def test_it_wakes_the_outbox(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        woken: list[None] = []
        opened(desk)
        async with group_commit(desk.database) as writer:
            deadlines = Deadlines(
                desk.database, writer, desk.scenarios, lambda: woken.append(None), lambda: desk.now, EXACT
            )
            async with at_work(deadlines.run):
                desk.now += 600
                await until(lambda: woken, "the sweep")
                assert desk.commands()[-1] == (IMSI, "barred", "pending")

    with make_desk(tmp_path, PATIENT) as desk:
        asyncio.run(story(desk))
