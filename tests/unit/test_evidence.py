"""Decoding is strict: one encoding is right, and every other one has a reason of its own."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_agent.claims import PROFILE
from simbond_verifier.enrolment import read_enrolment
from simbond_verifier.envelope import BadEvidence, is_stated_by, open_envelope, split, verify
from simbond_verifier.evidence import read_claims, read_field_claims
from simbond_verifier.p256 import load_key
from simbond_verifier.reasons import Reason
from support.attester import ICCID, IMEI, IMSI, Attester, Sim
from support.damage import with_bit_flipped

NONCE = bytes(range(8))
DEVICE = Attester()
SIM = Sim()
COUNTERSIGNED = SIM.countersign(DEVICE.evidence(NONCE))


def read(message: bytes, device: Attester = DEVICE):
    """What the verifier does with a message, in its order."""
    envelope = open_envelope(message)
    verify(envelope, load_key(device.point))
    return read_claims(envelope)


def refusal(message: bytes) -> Reason:
    with pytest.raises(BadEvidence) as refused:
        read(message)
    return refused.value.reason


def with_claims(**changes: object) -> bytes:
    """Signed Evidence with some claims replaced (by label) or binding fields (by name)."""
    claims = DEVICE.claims(NONCE)
    fields = ["imei", "iccid", "imsi", "cell", "scenario", "status"]
    for name, value in changes.items():
        if name in fields:
            claims[-70001][fields.index(name)] = value
        else:
            claims[int(name.removeprefix("label_"))] = value
    return DEVICE.sign(cbor2.dumps(claims, canonical=True))


def test_good_evidence_is_read_as_it_was_made() -> None:
    evidence = read(DEVICE.evidence(NONCE))
    assert (evidence.kid, evidence.nonce) == (DEVICE.kid, NONCE)
    assert (evidence.imei, evidence.iccid, evidence.imsi) == (IMEI[:14], ICCID, IMSI)
    assert (evidence.bootcount, evidence.uptime) == (1, DEVICE.uptime)


def test_what_the_device_could_not_read_is_none() -> None:
    evidence = read(with_claims(iccid=None, imsi=None, cell=None, imei=None, status=16))
    assert evidence[4:8] == (None, None, None, None)


@pytest.mark.parametrize(
    "labels", [{"label_6": 1700000000}, {"label_265": PROFILE}, {"label_6": 1, "label_265": PROFILE}]
)
def test_optional_claims_are_taken(labels: dict[str, object]) -> None:
    assert read(with_claims(**labels)).iccid == ICCID


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"imei": bytes(7)}, Reason.IMEI_INVALID),
        ({"imei": b"\x86\x12\x34\x05\x00\x00"}, Reason.IMEI_INVALID),
        ({"imei": b"\x86\x12\x34\x05\x00\x00\x0a"}, Reason.IMEI_INVALID),
        ({"imei": b"\x86\x12\x34\x05\x00\x00\xff"}, Reason.IMEI_INVALID),
        ({"imei": 861234050000013}, Reason.IMEI_INVALID),
        ({"iccid": bytes.fromhex("898600123456789012")}, Reason.ICCID_INVALID),
        ({"iccid": bytes.fromhex("9868001032547698103f")}, Reason.ICCID_INVALID),
        ({"iccid": bytes.fromhex("89A60012345678901237")}, Reason.ICCID_INVALID),
        ({"iccid": bytes.fromhex("898600123456789fffff")}, Reason.ICCID_INVALID),
        ({"iccid": ICCID}, Reason.ICCID_INVALID),
        ({"imsi": bytes.fromhex("46000123456789ff")}, Reason.IMSI_INVALID),
        ({"imsi": bytes.fromhex("46000123456A890f")}, Reason.IMSI_INVALID),
        ({"cell": bytes(9)}, Reason.CELL_INVALID),
        ({"cell": bytes.fromhex("64f00074967f04546761")}, Reason.CELL_INVALID),
        ({"cell": [1, 2]}, Reason.CELL_INVALID),
        ({"cell": {}}, Reason.CELL_INVALID),
        ({"scenario": -1}, Reason.CLAIMS_INVALID),
        ({"scenario": 65536}, Reason.CLAIMS_INVALID),
        ({"scenario": True}, Reason.CLAIMS_INVALID),
        ({"status": "1"}, Reason.CLAIMS_INVALID),
        ({"label_10": b"short"}, Reason.CLAIMS_INVALID),
        ({"label_10": "eight888"}, Reason.CLAIMS_INVALID),
        ({"label_261": -1}, Reason.CLAIMS_INVALID),
        ({"label_267": 1 << 32}, Reason.CLAIMS_INVALID),
        ({"label_-70001": []}, Reason.CLAIMS_INVALID),
        ({"label_-70001": {}}, Reason.CLAIMS_INVALID),
        ({"label_99": 1}, Reason.CLAIMS_INVALID),
        ({"label_6": "now"}, Reason.CLAIMS_INVALID),
        ({"label_265": "tag:somebody.else,2026:other"}, Reason.CLAIMS_INVALID),
    ],
)
def test_each_wrong_claim_has_its_reason(changes: dict[str, object], reason: Reason) -> None:
    assert refusal(with_claims(**changes)) is reason


def test_hex_letters_are_digits_of_some_operators() -> None:
    assert read(with_claims(iccid=bytes.fromhex("898602F9091830030220"))).iccid == "898602F9091830030220"


@pytest.mark.parametrize("label", [10, 261, 267, -70001])
def test_a_missing_claim_is_refused(label: int) -> None:
    claims = DEVICE.claims(NONCE)
    del claims[label]
    assert refusal(DEVICE.sign(cbor2.dumps(claims, canonical=True))) is Reason.CLAIMS_INVALID


def test_the_outer_structure_has_reasons_too() -> None:
    good = DEVICE.evidence(NONCE)
    payload = cbor2.loads(good).value[2]
    assert refusal(b"") is Reason.TRUNCATED
    assert refusal(good[:100]) is Reason.TRUNCATED
    assert refusal(good + bytes(1025 - len(good))) is Reason.OVERSIZED
    assert refusal(good + b"\x00") is Reason.NOT_CANONICAL
    assert refusal(b"hello") is Reason.TRUNCATED
    assert refusal(b"\x1c") is Reason.MALFORMED
    assert refusal(cbor2.dumps([1, 2, 3, 4])) is Reason.WRONG_TAG
    assert refusal(DEVICE.sign(payload, tag=17)) is Reason.WRONG_TAG
    assert refusal(good[1:]) is Reason.WRONG_TAG
    for algorithm in (-35, -8, 5, None):
        assert refusal(DEVICE.sign(payload, header={1: algorithm, 4: DEVICE.kid})) is Reason.WRONG_ALGORITHM
    assert refusal(DEVICE.sign(payload, header={4: DEVICE.kid})) is Reason.WRONG_ALGORITHM
    assert refusal(DEVICE.sign(payload, header={1: -7})) is Reason.MALFORMED
    assert refusal(DEVICE.sign(payload, header={1: -7, 4: DEVICE.kid, 5: b"iv"})) is Reason.MALFORMED
    assert refusal(cbor2.dumps(cbor2.CBORTag(18, [1, 2, 3]))) is Reason.MALFORMED


def test_what_the_sim_signed_is_read_beside_it() -> None:
    plain = DEVICE.evidence(NONCE)
    evidence = read(SIM.countersign(plain))
    assert evidence._replace(statement=None) == read(plain)
    assert evidence.statement is not None
    assert is_stated_by(evidence.statement, SIM.point)
    assert not is_stated_by(evidence.statement, Sim().point)
    assert len(SIM.countersign(plain)) == len(plain) + 67


def unprotected(header: object) -> bytes:
    """Good Evidence with another unprotected header, in deterministic encoding."""
    protected, _, payload, signature = cbor2.loads(DEVICE.evidence(NONCE)).value
    return cbor2.dumps(cbor2.CBORTag(18, [protected, header, payload, signature]), canonical=True)


@pytest.mark.parametrize(
    "header",
    [
        {12: bytes(63)},
        {12: bytes(65)},
        {12: b""},
        {12: "x" * 64},
        {12: [bytes(64)]},
        {12: None},
        {11: [b"", {}, bytes(64)]},
        {9: bytes(64)},
        {12: bytes(64), 4: b"12345678"},
        {4: b"12345678"},
        [],
        [12, bytes(64)],
        None,
        b"",
    ],
)
def test_nothing_else_may_stand_in_the_unprotected_header(header: object) -> None:
    assert refusal(unprotected(header)) is Reason.MALFORMED


def test_the_unprotected_header_has_one_encoding() -> None:
    good = SIM.countersign(DEVICE.evidence(NONCE))
    at = good.index(b"\xa1\x0c\x58\x40")
    for other in (b"\xb8\x01\x0c\x58\x40", b"\xa1\x18\x0c\x58\x40", b"\xa1\x0c\x59\x00\x40"):
        assert refusal(good[:at] + other + good[at + 4 :]) is Reason.NOT_CANONICAL
    twice = b"\xa2" + good[at + 1 : at + 68] * 2
    assert refusal(good[:at] + twice + good[at + 68 :]) is Reason.DUPLICATE_KEY


@given(st.data())
def test_no_octet_can_be_cut_out_of_countersigned_evidence(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(COUNTERSIGNED) - 1))
    end = data.draw(st.integers(start + 1, len(COUNTERSIGNED)))
    with pytest.raises(BadEvidence):
        read(COUNTERSIGNED[:start] + COUNTERSIGNED[end:])


@given(st.integers(0, 8 * len(COUNTERSIGNED) - 1))
def test_a_flipped_bit_spoils_the_evidence_or_the_statement(bit: int) -> None:
    try:
        found = read(with_bit_flipped(COUNTERSIGNED, bit))
    except BadEvidence:
        return
    assert found.statement is not None
    assert not is_stated_by(found.statement, SIM.point)


def test_a_header_in_another_encoding_is_not_canonical() -> None:
    protected, unprotected, payload, signature = cbor2.loads(DEVICE.evidence(NONCE)).value
    swapped = b"\xa2\x04" + protected[4:] + b"\x01\x26"
    assert refusal(cbor2.dumps(cbor2.CBORTag(18, [swapped, unprotected, payload, signature]))) is Reason.NOT_CANONICAL


def test_a_payload_in_another_encoding_is_refused() -> None:
    claims = DEVICE.claims(NONCE)
    canonical = cbor2.dumps(claims, canonical=True)
    head, tail = canonical[:1], canonical[1:]
    nonce, rest = tail[:10], tail[10:]
    assert refusal(DEVICE.sign(head + rest + nonce)) is Reason.NOT_CANONICAL  # order
    assert refusal(DEVICE.sign(b"\xb8\x04" + tail)) is Reason.NOT_CANONICAL  # long head
    assert refusal(DEVICE.sign(b"\xbf" + tail + b"\xff")) is Reason.NOT_CANONICAL  # indefinite length
    assert refusal(DEVICE.sign(b"\xa5" + nonce + tail)) is Reason.DUPLICATE_KEY
    assert refusal(DEVICE.sign(canonical + b"\x00")) is Reason.NOT_CANONICAL
    assert refusal(DEVICE.sign(canonical[:-1])) is Reason.TRUNCATED
    assert refusal(DEVICE.sign(b"")) is Reason.TRUNCATED
    assert refusal(DEVICE.sign(b"\x80")) is Reason.CLAIMS_INVALID
    assert refusal(DEVICE.sign(b"\x81" * 900 + b"\x80")) in (Reason.MALFORMED, Reason.CLAIMS_INVALID)


def test_a_signature_by_another_key_is_refused() -> None:
    with pytest.raises(BadEvidence, match="signature-invalid"):
        read(DEVICE.evidence(NONCE), Attester())


@given(st.data())
def test_no_flipped_bit_survives(data: st.DataObject) -> None:
    message = DEVICE.sign(cbor2.dumps(DEVICE.claims(NONCE) | {261: 5}, canonical=True))
    bit = data.draw(st.integers(0, 8 * len(message) - 1))
    with pytest.raises(BadEvidence):
        read(with_bit_flipped(message, bit))


uint32 = st.integers(0, 2**32 - 1) | st.sampled_from([0, 23, 24, 255, 256, 65535, 65536])
uint16 = st.integers(0, 2**16 - 1) | st.sampled_from([0, 23, 24, 255, 256])


@given(uint32, uint32, uint16, uint16, st.tuples(*[st.booleans()] * 4), st.sampled_from([10, 12]))
def test_both_ways_of_reading_agree(
    uptime: int, bootcount: int, scenario: int, status: int, known: tuple[bool, ...], cell_octets: int
) -> None:
    """The usual claims are matched as octets; an optional claim takes the decoder. The same comes out."""
    claims = DEVICE.claims(NONCE)
    claims[261], claims[267] = uptime, bootcount
    cell = bytes.fromhex("64f00074962f04546761" if cell_octets == 10 else "1300622f8d0051c5ec30166c")
    values = [*claims[-70001][:3], cell]
    claims[-70001] = [v if k else None for v, k in zip(values, known, strict=True)] + [scenario, status]
    usual = read(DEVICE.sign(cbor2.dumps(claims, canonical=True)))
    assert usual == read(DEVICE.sign(cbor2.dumps(claims | {6: 1}, canonical=True)))
    assert (usual.uptime, usual.bootcount, usual.scenario, usual.status) == (uptime, bootcount, scenario, status)


@given(st.data())
def test_a_changed_octet_in_a_signed_payload_is_judged_alike(data: st.DataObject) -> None:
    """What the pattern takes, the decoder takes too: else there would be two encodings of one content."""
    payload = bytearray(cbor2.dumps(DEVICE.claims(NONCE) | {261: 5}, canonical=True))
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(DEVICE.sign(bytes(payload)))
    except BadEvidence:
        return
    assert cbor2.dumps(cbor2.loads(payload), canonical=True) == payload


@given(st.binary(max_size=1100))
def test_noise_is_refused_and_nothing_else_happens(noise: bytes) -> None:
    with pytest.raises(BadEvidence):
        read(noise)


@given(st.binary(max_size=300))
def test_a_signed_payload_of_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(BadEvidence):
        read(DEVICE.sign(noise))


@given(st.lists(st.sampled_from(["good", "long", "countersigned"]), max_size=5), st.binary(max_size=30))
def test_a_sequence_is_split_where_its_messages_end(kinds: list[str], tail: bytes) -> None:
    make = {
        "good": lambda: DEVICE.evidence(NONCE),
        "long": lambda: DEVICE.sign(bytes(300)),
        "countersigned": lambda: SIM.countersign(DEVICE.evidence(NONCE)),
    }
    messages = [make[kind]() for kind in kinds]
    found = split(b"".join(messages) + tail)
    assert found[: len(messages)] == messages
    assert b"".join(found) == b"".join(messages) + tail


def test_a_bad_message_in_a_sequence_takes_no_other_with_it() -> None:
    good = [DEVICE.evidence(NONCE) for _ in range(3)]
    bad = [cbor2.dumps(None), DEVICE.sign(b"", tag=17), cbor2.dumps([1, {2: 3}])]
    messages = [m for pair in zip(bad, good, strict=True) for m in pair]
    assert split(b"".join(messages)) == messages


def test_an_enrolment_request_proves_the_key() -> None:
    request = read_enrolment(DEVICE.enrolment())
    assert (request.kid, request.point) == (DEVICE.kid, DEVICE.point)
    assert request.imei == IMEI[:14]


def test_an_enrolment_request_carries_no_statement() -> None:
    with pytest.raises(BadEvidence, match="malformed"):
        read_enrolment(SIM.countersign(DEVICE.enrolment()))


def test_an_enrolment_request_for_somebody_elses_key_is_refused() -> None:
    """The attacker signs with his own key a request that names the victim's."""
    victim, attacker = Attester(), Attester()
    key = {1: 2, -1: 1, -2: victim.point[1:33], -3: victim.point[33:]}
    payload = cbor2.dumps({8: {1: key}, -70001: victim.binding()}, canonical=True)
    for header in ({1: -7, 4: victim.kid}, {1: -7, 4: attacker.kid}):
        with pytest.raises(BadEvidence, match="signature-invalid"):
            read_enrolment(attacker.sign(payload, header=header))


