"""The agent's console: what a technician's tool, or the maker's own, tells it by a line of JSON."""

import time
from calendar import timegm

import cbor2
import pytest

from simbond_agent import claims
from support.device_server import Reply

NONCE = bytes(range(16))


@pytest.fixture
def process(agent, server):
    process = agent(console=True)
    server.enrol(process.wait_for("enrolment")["request"])
    server.evidence()
    process.wait_for("waiting", why="interval")
    return process


def test_status(process):
    process.tell(do="status", id=7)
    reply = process.wait_for("reply", id=7)
    assert reply["kid"] == process.events[0]["kid"]
    assert reply["status"]["attested"]["tier"] == "affirming"
    assert reply["status"]["waiting"]["why"] == "interval"


def test_an_id_is_a_number_or_a_text(process):
    process.tell(do="status", id=[[[]]])
    assert "status" in process.wait_for("reply", id=None)


def test_attest(process, server):
    process.tell(do="attest")
    process.wait_for("attested")
    assert not server.evidence(timeout_s=1).late


def test_what_is_proved_on_site_is_signed_and_nothing_that_a_verifier_takes(process, server):
    process.tell(do="prove", nonce=NONCE.hex())
    proof = bytes.fromhex(process.wait_for("reply")["evidence"])
    kid, claimed = server.verified(proof)
    assert kid.hex() == process.events[0]["kid"]
    assert claimed[claims.NONCE] == NONCE  # a verifier's has 8 octets
    process.tell(do="attest")
    assert server.evidence().uptime > claimed[claims.UPTIME]


def test_enrolment(process, server):
    process.tell(do="enrolment")
    request = bytes.fromhex(process.wait_for("reply")["request"])
    assert cbor2.loads(cbor2.loads(request).value[0])[4].hex() == process.events[0]["kid"]


def test_look(process):
    process.tell(do="look", id=3)
    seen = process.wait_for("reply", id=3)
    assert seen["identity"]["sim"] == "ready"
    assert seen["identity"]["iccid"].isdigit()
    assert seen["cell"]["reg"] == "roaming"
    assert (seen["AT+CPIN?"], seen["AT+CFUN?"]) == ("+CPIN: READY", "+CFUN: 1")
    assert seen["url"].startswith("http")
    assert isinstance(seen["scenario"], int)
    assert abs(timegm(seen["time"]) - time.time()) < 60
    assert "modem_error" not in seen


@pytest.mark.parametrize(
    ("request_", "problem", "code"),
    [
        ({"do": "reboot"}, "do is to be one of attest, enrolment, look, prove, rotate, status", "unknown-command"),
        ({}, "do is to be one of", "unknown-command"),
        ({"do": "prove"}, "nonce is to be 32 hex digits", None),
        ({"do": "prove", "nonce": "0011223344556677"}, "nonce is to be 32 hex digits", None),
        ({"do": "prove", "nonce": 5}, "", None),
    ],
)
def test_what_it_cannot_do_is_said(process, request_, problem, code):
    process.tell(**request_, id="x")
    reply = process.wait_for("reply", id="x")
    assert problem in reply["error"]
    assert reply["code"] == code


def test_noise_on_the_console_is_answered_and_passed_over(process):
    stdin = process._process.stdin
    stdin.write("\n\r\n[1]\nnull\n>>> \n" + "x" * 1000 + "\n")
    stdin.flush()
    process.tell(do="status", id=1)
    process.wait_for("reply", id=1)
    assert process.noise == []


def test_a_new_key_takes_the_old_one_s_place(process, server):
    old = process.events[0]["kid"]
    process.tell(do="rotate")
    event = process.wait_for("rotation", tier="affirming")
    assert server.rotated == [bytes.fromhex(old)]
    assert event["kid"] != old
    assert server.evidence().kid.hex() == event["kid"]
    process.restart()
    assert process.wait_for("start")["kid"] == event["kid"]


def test_a_rotation_that_is_not_answered_goes_on_after_a_power_cut(process, server):
    old = process.events[0]["kid"]
    server.replies.append(Reply(lost=True))
    process.tell(do="rotate")
    process.wait_for("error", what="uplink")
    process.restart()
    assert process.wait_for("start")["kid"] == old
    new = process.wait_for("rotation", tier="affirming")["kid"]
    assert new != old
    assert server.evidence().kid.hex() == new  # nothing more by the old key, which is worth nothing


def test_a_verifier_that_takes_no_rotation_does_not_keep_a_device_from_attesting(process, server):
    server.replies.extend([Reply(404)] * 3)
    process.tell(do="rotate")
    for _ in range(3):
        assert "404" in process.wait_for("error", what="uplink")["detail"]
    process.wait_for("attested")
    assert server.rotated == []
