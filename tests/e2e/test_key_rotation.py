"""Keys that change, and what SIMs sign, over HTTP: as devices and operators see it."""

from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cbor2
import pytest

from support.attester import Attester, Sim
from support.damage import flipped
from support.field import Field, new_device
from support.server import VerifierServer

AFFIRMING = (2, [])
CONTRAINDICATED = 96


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with VerifierServer(tmp_path_factory.mktemp("verifier")) as server, Field(server) as made:
        yield made


@pytest.fixture
def meter(field: Field) -> Attester:
    device = new_device()
    field.bind(device)
    assert field.attest(device).verdict == AFFIRMING
    return device


def test_a_device_goes_on_with_its_next_key(field: Field, meter: Attester) -> None:
    new = meter.successor()
    order = meter.rotation(field.nonce(meter), new.enrolment())
    answer = field.rotate(order)
    assert answer.verdict == AFFIRMING
    assert field.attest(new, answer.nonce).verdict == AFFIRMING, "the nonce is the new key's"
    later = field.nonce_of(meter, age_s=-1)  # of the next second: surely after the rotation
    assert field.attest(meter, later).verdict == (CONTRAINDICATED, ["key-revoked"])
    assert field.rotate(order).verdict == AFFIRMING, "an answer may be lost"
    kinds = [line["kind"] for line in field.history(meter.iccid)]
    assert kinds[-2:] == ["key-rotated", "retired-key-used"]
    with field.server.api("viewer") as api:
        device = api.get(f"/v1/devices/{new.kid.hex()}")
    assert device["retired_key"]["kid"] == meter.kid.hex()
    assert device["retired_key"]["used_at"] > device["rotated_at"]


def test_a_rotation_as_text(field: Field, meter: Attester) -> None:
    order = meter.rotation(field.nonce(meter), meter.successor().enrolment())
    response = field.post("/v1/rotation", b64encode(order))
    assert response.headers["content-type"] == "text/plain"
    assert response.text.startswith(b64encode(b"\xa4\x01\x02").decode()), "affirming"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda order: b"", "truncated"),
        (flipped, "signature-invalid"),
        (lambda order: order + bytes(1025 - len(order)), "oversized"),
        (lambda order: Sim().countersign(order), "malformed"),
        (lambda order: Attester().rotation(bytes(8), b""), "key-unknown"),
    ],
)
def test_a_bad_rotation_changes_nothing(field: Field, meter: Attester, spoil, reason: str) -> None:  # type: ignore[no-untyped-def]
    message = spoil(meter.rotation(field.nonce(meter), meter.successor().enrolment()))
    tables = field.dump()
    answer = field.rotate(message)
    assert answer.verdict == (CONTRAINDICATED, [reason])
    assert answer.message_id
    assert field.dump() == tables
    assert field.log()[-1]["reasons"] == [reason]
    assert field.attest(meter).verdict == AFFIRMING


def test_messages_of_the_other_kind_are_refused(field: Field, meter: Attester) -> None:
    assert field.rotate(meter.evidence(field.nonce(meter))).reasons == ["claims-invalid"]
    order = meter.rotation(field.nonce(meter), meter.successor().enrolment())
    assert field.send(order).reasons == ["claims-invalid"]


def test_evidence_and_rotation_at_once(field: Field) -> None:
    """Every device attests, rotates and attests at the same time: whatever came first, each answer fits what is so."""
    devices = [new_device() for _ in range(8)]
    field.bind(*devices)
    jobs = []
    for device in devices:
        nonce, request = field.nonce(device), device.successor().enrolment()
        jobs += [(field.send, device.evidence(nonce)), (field.rotate, device.rotation(nonce, request))]
        jobs += [(field.send, device.evidence(nonce))]
    with ThreadPoolExecutor(len(jobs)) as pool:
        answers = list(pool.map(lambda job: job[0](job[1]), jobs))
    for device, evidence, rotation, later in zip(devices, answers[::3], answers[1::3], answers[2::3], strict=True):
        assert evidence.reasons in ([], ["key-revoked"], ["counter-back"])
        # Evidence that was made after the order and came before it has the higher counters.
        assert rotation.reasons in ([], ["counter-back"])
        assert later.reasons in ([], ["key-revoked"])
        rotated = rotation.reasons == []
        assert (field.attest(device).reasons == ["key-revoked"]) is rotated


# What the SIM signs


def test_the_sims_word_suspends_at_once(field: Field, meter: Attester) -> None:
    sim = Sim()
    with field.server.api() as api:
        order = {"key": sim.point.hex(), "reason": "personalised in March"}
        card = api.post(f"/v1/cards/{meter.iccid}/sim-key", order)
    assert card["sim_key"] == sim.point.hex()
    assert field.attest(meter).reasons == ["sim-statement-missing"]
    thief = Attester(imei="353456060000024", iccid=meter.iccid, imsi=None, sim=sim)
    field.add(thief)
    assert field.attest(thief).verdict == (CONTRAINDICATED, ["foreign-device"])
    assert field.state(meter.iccid) == ("suspended", "barred")
    assert field.history(meter.iccid)[-1]["detail"]["corroborated_by"] == "sim"


def test_countersigned_evidence_in_a_batch(field: Field, meter: Attester) -> None:
    plain, other = meter.evidence(field.nonce(meter)), new_device()
    field.bind(other)
    messages = [Sim().countersign(plain), other.evidence(field.nonce(other)), cbor2.dumps(None)]
    answers = field.send_batch(*messages)
    assert [a.reasons for a in answers] == [["sim-key-unknown"], [], ["wrong-tag"]]
    assert [a.tier for a in answers] == [2, 2, CONTRAINDICATED]
