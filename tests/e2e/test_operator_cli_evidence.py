"""`simbond evidence inspect`, with a real verifier that has the keys, and without any."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support.damage import flipped
from support.operator import Operator, new_device
from support.server import VerifierServer, simbond

NONCE = bytes(8)


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    with VerifierServer(tmp_path_factory.mktemp("verifier")) as server:
        yield Operator(server)


def test_evidence_is_verified_with_the_key_that_the_server_has(operator: Operator) -> None:
    device = operator.bound()
    message = device.evidence(NONCE)

    said = operator.ok("evidence", "inspect", "-", stdin=message, role="viewer")
    document = operator.json("evidence", "inspect", "-", "--hex", stdin=message.hex().encode())

    assert said.startswith(f"Evidence, {len(message)} octets (raw): VERIFIED.\n")
    assert "fetched from the verifier" in said
    assert (document["verdict"], document["key_source"], document["written"]) == ("verified", "server", "hex")
    assert document["claims"]["iccid"] == device.iccid


def test_forged_evidence_is_bad(operator: Operator) -> None:
    message = operator.bound().evidence(NONCE)
    forged = flipped(message)

    done = operator.server.simbond("evidence", "inspect", "-", stdin=forged)

    assert done.returncode == 1
    assert ": BAD.\n" in done.stdout
    assert "(signature-invalid)" in done.stdout
    assert operator.json("evidence", "inspect", "-", stdin=forged, exit_code=1)["reason"] == "signature-invalid"


def test_evidence_of_a_device_that_nobody_enrolled_is_bad(operator: Operator) -> None:
    document = operator.json("evidence", "inspect", "-", stdin=new_device().evidence(NONCE), exit_code=1)

    assert (document["verdict"], document["reason"]) == ("bad", "key-unknown")


def test_evidence_of_a_revoked_key_is_told(operator: Operator) -> None:
    device = operator.bound()
    with operator.server.api() as api:
        api.post(f"/v1/devices/{device.kid.hex()}/revoke", {"reason": "lost"})

    done = operator.server.simbond("evidence", "inspect", "-", stdin=device.evidence(NONCE))

    assert (done.returncode, ": VERIFIED" in done.stdout) == (0, True)
    assert "was revoked at" in done.stderr


def test_without_an_answer_the_claims_are_still_shown() -> None:
    device = new_device()
    away = {"SIMBOND_URL": "http://127.0.0.1:1", "SIMBOND_TOKEN": "sbt_x"}
    message = device.evidence(NONCE)

    done = simbond("evidence", "inspect", "-", stdin=message, **away)
    document = json.loads(simbond("evidence", "inspect", "-", "--json", stdin=message, **away).stdout)

    assert done.returncode == 3
    assert ": UNVERIFIED" in done.stdout
    assert device.iccid in done.stdout
    assert document["error"]["code"] == "unreachable"


def test_evidence_is_inspected_offline(tmp_path: Path) -> None:
    device = new_device()
    message = tmp_path / "evidence"
    message.write_bytes(device.evidence(NONCE))
    pem = tmp_path / "key.pem"
    pem.write_bytes(device.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def inspect(*arguments: str) -> tuple[int, str]:
        done = simbond("evidence", "inspect", str(message), *arguments)
        return done.returncode, done.stdout.partition("\n")[0].rpartition(": ")[2]

    assert inspect() == (0, "UNVERIFIED.")
    assert inspect("--key", device.point.hex()) == (0, "VERIFIED.")
    assert inspect("--key", f"@{pem}") == (0, "VERIFIED.")
    assert inspect("--key", new_device().point.hex()) == (1, "BAD.")


@pytest.mark.parametrize(("key", "exit_code"), [("04", 2), ("xyz", 2), (f"@{__file__}", 2), ("@/does/not/exist", 7)])
def test_what_is_no_key_is_refused(key: str, exit_code: int) -> None:
    done = simbond("evidence", "inspect", "-", "--key", key, stdin=new_device().evidence(NONCE))

    assert (done.returncode, done.stdout) == (exit_code, "")


def test_an_enrolment_request_needs_no_key() -> None:
    done = simbond("evidence", "inspect", "-", stdin=new_device().enrolment().hex().encode())

    assert done.returncode == 0
    assert done.stdout.startswith("Enrolment, ")
    assert ": VERIFIED." in done.stdout
