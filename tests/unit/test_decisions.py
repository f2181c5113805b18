"""What takes two persons: asked for by one, decided by another."""

from typing import Any

import pytest

from simbond_verifier import fleet
from simbond_verifier.decisions import about_device
from simbond_verifier.policy import Policy, TwoPersons
from simbond_verifier.refusal import Conflict, NotFound, Refusal
from simbond_verifier.scenario import Scenarios, parse
from simbond_verifier.store import proposals
from simbond_verifier.store.proposals import Kind, Outcome
from support.attester import ICCID, Attester
from support.persons import Persons
from support.verifier import SCENARIO, Desk

pytestmark = pytest.mark.usefixtures("store")

NEW_IMEI = "353456060000024"
LENIENT = Policy(two_persons=TwoPersons(release=False))


@pytest.fixture(name="persons")
def _persons(desk: Desk) -> Persons:
    desk.bind(Attester())
    return Persons(desk)


def suspended(persons: Persons) -> Persons:
    persons.desk.do(fleet.suspend, ICCID, reason="fraud", actor="vera")
    return persons


def refused(code: str, *call: Any) -> None:
    with pytest.raises(Refusal) as e:
        call[0](*call[1:])
    assert e.value.code == code


def test_another_person_approves_and_it_is_done(persons: Persons) -> None:
    number = suspended(persons).order("olga", Kind.RESUME, reverify=False)
    assert number is not None
    assert persons.desk.card(ICCID)["state"] == "suspended"
    persons.approve("oleg", number)
    assert persons.desk.card(ICCID)["state"] == "bound"
    shown = persons.shown(number)
    assert (shown["outcome"], shown["asked_by"], shown["decided_by"]) == ("approved", "olga", "oleg")
    asked, approved, lifted = persons.desk.history(ICCID)[-3:]
    assert [line["kind"] for line in (asked, approved, lifted)] == ["decision-asked", "decision-approved", "lift"]
    assert lifted["actor"] == "oleg"
    assert lifted["detail"] == {"reason": "because", "decision": number, "asked_by": "olga"}


def test_nobody_decides_over_what_they_asked_for(persons: Persons) -> None:
    number = persons.order("olga", Kind.RETIRE)
    assert number is not None
    refused("same-person", persons.approve, "olga", number)
    with pytest.raises(Conflict):
        persons.desk.do(proposals.refuse, number, words="", actor="olga")
    assert persons.shown(number)["outcome"] == "open"


def test_who_asked_may_withdraw_and_nobody_else(persons: Persons) -> None:
    number = persons.order("olga", Kind.RETIRE)
    assert number is not None
    with pytest.raises(Conflict) as e:
        persons.desk.do(proposals.withdraw, number, actor="oleg")
    assert e.value.code == "not-asker"
    persons.desk.do(proposals.withdraw, number, actor="olga")
    refused("decision-closed", persons.approve, "oleg", number)
    assert persons.desk.history(ICCID)[-1]["kind"] == "decision-withdrawn"


def test_a_refusal_is_final_and_says_why(persons: Persons) -> None:
    number = persons.order("olga", Kind.RETIRE)
    assert number is not None
    persons.desk.do(proposals.refuse, number, words="still in use", actor="oleg")
    refused("decision-closed", persons.approve, "oleg", number)
    assert persons.shown(number)["words"] == "still in use"
    assert persons.desk.history(ICCID)[-1]["detail"]["words"] == "still in use"


def test_what_nobody_decides_lapses_to_the_second(persons: Persons) -> None:
    number = persons.order("olga", Kind.RETIRE)
    assert number is not None
    persons.desk.now += 86400
    refused("decision-closed", persons.approve, "oleg", number)
    with persons.desk.database.write() as connection:
        assert proposals.due(connection, persons.desk.now)
        assert proposals.expire(connection, persons.desk.now) == 1
        assert not proposals.due(connection, persons.desk.now)
    assert persons.shown(number)["outcome"] == "lapsed"
    assert (persons.desk.history(ICCID)[-1]["kind"], persons.desk.history(ICCID)[-1]["actor"]) == (
        "decision-lapsed",
        "verifier",
    )


def test_asking_again_is_the_same_and_somebody_else_is_told(persons: Persons) -> None:
    number = persons.order("olga", Kind.RETIRE)
    assert persons.order("olga", Kind.RETIRE) == number
    refused("decision-open", persons.order, "oleg", Kind.RETIRE)


def test_what_is_not_there_cannot_be_decided(persons: Persons) -> None:
    refused("decision-unknown", persons.approve, "oleg", 77)
    with persons.desk.database.read() as connection, pytest.raises(NotFound):
        proposals.show(connection, 77)


def test_what_became_impossible_stays_open(persons: Persons) -> None:
    number = suspended(persons).order("olga", Kind.RESUME, reverify=False)
    assert number is not None
    persons.approve("oleg", persons.order("olga", Kind.RETIRE) or 0)
    refused("state", persons.approve, "oleg", number)
    assert persons.shown(number)["outcome"] == "open"


