"""Appeals and second checks: who may decide, what that lifts, and what is told of it."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from simbond_agent import claims
from simbond_verifier import fleet
from simbond_verifier.decisions import Decisions, about_withheld
from simbond_verifier.policy import Policy
from simbond_verifier.policy import parse as parse_policy
from simbond_verifier.refusal import Conflict, NotFound
from simbond_verifier.store import accusations, appeals, gate, notices, second_checks, signs
from simbond_verifier.store.proposals import Kind
from simbond_verifier.store.timers import Respite, Timers
from support.attester import ICCID, IMSI, Attester
from support.verifier import SCENARIO, Desk, desk

pytestmark = pytest.mark.usefixtures("store")

POLICY = parse_policy('[remedy]\nchannel = "tel. 10000"\nfurther = "the regulator"\n[appeals]\ndecide_s = 3600', "test")
LADDER = "tamper = 'suspend'\nimei-unreadable = 'restrict'\nscenario-mismatch = 'recheck'\n"
MATERIALS = [{"name": "photograph.jpg", "sha256": "00" * 32}]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path, SCENARIO + LADDER) as made:
        with made.database.write() as connection:
            notices.install(connection, POLICY, made.scenarios)
        yield made


@pytest.fixture
def meter(at: Desk) -> Attester:
    device = Attester()
    at.bind(device)
    return device


def tampered(at: Desk, meter: Attester) -> None:
    """The meter was opened: by its scenario that suspends."""
    meter.status = claims.TAMPER
    at.attest(meter)
    meter.status = 0
    assert state(at) == ("suspended", "barred")


def state(at: Desk) -> tuple[str, str]:
    card = at.card(ICCID)
    return card["state"], card["access"]


def told(at: Desk) -> list[str]:
    with at.database.read() as connection:
        return [each.kind.value for each in notices.read(connection)]


def appealed(at: Desk, actor: str = "tom") -> int:
    order: dict[str, Any] = {"statement": "the lid was replaced", "materials": MATERIALS, "policy": POLICY}
    filed: int = at.do(appeals.file, ICCID, actor=actor, **order)
    return filed


def decided(at: Desk, how: Any, number: int, actor: str = "ann") -> appeals.Decided:
    found: appeals.Decided = at.do(how, number, reason="seen on site", actor=actor)
    return found


def refusal(act: Any, *arguments: Any, **more: Any) -> str:
    with pytest.raises(Conflict) as refused:
        act(*arguments, **more)
    return refused.value.code


def test_an_upheld_appeal_lifts_at_once(at: Desk, meter: Attester) -> None:
    tampered(at, meter)
    number = appealed(at)
    at.now += 60

    found = decided(at, appeals.uphold, number)

    assert found == appeals.Decided(number, appeals.Outcome.UPHELD, "tamper")
    assert state(at) == ("bound", "allowed")
    assert at.commands()[-1] == (IMSI, "allowed", "pending")
    assert told(at) == ["suspended", "lifted"]
    lines = [(line["kind"], line["actor"], line["at"]) for line in at.history(ICCID)[-3:]]
    assert [line[:2] for line in lines] == [("appeal-filed", "tom"), ("appeal-upheld", "ann"), ("lift", "ann")]
    assert lines[1][2] == lines[2][2] == at.now


@pytest.mark.parametrize("how", ["suspended", "held", "reverifying", "restricted", "recheck", "warned"])
def test_whatever_burdens_a_card_can_be_appealed_against(at: Desk, meter: Attester, how: str) -> None:
    match how:
        case "suspended":
            tampered(at, meter)
        case "held":
            at.do(fleet.suspend, ICCID, reason="abroad", actor="olga")
        case "reverifying":
            at.do(fleet.suspend, ICCID, reason="abroad", actor="olga")
            at.do(fleet.resume, ICCID, reason="x", reverify=True, scenarios=at.scenarios, actor="olga")
        case "restricted":
            at.hand_in(Attester(key=meter.key, imei="", uptime=1).evidence(at.nonce(meter)))
        case "recheck":
            meter.scenario = 9
            at.attest(meter)
        case "warned":
            at.hand_in(Attester(key=meter.key, imsi="460001234567999", uptime=1).evidence(at.nonce(meter)))
    assert state(at) != ("bound", "allowed")

    decided(at, appeals.uphold, appealed(at))

    assert state(at) == ("bound", "allowed")
    card = at.card(ICCID)
    assert (card["held"], card["deadline"]) == (False, None)


@pytest.mark.parametrize("how", ["bound", "retired"])
def test_there_is_nothing_to_appeal_where_nothing_can_be_lifted(at: Desk, meter: Attester, how: str) -> None:
    if how == "retired":
        at.do(fleet.retire, ICCID, reason="lost", actor="olga")
    assert refusal(appealed, at) == ("nothing-to-appeal" if how == "bound" else "card-retired")


def test_a_suspended_card_of_the_stock_goes_back_to_it(at: Desk) -> None:
    at.stock((ICCID, IMSI))
    at.do(fleet.suspend, ICCID, reason="lost in the mail", actor="olga")
    decided(at, appeals.uphold, appealed(at))
    assert state(at) == ("stock", "allowed")


def test_who_suspended_cannot_say_that_the_holder_gave_up(at: Desk, meter: Attester) -> None:
    at.do(fleet.suspend, ICCID, reason="abroad", actor="olga")
    number = appealed(at, actor="tom")

    assert refusal(decided, at, appeals.withdraw, number, "olga") == "same-person"
    assert decided(at, appeals.withdraw, number, "tom").outcome is appeals.Outcome.WITHDRAWN


@pytest.mark.parametrize("how", [appeals.uphold, appeals.reject, appeals.withdraw])
def test_who_asked_for_the_suspension_took_part_in_it(at: Desk, meter: Attester, how: Any) -> None:
    at.do(gate.set_kill_switch, True, reason="drill", actor="eve")
    meter.status = claims.TAMPER
    at.attest(meter)
    decisions = Decisions(at.scenarios, POLICY)
    with at.database.write() as connection:
        order = about_withheld(connection, Kind.RELEASE, 1, reason="it was right")
        number = decisions.take(connection, order, actor="olga", now=at.now)
        assert number is not None
        decisions.approve(connection, number, words="", actor="oleg", now=at.now)
    assert state(at) == ("suspended", "barred")

    assert refusal(decided, at, how, appealed(at), "olga") == "same-person"


@pytest.mark.parametrize("how", [appeals.uphold, appeals.reject])
@pytest.mark.parametrize("who", ["tom", "olga"])
def test_neither_who_filed_nor_who_suspended_decides(at: Desk, meter: Attester, how: Any, who: str) -> None:
    at.do(fleet.suspend, ICCID, reason="abroad", actor="olga")
    number = appealed(at, actor="tom")

    assert refusal(decided, at, how, number, who) == "same-person"
    assert state(at) == ("suspended", "barred")
    decided(at, how, number, "ann")


def test_who_ordered_the_check_that_ran_out_does_not_decide(at: Desk, meter: Attester) -> None:
    order: dict[str, Any] = {"reason": "a tip", "deadline_s": 600, "scenarios": at.scenarios}
    at.do(second_checks.order, ICCID, actor="olga", **order)
    at.now += 600
    sweep(at)
    assert state(at) == ("suspended", "barred")

    number = appealed(at)
    assert refusal(decided, at, appeals.uphold, number, "olga") == "same-person"
    assert decided(at, appeals.uphold, number).rule == "operator"


def test_an_earlier_case_keeps_nobody_from_deciding(at: Desk, meter: Attester) -> None:
    at.do(fleet.suspend, ICCID, reason="abroad", actor="ann")
    at.do(fleet.resume, ICCID, reason="back", reverify=False, scenarios=at.scenarios, actor="ann")
    tampered(at, meter)
    decided(at, appeals.uphold, appealed(at), actor="ann")
    assert state(at) == ("bound", "allowed")


def test_what_spoke_against_the_card_is_settled(at: Desk, meter: Attester) -> None:
    liar = Attester(imei="353456060000024", imsi=None)
    at.add(liar)
    tampered(at, meter)
    at.do(fleet.resume, ICCID, reason="x", reverify=True, scenarios=at.scenarios, actor="olga")
    at.attest(liar)
    decided(at, appeals.uphold, appealed(at))

    with at.database.read() as connection:
        assert accusations.still_open(connection) == []
        assert signs.still_there(connection, 1) == []
    assert at.card(ICCID)["accused_at"] is None


def test_a_rejected_appeal_changes_nothing_and_says_where_to_turn_next(at: Desk, meter: Attester) -> None:
    tampered(at, meter)
    found = decided(at, appeals.reject, appealed(at))

    assert (found.outcome, found.rule) == (appeals.Outcome.REJECTED, "tamper")
    assert state(at) == ("suspended", "barred")
    with at.database.read() as connection:
        last = notices.read(connection)[-1]
    assert (last.kind.value, last.body["words"], last.body["channel"]) == (
        "appeal-rejected",
        "seen on site",
        "the regulator",
    )
    assert "ann" not in str(last.body["text"])
    assert appealed(at) == 2, "there may be new facts"


def test_a_withdrawn_appeal_makes_room_for_another(at: Desk, meter: Attester) -> None:
    tampered(at, meter)
    number = appealed(at)
    assert refusal(appealed, at) == "appeal-open"
    decided(at, appeals.withdraw, number, actor="tom")
    assert appealed(at) == number + 1


def test_nobody_but_who_filed_it_withdraws_an_appeal_unless_they_may_for_others(at: Desk, meter: Attester) -> None:
    """Another technician, of the firm that lost the contract, cannot make a holder's appeal go away."""
    tampered(at, meter)
    number = appealed(at, actor="tom")

    assert refusal(decided, at, appeals.withdraw, number, "tim") == "not-filer"
    by_an_operator = partial(appeals.withdraw, for_others=True)
    assert decided(at, by_an_operator, number, "bob").outcome is appeals.Outcome.WITHDRAWN


