"""`simbond devices` against a real `simbond serve`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.attester import Attester
from support.damage import flipped
from support.field import Field
from support.operator import Operator, new_device
from support.server import VerifierServer


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    with VerifierServer(tmp_path_factory.mktemp("verifier")) as server:
        yield Operator(server)


def test_a_device_is_enrolled_by_its_request(operator: Operator, tmp_path: Path) -> None:
    device = new_device()
    request = tmp_path / "request.hex"
    request.write_text(device.enrolment().hex() + "\n")

    said = operator.ok("devices", "enrol", "--request", f"@{request}", "--label", "Meter 7", role="technician")

    assert f"Device {device.kid.hex()} is enrolled, IMEI {device.imei[:14]}." in said
    assert f"simbond cards bind ICCID --device {device.kid.hex()}" in said
    again = operator.json("devices", "enrol", "--request", "-", stdin=device.enrolment())
    assert (again["kid"], again["label"], again["point"]) == (device.kid.hex(), "Meter 7", device.point.hex())


def test_bad_enrolments_are_refused(operator: Operator) -> None:
    device = new_device()
    request = device.enrolment()
    forged = flipped(request)
    twin = Attester(imei=device.imei)
    operator.enrolled(device)

    def refused(exit_code: int, *arguments: str) -> str:
        return operator.error(exit_code, "devices", "enrol", "--request", *arguments)

    assert refused(4, forged.hex()) == "enrolment-request"
    assert refused(4, "00" * 2000) == "request-invalid"
    assert refused(4, twin.enrolment().hex()) == "imei-enrolled"
    assert refused(4, new_device().enrolment().hex(), "--imei", "35123456789012") == "imei-differs"
    another = operator.error_text(
        4, "devices", "enrol", "--request", new_device().enrolment().hex(), "--imei", "351234567890123"
    )
    assert "its label 35123456789012 (the first 14 digits). Is this the right device?" in another
    assert refused(4, new_device().enrolment().hex(), "--imei", "123") == "imei-invalid"
    assert refused(2, "not hex!") == "input"
    assert refused(7, "@/does/not/exist") == "file"
    operator.ok("devices", "enrol", "--request", twin.enrolment().hex(), "--allow-duplicate-imei")


def test_a_person_is_told_what_is_wrong_with_a_request(operator: Operator) -> None:
    told = operator.error_text(4, "devices", "enrol", "--request", "00" * 2000)

    assert "body.request: String should have at most 2048 characters" in told


def test_devices_are_listed_and_shown(operator: Operator) -> None:
    device = operator.bound()

    listed = operator.ok("devices", "list", role="viewer")
    shown = operator.ok("devices", "show", device.kid.hex(), role="viewer")

    assert f"{device.kid.hex()}\t{device.imei[:14]}\t{device.iccid}\tnever\tnone\t" in listed
    for said in (device.kid.hex(), device.iccid, device.point.hex(), "by admin"):
        assert said in shown
    assert device.kid.hex() in [d["kid"] for d in operator.json("devices", "list")["devices"]]
    assert operator.json("devices", "list", "--limit", "1")["more"]
    assert operator.json("devices", "show", device.kid.hex())["card"] == device.iccid
    assert operator.error(5, "devices", "show", "00" * 8) == "device-unknown"
    assert operator.error(2, "devices", "show", "xyz") == "usage"


def test_a_revoked_key_is_said_to_be(operator: Operator) -> None:
    device = operator.bound()

    said = operator.ok("devices", "revoke", device.kid.hex(), "--reason", "stolen", role="operator")

    assert f"simbond cards bind {device.iccid} --device KID" in said
    assert f"{device.kid.hex()}\t{device.imei[:14]}\t{device.iccid}\tnever\tkey revoked" in operator.ok(
        "devices", "list"
    )
    history = operator.ok("cards", "history", device.iccid or "")
    assert (
        "The key of the card's device was revoked.\n    by operator; since then: bound, allowed\n    reason: stolen\n"
        f"    device: {device.kid.hex()}" in history
    )
    assert operator.json("devices", "revoke", device.kid.hex(), "--reason", "stolen")["revoked_at"]
    assert operator.error(5, "devices", "revoke", "00" * 8, "--reason", "x") == "device-unknown"


def test_a_rotated_key_is_said_to_be(operator: Operator) -> None:
    device = operator.bound()
    new = device.successor()
    with Field(operator.server) as field:
        order = device.rotation(field.nonce(device), new.enrolment())
        assert field.rotate(order).reasons == []
        shown = operator.ok("devices", "show", new.kid.hex(), role="viewer")
        assert f"from key {device.kid.hex()}\n" in shown
        field.attest(device, field.nonce_of(device, age_s=-1))

    rotated = operator.json("devices", "show", new.kid.hex())
    line = next(line for line in operator.ok("devices", "list").splitlines() if line.startswith(new.kid.hex()))
    assert line.split("\t")[5].endswith("Z")
    assert rotated["rotated_at"] == rotated["retired_key"]["at"]
    assert "revoke this key if its device did not order that" in operator.ok("devices", "show", new.kid.hex())
    assert "A key that the device had given up was used again" in operator.ok("cards", "history", device.iccid or "")
    for command in (("show",), ("revoke", "--reason", "stolen")):
        assert operator.error(5, "devices", *command, device.kid.hex()) == "key-rotated"
    assert new.kid.hex() in operator.error_text(5, "devices", "show", device.kid.hex())
    inspected = operator.json("evidence", "inspect", "-", stdin=order, exit_code=1)
    assert (inspected["kind"], inspected["reason"]) == ("rotation", "key-revoked")