def test_the_list_is_by_outcome_and_in_pages(persons: Persons) -> None:
    first, second = persons.order("olga", Kind.RETIRE), persons.order("olga", Kind.UNBIND)
    assert first is not None
    persons.desk.do(proposals.withdraw, first, actor="olga")
    with persons.desk.database.read() as connection:
        found = proposals.list_all(connection, outcome=Outcome.OPEN, after=0, limit=9)
        assert [f["id"] for f in found] == [second]
        assert len(proposals.list_all(connection, outcome=None, after=first, limit=9)) == 1


def test_by_default_one_person_resumes_retires_and_moves(desk: Desk) -> None:
    desk.bind(Attester())
    desk.add(spare := Attester(imei=NEW_IMEI))
    persons = Persons(desk, Policy())
    assert persons.order("olga", Kind.BIND, kid=spare.kid.hex(), scenario=None, force=False) is None
    suspended(persons)
    assert persons.order("olga", Kind.RESUME, reverify=False) is None
    assert persons.order("olga", Kind.RETIRE) is None
    assert desk.card(ICCID)["state"] == "retired"


def test_swaps_and_moves_beyond_the_quota_always_take_two(desk: Desk) -> None:
    desk.bind(Attester())
    desk.add(spare := Attester(imei=NEW_IMEI))
    persons = Persons(desk, LENIENT)
    assert persons.order("olga", Kind.SWAP, kid=spare.kid.hex(), force=False) is not None
    assert persons.order("olga", Kind.BIND, kid=spare.kid.hex(), scenario=None, force=True) is not None


def test_a_suspension_is_not_lifted_by_taking_the_card_from_its_device(persons: Persons) -> None:
    """A card that was never bound is resumed without re-verification: one that is unbound must not pass for that."""
    number = suspended(persons).order("olga", Kind.UNBIND)
    persons.approve("oleg", number or 0)
    assert persons.order("olga", Kind.RESUME, reverify=True) is not None
    assert persons.desk.card(ICCID)["access"] == "barred"


@pytest.mark.parametrize(
    ("policy", "takes_two"), [(LENIENT, False), (Policy(two_persons=TwoPersons(rebind=True)), True)]
)
def test_a_milder_scenario_takes_two_as_another_device_does(desk: Desk, policy: Policy, takes_two: bool) -> None:
    """The bound device keeps its card, and everything that spoke against the two is allowed."""
    desk.scenarios = Scenarios([parse(SCENARIO, "meter"), parse('id = 2\nname = "anything-goes"', "mild")])
    meter = Attester()
    desk.bind(meter)
    persons = Persons(desk, policy)
    order = {"kid": meter.kid.hex(), "force": False}

    number = persons.order("olga", Kind.BIND, scenario="anything-goes", **order)
    assert (number is not None) is takes_two
    assert desk.card(ICCID)["scenario"] == ("meter" if takes_two else "anything-goes")
    if number is not None:
        assert persons.order("olga", Kind.BIND, scenario="meter", **order) is None, "it has that one"
        persons.approve("oleg", number)
    assert desk.card(ICCID)["scenario"] == "anything-goes"


def test_a_second_slot_takes_two_where_moving_a_card_does(persons: Persons) -> None:
    """A foreign device's IMEI as the second of the bound one's would have the network see the card at home there."""
    desk, spare = persons.desk, Attester(imei=NEW_IMEI, iccid=None, imsi=None)
    desk.add(spare)
    with desk.database.read() as connection:
        kids = [device["kid"] for device in fleet.list_devices(connection, after="", limit=9)]

    def state(actor: str, kid: str, imei2: str | None) -> int | None:
        def unit(connection: Any, now: float) -> int | None:
            wish = about_device(connection, Kind.SECOND_SLOT, kid, imei2=imei2, reason="two slots")
            return persons.decisions.take(connection, wish, actor=actor, now=now)

        number: int | None = desk.do(unit)
        return number

    def imei2(kid: str) -> str | None:
        with desk.database.read() as connection:
            return fleet.show_device(connection, kid)["imei2"]  # type: ignore[no-any-return]

    meter = next(kid for kid in kids if kid != spare.kid.hex())
    number = state("olga", meter, "352099001761481")
    assert number is not None
    assert state("olga", meter, "352099001761481") == number
    refused("decision-open", state, "olga", meter, None)
    assert state("olga", spare.kid.hex(), None) != number, "about another device"
    refused("same-person", persons.approve, "olga", number)
    assert imei2(meter) is None
    persons.approve("oleg", number)
    assert imei2(meter) == "35209900176148"
    told = [row for row in persons.events() if row.kind == "second-slot"]
    assert [(row.actor, row.detail["asked_by"]) for row in told] == [("oleg", "olga")]