def test_an_appeal_is_decided_once(at: Desk, meter: Attester) -> None:
    tampered(at, meter)
    number = appealed(at)
    decided(at, appeals.reject, number)
    for how in (appeals.uphold, appeals.reject, appeals.withdraw):
        assert refusal(decided, at, how, number, "bob") == "appeal-decided"
    assert state(at) == ("suspended", "barred")
    with pytest.raises(NotFound, match="appeals list"):
        decided(at, appeals.uphold, 77)


def test_the_holder_is_right_even_if_the_card_is_back_already(at: Desk, meter: Attester) -> None:
    tampered(at, meter)
    number = appealed(at)
    for _ in range(2):
        at.now += 10
        at.attest(meter)
    assert state(at) == ("bound", "allowed")
    before = at.commands()

    assert decided(at, appeals.uphold, number).outcome is appeals.Outcome.UPHELD
    assert state(at) == ("bound", "allowed")
    assert at.commands() == before


def test_a_card_retired_meanwhile_does_not_come_back(at: Desk, meter: Attester) -> None:
    tampered(at, meter)
    number = appealed(at)
    at.do(fleet.retire, ICCID, reason="lost", actor="olga")
    assert refusal(decided, at, appeals.uphold, number) == "card-retired"
    decided(at, appeals.reject, number)
    assert state(at) == ("retired", "barred")


