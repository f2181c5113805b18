"""Two persons, a technician and the kill switch, at the shell against a real verifier."""

from collections.abc import Iterator

import pytest

from simbond_tools.cli.common import NOT_ALLOWED, REFUSED, USAGE
from support.operator import Operator, new_device
from support.server import VerifierServer


@pytest.fixture(name="operator", scope="module")
def _operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    with VerifierServer(tmp_path_factory.mktemp("verifier")) as server:
        yield Operator(server)


def test_a_technician_asks_for_a_swap_and_an_operator_approves(operator: Operator) -> None:
    old, new = operator.bound(), new_device()
    operator.enrolled(new)
    iccid, kid = str(old.iccid), new.kid.hex()
    asked = operator.json("cards", "swap", iccid, "--device", kid, "--reason", "broken", role="technician")
    number = str(asked["id"])
    assert (asked["kind"], asked["asked_by"], asked["outcome"]) == ("swap", "technician", "open")
    assert operator.error(NOT_ALLOWED, "decisions", "approve", number, role="technician") == "role"
    assert number in operator.ok("decisions", "list", role="viewer").split()
    operator.ok("decisions", "approve", number, "--words", "seen", role="operator")
    shown = operator.ok("cards", "show", iccid)
    assert f"to device {kid}" in shown
    assert operator.error(REFUSED, "decisions", "approve", number, role="admin") == "decision-closed"
    assert "Another device may take the card over for a while." in operator.ok("cards", "history", iccid)


def test_who_asked_does_not_approve_but_may_withdraw(operator: Operator) -> None:
    old, new = operator.bound(), new_device()
    operator.enrolled(new)
    order = ("cards", "swap", str(old.iccid), "--device", new.kid.hex(), "--reason", "broken")
    text = operator.ok(*order, role="operator")
    assert "takes another person" in text
    number = operator.json("decisions", "list", role="operator")["decisions"][-1]["id"]
    assert operator.error(REFUSED, "decisions", "approve", str(number), role="operator") == "same-person"
    assert "withdrawn" in operator.ok("decisions", "withdraw", str(number), role="operator")


def test_a_technician_sees_one_card_and_not_whose_it_is(operator: Operator) -> None:
    device = operator.bound()
    card = operator.json("cards", "show", str(device.iccid), role="technician")
    assert (card["msisdn"], card["customer"]) == (None, None)
    assert operator.json("cards", "show", str(device.iccid), role="viewer")["customer"] == "Pudong Water"
    for command in (("cards", "list"), ("devices", "list"), ("cards", "history", str(device.iccid))):
        assert operator.error(NOT_ALLOWED, *command, role="technician") == "role"


def test_one_person_stops_everything_and_two_start_it(operator: Operator) -> None:
    assert "acts by itself" in operator.ok("enforcement", "status")
    state = operator.json("enforcement", "stop", "--reason", "wrong feed", role="operator")
    assert (state["kill_switch"]["actor"], state["kill_switch"]["reason"]) == ("operator", "wrong feed")
    told = operator.ok("enforcement", "stop", "--reason", "wrong feed", role="operator")
    assert "simbond enforcement start --reason" in told
    assert "another one approves" in told
    asked = operator.json("enforcement", "start", "--reason", "mended", role="operator")
    assert operator.json("enforcement", "status")["kill_switch"] is not None
    operator.ok("decisions", "approve", str(asked["id"]), role="admin")
    assert operator.json("enforcement", "status")["kill_switch"] is None
    assert operator.error(REFUSED + 1, "enforcement", "start", "--rule", "clone", "--reason", "r") == "rule-not-stopped"
    mistyped = operator.error_text(USAGE, "enforcement", "start", "--rule", "clonee", "--reason", "r")
    assert "did you mean 'clone'?" in mistyped
    assert "oversized" not in mistyped
    assert operator.json("enforcement", "withheld") == {"withheld": [], "more": False}
    assert operator.error(USAGE, "enforcement", "release", "--reason", "r") == "usage"


def test_a_card_goes_back_to_the_stock(operator: Operator) -> None:
    device = operator.bound()
    assert "stock" in operator.ok("cards", "unbind", str(device.iccid), "--reason", "returned")
    assert operator.error(REFUSED, "cards", "unbind", str(device.iccid), "--reason", "again") == "not-bound"


def test_a_second_slot_is_stated_later(operator: Operator) -> None:
    device, other = operator.bound(), new_device()
    order = ("devices", "second-slot", device.kid.hex(), "--reason", "two slots")
    assert operator.json(*order, "--imei2", other.imei)["imei2"] == other.imei[:14]
    assert operator.json(*order, "--none")["imei2"] is None
    assert operator.error(USAGE, *order) == "usage"
