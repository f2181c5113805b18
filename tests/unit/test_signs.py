"""What signs against a card lead to: the ladder, confirmation, hysteresis, second checks, and the gate before them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simbond_agent import claims
from simbond_verifier import fleet
from simbond_verifier.appraisal import Card
from simbond_verifier.lifecycle import Event
from simbond_verifier.observation import Sign
from simbond_verifier.policy import BlastRadius, Policy
from simbond_verifier.reasons import Reason
from simbond_verifier.scenario import parse
from simbond_verifier.store import cards, gate, observations, signs
from simbond_verifier.store.signs import Told
from simbond_verifier.workers.deadlines import Deadlines
from support.attester import ICCID, IMSI, Attester
from support.verifier import SCENARIO, Desk
from support.verifier import desk as make_desk

pytestmark = pytest.mark.usefixtures("store")

LADDER = """
phone = "suspend"
roaming = "restrict"
many-cards = "recheck"
silent = "ignore"
impossible-travel = { step = "suspend", confirm = 3, within_s = 3600 }
[second_check]
deadline_s = 7200
remind_s = 600
"""


class Watch:
    """Notes signs against the card of a bound device."""

    def __init__(self, desk: Desk, scenario: str, policy: Policy) -> None:
        self.desk, self.policy, self.scenario = desk, policy, parse(scenario, "test")
        self.meter = Attester()
        desk.bind(self.meter)

    def sees(self, *reasons: Reason, after_s: float = 10) -> tuple[str, str]:
        self.desk.now += after_s
        self.note(ICCID, *reasons)
        return self.state()

    def note(self, iccid: str, *reasons: Reason) -> None:
        with self.desk.database.write() as connection:
            about = cards.by_iccid(connection, iccid)
            assert about is not None
            told = Told(self.desk.now, "feed")
            signs.note(connection, about, [Sign(r, {"km": 1}) for r in reasons], self.scenario, self.policy, told)

    def state(self) -> tuple[str, str]:
        card = self.desk.card(ICCID)
        return card["state"], card["access"]

    def attests(self, after_s: float = 10) -> tuple[str, str]:
        self.desk.now += after_s
        self.desk.attest(self.meter)
        return self.state()

    def sweep(self, after_s: float = 0) -> tuple[str, str]:
        self.desk.now += after_s
        deadlines = Deadlines(
            self.desk.database, None, self.desk.scenarios, lambda: None, lambda: self.desk.now, self.policy  # type: ignore[arg-type]
        )  # fmt: skip
        with self.desk.database.write() as connection:
            while deadlines.sweep(connection):
                pass
        return self.state()


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    with make_desk(tmp_path, SCENARIO + LADDER) as desk:
        yield Watch(desk, SCENARIO + LADDER, Policy())


def only(row: Any) -> Any:
    (found,) = row
    return found


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (Reason.SILENT, ("bound", "allowed")),
        (Reason.SLEEPING, ("warned", "allowed")),
        (Reason.MANY_CARDS, ("warned", "allowed")),
        (Reason.ROAMING, ("warned", "restricted")),
        (Reason.PHONE, ("suspended", "barred")),
    ],
)
def test_each_step_of_the_ladder(watch: Watch, reason: Reason, state: tuple[str, str]) -> None:
    assert watch.sees(reason) == state
    assert watch.sees(reason) == state


def test_the_gravest_of_several_counts_and_leads_the_reasons(watch: Watch) -> None:
    assert watch.sees(Reason.SLEEPING, Reason.PHONE, Reason.ROAMING) == ("suspended", "barred")
    told = watch.desk.history(ICCID)[-1]
    assert told["reasons"] == ["phone", "roaming", "sleeping"]
    assert told["detail"]["facts"]["phone"] == {"km": 1}


def test_a_weak_sign_only_warns_until_it_came_often_enough(watch: Watch) -> None:
    assert watch.sees(Reason.IMPOSSIBLE_TRAVEL) == ("warned", "allowed")
    assert watch.sees(Reason.IMPOSSIBLE_TRAVEL) == ("warned", "allowed")
    assert watch.sees(Reason.IMPOSSIBLE_TRAVEL) == ("suspended", "barred")


def test_what_came_too_long_ago_confirms_nothing(watch: Watch) -> None:
    watch.sees(Reason.IMPOSSIBLE_TRAVEL)
    watch.sees(Reason.IMPOSSIBLE_TRAVEL)
    assert watch.sees(Reason.IMPOSSIBLE_TRAVEL, after_s=3601) == ("warned", "allowed")
    watch.sees(Reason.IMPOSSIBLE_TRAVEL)
    assert watch.sees(Reason.IMPOSSIBLE_TRAVEL) == ("suspended", "barred")


@pytest.mark.parametrize(
    ("pauses", "state"),
    [
        ((0, 3500, 200, 100), "suspended"),  # the last three within minutes, though the first is an hour ago
        ((0, 2000, 2000, 2000, 2000), "warned"),  # never three within the hour
    ],
)
def test_the_window_of_a_weak_sign_moves_with_it(watch: Watch, pauses: tuple[float, ...], state: str) -> None:
    """Who knows the rule paces himself: only any window of that length tells three at once from three in a day."""
    for pause in pauses:
        watch.sees(Reason.IMPOSSIBLE_TRAVEL, after_s=pause)

    assert watch.state()[0] == state


def test_a_sign_that_comes_and_goes_is_the_same_weak_one_and_a_new_spell(watch: Watch) -> None:
    for _ in range(3):
        watch.sees(Reason.IMPOSSIBLE_TRAVEL)
        with watch.desk.database.write() as connection:
            signs.clear(connection, 1, watch.desk.now, reasons=[Reason.IMPOSSIBLE_TRAVEL])
    with watch.desk.database.read() as connection:
        sign = only(observations.against(connection, 1))

    assert watch.state()[0] == "suspended"
    assert sign["facts"] == {"km": 1, "before": [watch.desk.now - 20, watch.desk.now - 10]}
    assert sign["first_at"] == watch.desk.now


def test_a_restriction_is_told_to_the_network_and_ends_with_the_sign(watch: Watch) -> None:
    watch.sees(Reason.ROAMING)
    assert [access for _, access, _ in watch.desk.commands()] == ["restricted"]
    assert watch.attests() == ("warned", "restricted"), "the network still sees it abroad"
    with watch.desk.database.write() as connection:
        signs.clear(connection, 1, watch.desk.now, reasons=[Reason.ROAMING])
    assert watch.attests() == ("bound", "allowed")
    assert [access for _, access, _ in watch.desk.commands()][-1] == "allowed"


def test_a_second_check_that_nobody_passes_suspends(watch: Watch) -> None:
    watch.sees(Reason.MANY_CARDS)
    card = watch.desk.card(ICCID)
    assert card["deadline"] == watch.desk.now + 7200
    watch.sees(Reason.MANY_CARDS, after_s=3600)
    assert watch.desk.card(ICCID)["deadline"] == card["deadline"], "the first deadline stands"
    assert watch.sweep(after_s=3599) == ("warned", "allowed")
    assert watch.sweep(after_s=2) == ("suspended", "barred")
    assert watch.desk.history(ICCID)[-1]["reasons"] == ["check-expired", "many-cards"]


WEEKLY = """
id = 1
name = "meter"
[reporting]
interval_s = 604800
tolerance_s = 7200
"""


def test_a_second_check_waits_for_a_device_that_may_sleep(tmp_path: Path) -> None:
    """A meter that reports once a week cannot answer within a day, whoever had it checked."""
    with make_desk(tmp_path, WEEKLY) as desk:
        watch = Watch(desk, WEEKLY, Policy())
        watch.attests()
        attested = desk.now
        watch.sees(Reason.OFTEN_WARNED, after_s=3600)

        assert desk.card(ICCID)["deadline"] == attested + 604800 + 7200
        assert watch.sweep(after_s=604800) == ("warned", "allowed")
        assert [line["kind"] for line in desk.history(ICCID)].count("reminded") == 1
        desk.attest(watch.meter)
        assert desk.card(ICCID)["deadline"] is None


def test_a_device_that_is_overdue_gets_no_more_than_the_scenarios_time(tmp_path: Path) -> None:
    with make_desk(tmp_path, WEEKLY) as desk:
        watch = Watch(desk, WEEKLY, Policy())
        watch.sees(Reason.MANY_CARDS, after_s=700000)

        assert desk.card(ICCID)["deadline"] == desk.now + 86400


def test_a_second_check_is_passed_by_evidence_made_since(watch: Watch) -> None:
    before = watch.desk.nonce(watch.meter)
    watch.sees(Reason.OFTEN_WARNED, Reason.SLEEPING)
    watch.desk.attest(watch.meter, before)
    assert watch.desk.card(ICCID)["deadline"] is not None
    assert watch.attests() == ("bound", "allowed")
    assert watch.desk.card(ICCID)["deadline"] is None


def test_it_takes_as_many_affirmations_as_the_scenario_says(tmp_path: Path) -> None:
    scenario = SCENARIO + "[hysteresis]\naffirmations = 3\n"
    with make_desk(tmp_path, scenario) as desk:
        watch = Watch(desk, scenario, Policy())
        watch.meter.status = claims.TAMPER
        desk.attest(watch.meter)
        watch.meter.status = 0
        assert [watch.attests() for _ in range(3)] == [("warned", "allowed")] * 2 + [("bound", "allowed")]


def test_what_a_person_settled_rests_for_a_while(watch: Watch) -> None:
    watch.sees(Reason.PHONE)
    with watch.desk.database.write() as connection:
        signs.forget(connection, 1, watch.desk.now)
    watch.desk.do(fleet.resume, ICCID, reason="", reverify=False, scenarios=watch.desk.scenarios, actor="olga")
    assert watch.sees(Reason.PHONE) == ("warned", "allowed")
    assert watch.sees(Reason.PHONE, after_s=604801) == ("suspended", "barred")


def test_a_retired_card_takes_no_sign(watch: Watch) -> None:
    watch.desk.do(fleet.retire, ICCID, reason="", actor="olga")
    assert watch.sees(Reason.PHONE) == ("retired", "barred")


# The gate


def fleet_of(desk: Desk, number: int) -> list[str]:
    """So many cards, all bound."""
    iccids = [f"8986001234567891{n:03}" for n in range(number)]
    desk.stock(*((iccid, f"46000223456{n:04}") for n, iccid in enumerate(iccids)))
    for n, iccid in enumerate(iccids):
        device = Attester(imei=f"8612340{n:07}", iccid=iccid, imsi=f"46000223456{n:04}")
        desk.add(device)
        desk.do(fleet.bind, iccid, device.kid.hex(), scenario=None, scenarios=desk.scenarios, actor="olga")
    return iccids


def suspended(desk: Desk, iccids: list[str]) -> int:
    return sum(desk.card(iccid)["state"] == "suspended" for iccid in iccids)


@pytest.mark.parametrize(("number", "share", "most"), [(3, 0.1, 3), (1, 0.5, 5)])
def test_a_rule_that_does_too_much_is_stopped_and_only_that_one(
    tmp_path: Path, number: int, share: float, most: int
) -> None:
    with make_desk(tmp_path, SCENARIO + LADDER) as desk:
        watch = Watch(desk, SCENARIO + LADDER, Policy(blast_radius=BlastRadius(number=number, share=share)))
        iccids = fleet_of(desk, 9)
        for iccid in iccids:
            watch.note(iccid, Reason.PHONE)
        assert suspended(desk, iccids) == most
        with desk.database.write() as connection:
            assert [row["rule"] for row in gate.stopped(connection)] == ["phone"]
            waiting = gate.waiting(connection)
            assert len(waiting) == 9 - most
            assert {desk.card(iccid)["state"] for iccid in iccids[most:]} == {"warned"}
            gate.release(connection, waiting[0].id, reason="it is one", actor="olga", now=desk.now)
            gate.dismiss(connection, waiting[1].id, reason="a tablet", actor="olga", now=desk.now)
            assert len(gate.waiting(connection)) == 9 - most - 2
        assert suspended(desk, iccids) == most + 1
        watch.note(iccids[-1], Reason.ROAMING)
        assert desk.card(iccids[-1])["access"] == "restricted", "other rules go on"
        with desk.database.write() as connection:
            gate.start_again(connection, Reason.PHONE, reason="seen to", actor="olga", now=desk.now)
        watch.note(iccids[-2], Reason.PHONE)
        assert desk.card(iccids[-2])["state"] == "suspended"


def test_a_window_that_is_over_does_not_count(tmp_path: Path) -> None:
    with make_desk(tmp_path, SCENARIO + LADDER) as desk:
        watch = Watch(desk, SCENARIO + LADDER, Policy(blast_radius=BlastRadius(number=1, share=0.1, window_s=60)))
        iccids = fleet_of(desk, 6)
        for iccid in iccids:
            desk.now += 61
            watch.note(iccid, Reason.PHONE)
        assert suspended(desk, iccids) == 6


def test_the_kill_switch_stops_the_verifier_and_not_the_operator(watch: Watch) -> None:
    switch = {"reason": "what is this?", "actor": "olga"}
    watch.desk.do(gate.set_kill_switch, True, **switch)
    assert watch.sees(Reason.PHONE) == ("warned", "allowed")
    assert watch.sees(Reason.ROAMING) == ("warned", "allowed")
    assert watch.sweep(after_s=7300) == ("warned", "allowed")
    assert watch.desk.commands() == []
    watch.desk.do(fleet.suspend, ICCID, reason="by hand", actor="olga")
    assert watch.state() == ("suspended", "barred")
    watch.desk.do(gate.set_kill_switch, False, **switch)
    with watch.desk.database.read() as connection:
        assert gate.waiting(connection) == [], "decided by hand meanwhile"


def test_a_foreign_device_passes_the_gate_as_every_rule_does(watch: Watch) -> None:
    watch.desk.do(gate.set_kill_switch, True, reason="", actor="olga")
    thief = Attester(imei="35999999000001", iccid=ICCID, imsi=IMSI)
    watch.desk.add(thief)
    watch.meter.iccid, watch.meter.status = None, claims.TRAY_EMPTY
    watch.desk.attest(watch.meter)
    watch.desk.attest(thief)
    assert watch.state() == ("warned", "allowed")
    with watch.desk.database.read() as connection:
        found: Card | Any = only(gate.waiting(connection))
    assert (found.rule, found.what) == (Reason.FOREIGN_DEVICE, Event.SUSPEND)