def sweep(at: Desk, policy: Policy = POLICY) -> None:
    timers = Timers(at.scenarios, policy)
    with at.database.write() as connection:
        for due in timers.due(connection, at.now, Respite(0, 0), 100):
            timers.carry_out(connection, due, at.now, Respite(0, 0))


def test_an_appeal_that_nobody_decides_is_not_forgotten(at: Desk, meter: Attester) -> None:
    tampered(at, meter)
    number = appealed(at)
    for after, overdue in ((3599, 0), (1, 1), (3599, 1), (1, 2)):
        at.now += after
        sweep(at)
        assert told(at).count("appeal-overdue") == overdue
    with at.database.read() as connection:
        late = appeals.list_all(connection, outcome=None, overdue_at=at.now, after=0, limit=10)
    assert [each["id"] for each in late] == [number]
    decided(at, appeals.reject, number)
    at.now += 86400
    sweep(at)
    assert told(at).count("appeal-overdue") == 2


def test_a_check_that_a_person_ordered_is_passed_by_affirming(at: Desk, meter: Attester) -> None:
    early = at.nonce(meter)
    at.now += 10
    at.do(second_checks.order, ICCID, reason="a tip", deadline_s=None, scenarios=at.scenarios, actor="olga")
    assert at.card(ICCID)["deadline"] == at.now + 86400
    assert at.attest(meter, early).interval_s == 0, "it may have been made before, and is asked for anew"
    assert state(at) == ("warned", "allowed")
    at.now += 10
    at.attest(meter)
    assert state(at) == ("bound", "allowed")
    assert told(at) == ["recheck", "passed"]


