"""What time decides about a card, to the second, and also when it passed while the verifier was down."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simbond_verifier import fleet
from simbond_verifier.scenario import Scenarios
from simbond_verifier.store import accusations
from simbond_verifier.workers.deadlines import Deadlines
from support.attester import ICCID, IMSI, Attester
from support.verifier import SCENARIO, Desk
from support.verifier import desk as make_desk
from support.workers import at_work, group_commit, until

PATIENT = SCENARIO + "[accusation]\nwindow_s = 7200\n[reverification]\ndeadline_s = 600\n"
STRICT = SCENARIO + "[accusation]\nwindow_s = 7200\nsuspend_on_silence_s = 300\n[reverification]\ndeadline_s = 600\n"


class Watch:
    """A desk and its deadlines; `passes` lets time go by."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.deadlines = Deadlines(desk.database, None, desk.scenarios, lambda: None, clock=lambda: desk.now)  # type: ignore[arg-type]

    def passes(self, seconds: float) -> tuple[str, str]:
        """The card's state and access after that."""
        self.desk.now += seconds
        if self.deadlines.pending():
            with self.desk.database.write() as connection:
                self.deadlines.sweep(connection)
            assert not self.deadlines.pending()
        return self.state()

    def state(self) -> tuple[str, str]:
        card = self.desk.card(ICCID)
        return card["state"], card["access"]

    def kinds(self) -> list[str]:
        return [line["kind"] for line in self.desk.history(ICCID)]


@contextmanager
def watch(folder: Path, scenario: str, now: float | None = None) -> Iterator[Watch]:
    with make_desk(folder, scenario) as desk:
        desk.now = now or desk.now
        yield Watch(desk)


def opened(desk: Desk) -> Attester:
    """A card that an operator suspended and opened for re-verification."""
    meter = Attester()
    desk.bind(meter)
    desk.do(fleet.suspend, ICCID, reason="abroad", actor="olga")
    desk.now += 60
    desk.do(fleet.resume, ICCID, reason="appeal", reverify=True, scenarios=desk.scenarios, actor="olga")
    return meter


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


def test_what_came_due_while_the_verifier_was_down(tmp_path: Path) -> None:
    with watch(tmp_path, PATIENT) as at:
        opened(at.desk)
        now = at.desk.now
    with watch(tmp_path, PATIENT, now + 599) as at:
        assert at.passes(0) == ("reverifying", "allowed")
    with watch(tmp_path, PATIENT, now + 86400) as at:
        assert at.passes(0) == ("suspended", "barred")
        assert at.desk.history(ICCID)[-1]["at"] == now + 86400


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
        now = at.desk.now
    with watch(tmp_path, STRICT, now + 3600) as at:
        assert at.passes(0) == ("warned", "allowed")
        assert at.passes(299) == ("warned", "allowed")
        assert at.passes(1) == ("suspended", "barred")


def test_a_scenario_that_is_not_loaded_any_more_decides_nothing(tmp_path: Path) -> None:
    with watch(tmp_path, STRICT) as at:
        accused(at.desk)
        at.deadlines._scenarios = Scenarios([])
        assert at.passes(10**6) == ("warned", "allowed")


def test_it_wakes_the_outbox(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        woken: list[None] = []
        opened(desk)
        async with group_commit(desk.database) as writer:
            deadlines = Deadlines(
                desk.database, writer, desk.scenarios, lambda: woken.append(None), clock=lambda: desk.now
            )
            async with at_work(deadlines.run):
                desk.now += 600
                await until(lambda: woken, "the sweep")
                assert desk.commands()[-1] == (IMSI, "barred", "pending")

    with make_desk(tmp_path, PATIENT) as desk:
        asyncio.run(story(desk))
