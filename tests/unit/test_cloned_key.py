"""One key in two places, as Evidence of both comes in."""

from dataclasses import replace

import pytest

from simbond_verifier.reasons import Reason, Tier
from support.attester import ICCID, Attester
from support.verifier import Desk

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture
def meter(desk: Desk) -> Attester:
    device = Attester(bootcount=9, uptime=500)
    desk.bind(device)
    return device


@pytest.fixture
def copy(meter: Attester) -> Attester:
    """A device with the meter's key and a counter of its own."""
    return replace(meter, bootcount=3, uptime=10)


def attest_in_turn(desk: Desk, *devices: Attester) -> None:
    for device in devices:
        desk.now += 600
        desk.attest(device)


def kinds(desk: Desk) -> list[str]:
    return [line["kind"] for line in desk.history(ICCID)]


def test_a_copied_key_is_found_once_both_counters_go_on(desk: Desk, meter: Attester, copy: Attester) -> None:
    attest_in_turn(desk, meter, copy, meter)
    assert desk.card(ICCID)["state"] == "bound"

    desk.now += 600
    result = desk.attest(copy)

    assert (result.tier, result.reasons) == (Tier.CONTRAINDICATED, (Reason.COUNTER_BACK,))
    assert result.changed
    assert desk.card(ICCID)["state"] == "warned"
    last = desk.history(ICCID)[-1]
    assert (last["kind"], last["reasons"]) == ("recheck", ["clone"])


def test_neither_of_the_two_ends_it(desk: Desk, meter: Attester, copy: Attester) -> None:
    attest_in_turn(desk, meter, copy, meter, copy, meter, meter)

    assert desk.card(ICCID)["state"] == "warned"


def test_what_comes_together_is_found_as_well(desk: Desk, meter: Attester, copy: Attester) -> None:
    attest_in_turn(desk, meter, copy)
    desk.now += 600
    desk.attest(meter)
    desk.now += 1
    nonce = desk.nonce(copy)
    assert desk.hand_in(copy.evidence(nonce)).changed
    assert not desk.hand_in(copy.evidence(nonce)).changed, "and counts once"


def test_a_meter_that_lost_its_counter_is_no_clone(desk: Desk, meter: Attester, copy: Attester) -> None:
    attest_in_turn(desk, meter, *[copy] * 5)

    assert desk.card(ICCID)["state"] == "bound"
    assert kinds(desk).count("counter-behind") == 1


def test_late_evidence_with_an_old_counter_is_no_clone(desk: Desk, meter: Attester, copy: Attester) -> None:
    for _ in range(3):
        attest_in_turn(desk, meter)
        assert not desk.attest(copy, bytes(8)).changed

    assert kinds(desk) == ["import", "bind"]