@pytest.mark.parametrize(
    "cnf",
    [
        None,
        {},
        {1: {}},
        {1: {1: 2, -1: 1, -2: b"", -3: b""}},
        {1: {1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}},
        {1: {1: 2, -1: 1, -2: 5, -3: 6}},
        {1: {1: 1, -1: 1, -2: DEVICE.point[1:33], -3: DEVICE.point[33:]}},
        {1: {1: 2, -1: 1, -2: DEVICE.point[1:33], -3: DEVICE.point[33:], 9: 9}},
        {1: [1, 2]},
    ],
)
def test_a_request_without_a_proper_key_is_refused(cnf: object) -> None:
    payload = cbor2.dumps({8: cnf, -70001: DEVICE.binding()}, canonical=True)
    with pytest.raises(BadEvidence, match="claims-invalid"):
        read_enrolment(DEVICE.sign(payload))


def test_evidence_for_somebody_on_site_and_evidence_for_the_verifier_do_not_pass_for_each_other() -> None:
    challenge = bytes(range(16))
    on_site = open_envelope(DEVICE.evidence(challenge))
    assert read_field_claims(on_site).nonce == challenge
    with pytest.raises(BadEvidence, match="claims-invalid"):
        read_claims(on_site)
    with pytest.raises(BadEvidence, match="claims-invalid"):
        read_field_claims(open_envelope(DEVICE.evidence(NONCE)))
