"""One key in two places, told from a device that lost its counter and from Evidence that came late."""

import pytest

from simbond_verifier.policy import Policy
from simbond_verifier.reasons import Reason
from simbond_verifier.store import cards, clone
from simbond_verifier.store.signs import Told, still_there
from support.attester import ICCID, Attester
from support.verifier import Desk

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture
def meter(desk: Desk) -> Attester:
    device = Attester(bootcount=9, uptime=500)
    desk.bind(device)
    return device


def goes_on(desk: Desk, meter: Attester) -> None:
    """The higher counter attests."""
    desk.now += 60
    desk.attest(meter)


def comes_behind(desk: Desk, counter: tuple[int, int], *, issued_ago: float = 1) -> list[Reason]:
    """Evidence with a lower counter comes: the signs that stand against the card then."""
    desk.now += 60
    scenario = desk.scenarios.get("meter")
    assert scenario is not None
    with desk.database.write() as connection:
        about = cards.by_iccid(connection, ICCID)
        assert about is not None
        told = Told(desk.now, "evidence", about.device_id)
        clone.note_fork(connection, about, counter, desk.now - issued_ago, scenario, Policy(), told)
        return still_there(connection, about.id)


def test_two_counters_that_both_go_on_are_a_clone(desk: Desk, meter: Attester) -> None:
    goes_on(desk, meter)
    assert comes_behind(desk, (3, 100)) == []
    goes_on(desk, meter)
    assert comes_behind(desk, (3, 220)) == [Reason.CLONE]
    assert desk.card(ICCID)["state"] == "warned"
    assert desk.card(ICCID)["deadline"] is not None


def test_a_device_that_lost_its_counter_is_no_clone(desk: Desk, meter: Attester) -> None:
    goes_on(desk, meter)

    assert [comes_behind(desk, (3, 100 + n)) for n in range(5)] == [[]] * 5
    assert [line["kind"] for line in desk.history(ICCID)].count("counter-behind") == 1


def test_evidence_that_was_overtaken_is_no_clone(desk: Desk, meter: Attester) -> None:
    for _ in range(3):
        goes_on(desk, meter)
        assert comes_behind(desk, (9, 400), issued_ago=61) == [], "its nonce is older than what overtook it"
    assert "counter-behind" not in [line["kind"] for line in desk.history(ICCID)]
