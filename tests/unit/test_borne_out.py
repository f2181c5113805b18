"""Which sight of a card by the network bears out another device's claim, and which does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from simbond_verifier import fleet
from simbond_verifier.observation import Observation
from simbond_verifier.policy import Policy
from simbond_verifier.store import observations
from support.attester import ICCID, IMSI, Attester
from support.verifier import Desk
from support.verifier import desk as make_desk

pytestmark = pytest.mark.usefixtures("store")

FIRST_SLOT = "353456060000024"
SECOND_SLOT = "35345606000020"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """With a bound meter that has attested."""
    with make_desk(tmp_path) as made:
        meter = Attester()
        made.bind(meter)
        made.attest(meter)
        yield made


def claimed(desk: Desk, imei2: str | None = None) -> Attester:
    """Another device claims the card, a minute later."""
    thief = Attester(imei=FIRST_SLOT)
    more = {"imei": None, "imei2": imei2, "label": "", "allow_duplicate_imei": True, "actor": "olga"}
    desk.do(fleet.enrol, thief.enrolment(), **more)
    desk.now += 60
    desk.attest(thief)
    return thief


def state_once_seen(desk: Desk, imei: str, *, ago: float = 0) -> str:
    """The card's state after the network saw it in a device."""
    seen = Observation(IMSI, desk.now - ago, "feed", imei)
    with desk.database.write() as connection:
        observations.take(connection, seen, desk.scenarios, Policy(), desk.now)
    return str(desk.card(ICCID)["state"])


def test_either_slot_of_the_device_that_claims_it(desk: Desk) -> None:
    claimed(desk, imei2=SECOND_SLOT)

    assert state_once_seen(desk, SECOND_SLOT) == "suspended"


def test_not_the_second_slot_of_the_device_that_it_is_bound_to(desk: Desk) -> None:
    kid = desk.card(ICCID)["device"]["kid"]
    desk.do(fleet.set_imei2, kid, FIRST_SLOT[:14], reason="two slots", actor="olga")
    claimed(desk)

    assert state_once_seen(desk, FIRST_SLOT[:14]) == "warned"


def test_not_what_was_seen_before_a_person_decided(desk: Desk) -> None:
    thief = claimed(desk)
    assert state_once_seen(desk, FIRST_SLOT[:14]) == "suspended"
    desk.now += 3600
    desk.do(fleet.resume, ICCID, reason="back in the meter", reverify=False, scenarios=desk.scenarios, actor="olga")
    desk.now += 60
    desk.attest(thief)

    assert state_once_seen(desk, FIRST_SLOT[:14], ago=600) == "warned", "reported late"
    assert state_once_seen(desk, FIRST_SLOT[:14]) == "suspended", "and seen anew"