def test_a_check_that_a_person_ordered_runs_out(at: Desk, meter: Attester) -> None:
    at.do(second_checks.order, ICCID, reason="a tip", deadline_s=3600, scenarios=at.scenarios, actor="olga")
    at.now += 3599
    sweep(at)
    assert state(at) == ("warned", "allowed")
    at.now += 1
    sweep(at)
    assert state(at) == ("suspended", "barred")


def test_where_it_takes_two_persons_nobody_confirms_the_check_that_they_ordered(at: Desk, meter: Attester) -> None:
    at.do(second_checks.order, ICCID, reason="a tip", deadline_s=None, scenarios=at.scenarios, actor="olga")
    seen = {"reason": "seen", "materials": MATERIALS, "by_another": True}
    assert refusal(at.do, second_checks.confirm, ICCID, **seen, actor="olga") == "same-person"
    assert state(at) == ("warned", "allowed")
    at.do(second_checks.confirm, ICCID, **seen, actor="ann")
    assert state(at) == ("bound", "allowed")


def test_a_person_may_confirm_what_the_device_cannot(at: Desk, meter: Attester) -> None:
    meter.scenario = 9
    at.attest(meter)
    assert at.card(ICCID)["deadline"] is not None
    at.do(second_checks.confirm, ICCID, reason="seen on site", materials=MATERIALS, actor="ann")

    assert state(at) == ("bound", "allowed")
    assert told(at) == ["recheck", "passed"]
    assert at.history(ICCID)[-1]["detail"] == {"reason": "seen on site", "materials": MATERIALS}
    assert refusal(at.do, second_checks.confirm, ICCID, reason="x", materials=[], actor="ann") == "no-check-open"


@pytest.mark.parametrize("how", ["stock", "suspended", "check-open"])
def test_only_a_card_in_use_is_checked_and_only_once_at_a_time(at: Desk, how: str) -> None:
    if how == "stock":
        at.stock((ICCID, IMSI))
    else:
        at.bind(Attester())
    order: dict[str, Any] = {"reason": "a tip", "deadline_s": None, "scenarios": at.scenarios, "actor": "olga"}
    if how == "suspended":
        at.do(fleet.suspend, ICCID, reason="abroad", actor="olga")
    if how == "check-open":
        at.do(second_checks.order, ICCID, **order)
    before = at.card(ICCID)
    assert refusal(at.do, second_checks.order, ICCID, **order) == ("check-open" if how == "check-open" else "state")
    assert at.card(ICCID) == before
