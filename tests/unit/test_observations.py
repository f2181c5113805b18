"""What a network saw of a card, and what follows from it."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from simbond_agent import claims
from simbond_verifier import fleet
from simbond_verifier.observation import Observation, Place, Use
from simbond_verifier.policy import Phones, Policy
from simbond_verifier.reasons import Reason
from simbond_verifier.store import observations, signs
from simbond_verifier.store.observations import Outcome, Taken
from simbond_verifier.store.schema import network, observation
from support.attester import ICCID, IMEI, IMSI, Attester
from support.verifier import NOW, Desk
from support.verifier import desk as make_desk

pytestmark = pytest.mark.usefixtures("store")

SEEN = IMEI[:14]
FOREIGN = "353456060000020"
SHANGHAI = Place("46000", 29846, 251941991, 31.23, 121.47)
LAGOS = Place("62130", 7, 8, 6.45, 3.39)
SCENARIO = """
id = 1
name = "meter"
[area]
circles = [[31.2, 121.5, 50]]
[network]
home = ["460"]
cards_per_imei = 2
[functions]
uses = ["data"]
apn = ["cmiot"]
[ladder]
network-imei-differs = {step = "suspend", confirm = 2}
"""
POLICY = Policy(phones=Phones(tac=frozenset({FOREIGN[:8]})))
BOX_CARDS = [(f"8986001234567890{n:04}", f"46000123456{n:04}") for n in range(7001, 7004)]


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    with make_desk(tmp_path, SCENARIO) as made:
        yield made


@pytest.fixture
def meter(desk: Desk) -> Attester:
    """A bound meter that has attested, and an hour later."""
    device = Attester()
    desk.bind(device)
    desk.attest(device)
    desk.now += 600
    return device


def take(desk: Desk, imsi: str = IMSI, *, ago: float = 0, **seen: Any) -> Taken:
    observed = Observation(imsi, desk.now - ago, seen.pop("source", "feed"), **seen)
    with desk.database.write() as connection:
        return observations.take(connection, observed, desk.scenarios, POLICY, desk.now)


def reasons(taken: Taken) -> set[Reason]:
    assert taken.outcome is Outcome.TAKEN, taken
    return {sign.reason for sign in taken.signs}


def view(desk: Desk) -> dict[str, Any] | None:
    with desk.database.read() as connection:
        return observations.view(connection, desk.do(lambda c, now: c.execute(select(network.c.card_id)).scalar()) or 1)


def kept(desk: Desk) -> int:
    with desk.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(observation)).scalar_one())


def test_the_bound_device_at_home_is_nothing_to_speak_of(desk: Desk, meter: Attester) -> None:
    taken = take(desk, imei=IMEI[:14] + "0", place=SHANGHAI, apn="cmiot", use=Use.DATA)

    assert (taken.outcome, taken.signs, taken.changed) == (Outcome.TAKEN, (), False)
    assert desk.card(ICCID)["state"] == "bound"
    assert kept(desk) == 1


def test_a_card_that_nobody_imported_is_not_kept(desk: Desk) -> None:
    assert take(desk, "460009999999999", imei=SEEN).outcome is Outcome.UNKNOWN
    assert kept(desk) == 0


@pytest.mark.parametrize(
    ("seen", "problem"),
    [
        ({"imei": "12345"}, "imei"),
        ({"imei": "86123405000000X"}, "imei"),
        ({"ago": -301}, "at"),
        ({"ago": float("nan")}, "at"),
        ({"ago": NOW + 1e6}, "at"),
        ({"place": Place("4600")}, "plmn"),
        ({"place": Place(area=-1)}, "area"),
        ({"place": Place(cell=1 << 36)}, "cell"),
        ({"place": Place(lat=1.0)}, "lat, lon"),
        ({"place": Place(lat=91.0, lon=0.0)}, "lat, lon"),
        ({"apn": ""}, "apn"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(
    desk: Desk, meter: Attester, seen: dict[str, Any], problem: str
) -> None:
    taken = take(desk, **seen)

    assert taken.outcome is Outcome.REFUSED
    assert taken.problem.startswith(problem)
    assert kept(desk) == 0


def test_an_imsi_that_is_none_is_refused(desk: Desk, meter: Attester) -> None:
    assert take(desk, "46000'--").problem.startswith("imsi")


@pytest.mark.parametrize("imei", ["000000000000000", "0" * 14, "353456060000021", "111111111111111"])
def test_an_imei_that_says_nothing_is_a_missing_one(desk: Desk, meter: Attester, imei: str) -> None:
    assert take(desk, imei=imei).signs == ()
    found = view(desk)
    assert found is not None
    assert found["imei"] is None


@pytest.mark.parametrize("imei", [IMEI[:14], IMEI[:14] + "0", IMEI[:14] + "07", IMEI[:14] + "42", None])
def test_neither_a_software_version_nor_a_missing_imei_is_a_move(desk: Desk, meter: Attester, imei: str | None) -> None:
    take(desk, imei=IMEI[:14] + "01")
    desk.now += 10

    assert take(desk, imei=imei).signs == ()


def test_another_imei_acts_once_it_is_confirmed(desk: Desk, meter: Attester) -> None:
    first = take(desk, imei=FOREIGN)

    assert reasons(first) == {Reason.NETWORK_IMEI_DIFFERS, Reason.PHONE}
    assert desk.card(ICCID)["state"] == "warned"
    desk.now += 60
    second = take(desk, imei=FOREIGN)

    assert second.changed
    assert second.card is not None
    assert second.card.status.state == desk.card(ICCID)["state"] == "suspended"
    assert desk.commands() == [(IMSI, "barred", "pending")]


def test_the_same_observation_again_counts_once(desk: Desk, meter: Attester) -> None:
    take(desk, imei=FOREIGN, ago=5)
    before = desk.history(ICCID)

    for _ in range(3):
        assert take(desk, imei=FOREIGN, ago=5).outcome is Outcome.REPEATED
    assert desk.history(ICCID) == before
    assert kept(desk) == 1
    assert take(desk, imei=FOREIGN, ago=5, source="radius").outcome is Outcome.TAKEN


@pytest.mark.parametrize("later", [1, 60], ids=["still ahead", "caught up"])
def test_nor_does_one_confirm_itself_whose_source_has_a_clock_ahead(desk: Desk, meter: Attester, later: int) -> None:
    at = desk.now + 20
    assert Reason.NETWORK_IMEI_DIFFERS in reasons(take(desk, imei=FOREIGN, ago=desk.now - at))
    desk.now += later

    assert take(desk, imei=FOREIGN, ago=desk.now - at).outcome is Outcome.REPEATED
    assert desk.card(ICCID)["state"] == "warned"
    assert kept(desk) == 1


def test_what_is_older_takes_the_view_neither_back_nor_anywhere(desk: Desk, meter: Attester) -> None:
    take(desk, imei=SEEN, place=SHANGHAI)
    old = take(desk, imei=FOREIGN, place=LAGOS, ago=100)

    assert old.signs == ()
    assert kept(desk) == 2
    found = view(desk)
    assert found is not None
    assert (found["imei"], found["plmn"], found["traffic_at"]) == (IMEI[:14], "46000", desk.now)


def test_a_late_list_of_calls_still_tells_of_a_call(desk: Desk, meter: Attester) -> None:
    take(desk, imei=SEEN)

    assert reasons(take(desk, use=Use.VOICE, ago=100)) == {Reason.USE_NOT_ALLOWED}


def test_what_was_before_a_person_decided_speaks_no_more(desk: Desk, meter: Attester) -> None:
    assert take(desk, use=Use.VOICE, ago=700).signs == (), "before the card was bound"


def test_a_clock_slightly_ahead_is_now(desk: Desk, meter: Attester) -> None:
    take(desk, imei=SEEN, ago=-200)
    found = view(desk)

    assert found is not None
    assert found["traffic_at"] == desk.now


def test_the_network_takes_back_what_it_said(desk: Desk, meter: Attester) -> None:
    take(desk, imei=FOREIGN, place=LAGOS)
    desk.now += 72000
    take(desk, imei=SEEN, place=SHANGHAI)
    desk.now += 10
    desk.attest(meter)

    assert desk.card(ICCID)["state"] == "bound"


def test_what_evidence_said_the_network_does_not_take_back(tmp_path: Path) -> None:
    with make_desk(tmp_path, SCENARIO.replace("[area]", '[area]\nplmn = ["46000"]')) as desk:
        meter = Attester(cell=claims.pack_cell({"plmn": "62130"}))
        desk.bind(meter)
        desk.attest(meter)
        take(desk, place=Place("46000"))

        assert desk.card(ICCID)["state"] == "warned"
        with desk.database.read() as connection:
            assert signs.still_there(connection, 1) == [Reason.OUT_OF_AREA]


def test_an_accusation_that_the_network_bears_out_suspends_at_once(desk: Desk, meter: Attester) -> None:
    thief = Attester(imei=FOREIGN, imsi=None)
    desk.add(thief)
    desk.attest(thief)
    desk.now += 1
    taken = take(desk, imei=FOREIGN)

    assert taken.changed
    assert desk.card(ICCID)["state"] == "suspended"
    assert desk.history(ICCID)[-1]["reasons"] == ["foreign-device"]


def test_an_accusation_is_not_borne_out_by_the_past(desk: Desk, meter: Attester) -> None:
    desk.attest(meter)
    thief = Attester(imei=FOREIGN, imsi=None)
    desk.add(thief)
    desk.attest(thief)
    take(desk, imei=FOREIGN, ago=60)

    assert desk.card(ICCID)["state"] == "warned"


def test_many_cards_in_one_device(desk: Desk, meter: Attester) -> None:
    desk.stock(*BOX_CARDS)
    *few, last = [take(desk, imsi, imei=SEEN) for _, imsi in BOX_CARDS]

    assert [reasons(taken) for taken in few] == [set(), set()]
    assert reasons(last) == {Reason.MANY_CARDS}


def test_no_number_of_strangers_with_its_imei_speaks_against_a_card_at_home(desk: Desk, meter: Attester) -> None:
    """Who has as many cards, or a feed's token, may have a victim's IMEI seen as often as he likes."""
    desk.stock(*BOX_CARDS)
    for _, imsi in BOX_CARDS:
        take(desk, imsi, imei=SEEN)

    assert take(desk, imei=SEEN).signs == ()
    assert desk.card(ICCID)["state"] == "bound"


def test_cards_that_belong_there_are_not_counted_against_a_stranger(desk: Desk, meter: Attester) -> None:
    """A batch with one IMEI, and a card that was put into a device of it: that is a move, and no SIM box."""
    *batch, (iccid, imsi) = BOX_CARDS
    desk.stock(*BOX_CARDS)
    for one, own in batch:
        twin = Attester(iccid=one, imsi=own)
        desk.do(fleet.enrol, twin.enrolment(), imei=None, label="", allow_duplicate_imei=True, actor="olga")
        desk.do(fleet.bind, one, twin.kid.hex(), scenario=None, scenarios=desk.scenarios, actor="olga")
        take(desk, own, imei=SEEN)

    assert reasons(take(desk, imsi, imei=SEEN)) == set()
    assert desk.card(iccid)["state"] == "stock"


def test_a_batch_that_shares_an_imei_is_no_sim_box(desk: Desk, meter: Attester) -> None:
    desk.stock(*BOX_CARDS)
    for iccid, imsi in BOX_CARDS:
        twin = Attester(iccid=iccid, imsi=imsi)
        desk.do(fleet.enrol, twin.enrolment(), imei=None, label="", allow_duplicate_imei=True, actor="olga")
        desk.do(fleet.bind, iccid, twin.kid.hex(), scenario=None, scenarios=desk.scenarios, actor="olga")
        desk.now += 1

        assert take(desk, imsi, imei=SEEN).signs == ()


def test_a_sleeping_card_that_wakes_says_so_until_its_device_affirms(desk: Desk, meter: Attester) -> None:
    desk.now += 91 * 86400
    taken = take(desk, imei=SEEN)

    assert reasons(taken) == {Reason.SLEEPING}
    assert taken.signs[0].facts["woke_at"] == desk.now
    assert desk.card(ICCID)["state"] == "warned"
    desk.now += 10
    desk.attest(meter)
    assert desk.card(ICCID)["state"] == "bound"


def test_a_card_that_was_never_used_wakes(desk: Desk) -> None:
    desk.bind(Attester())
    desk.now += 91 * 86400

    assert reasons(take(desk, imei=SEEN)) == {Reason.NEVER_USED}


def test_signs_are_kept_of_a_card_in_stock_and_none_of_a_retired_one(desk: Desk, meter: Attester) -> None:
    desk.stock(BOX_CARDS[0])
    iccid, imsi = BOX_CARDS[0]

    assert reasons(take(desk, imsi, imei=FOREIGN)) == {Reason.PHONE}
    assert desk.card(iccid)["state"] == "stock"
    desk.do(fleet.retire, iccid, reason="broken", actor="olga")
    desk.now += 1
    assert take(desk, imsi, imei=FOREIGN).signs == ()
