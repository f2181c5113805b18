"""Evidence over HTTP, most of it bad: each kind has its own reason, is counted and logged, and changes nothing."""

from collections.abc import Callable, Iterator

import cbor2
import pytest

from simbond_agent import claims
from support.attester import Attester
from support.damage import flipped, with_bit_flipped
from support.field import Field, new_device
from support.server import VerifierServer

AFFIRMING = (2, [])
CONTRAINDICATED = 96


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with VerifierServer(tmp_path_factory.mktemp("verifier")) as server, Field(server) as made:
        made.server.token("viewer")
        yield made


@pytest.fixture
def meter(field: Field) -> Attester:
    """A bound device that has attested before."""
    device = new_device(uptime=100)
    field.bind(device)
    assert field.attest(device).verdict == AFFIRMING
    return device


Bad = Callable[[Attester, bytes], bytes]


def signed(change: Callable[[dict[int, object]], object]) -> Bad:
    """Evidence by the right key over claims that were changed."""

    def make(device: Attester, nonce: bytes) -> bytes:
        found = device.claims(nonce)
        change(found)
        return device.sign(cbor2.dumps(found, canonical=True))

    return make


def bound(position: int, value: object) -> Bad:
    """The same with one member of the binding changed."""

    def change(found: dict[int, object]) -> None:
        binding = found[claims.BINDING]
        assert isinstance(binding, list)
        binding[position] = value

    return signed(change)


def payload(change: Callable[[bytes], bytes]) -> Bad:
    """Evidence by the right key over other octets than the canonical ones."""
    return lambda device, nonce: device.sign(change(cbor2.dumps(device.claims(nonce), canonical=True)))


def outer(change: Callable[[bytes], bytes]) -> Bad:
    return lambda device, nonce: change(device.evidence(nonce))


def unprotected(octets: bytes) -> Callable[[bytes], bytes]:
    """Puts octets in the place of the empty map behind the protected header."""

    def change(message: bytes) -> bytes:
        at = 3 + message[2] - 0x40  # tag, array, and a byte string with its length in its first octet
        assert message[at : at + 1] == b"\xa0"
        return message[:at] + octets + message[at + 1 :]

    return change


def header(change: dict[int, object]) -> Bad:
    def make(device: Attester, nonce: bytes) -> bytes:
        found = {1: -7, 4: device.kid} | change
        kept = {k: v for k, v in found.items() if v is not None}
        return device.sign(cbor2.dumps(device.claims(nonce), canonical=True), header=kept)

    return make


def reordered(octets: bytes) -> bytes:
    found = cbor2.loads(octets)
    return cbor2.dumps(dict(reversed(found.items())))


def by_another_key(device: Attester, nonce: bytes) -> bytes:
    forger = Attester(imei=device.imei, iccid=device.iccid, imsi=device.imsi, uptime=device.uptime)
    forger.kid = device.kid
    return forger.evidence(nonce)


def earlier(**counters: int) -> Bad:
    def make(device: Attester, nonce: bytes) -> bytes:
        for name, change in counters.items():
            setattr(device, name, getattr(device, name) + change)
        return device.evidence(nonce)

    return make


def again(device: Attester, nonce: bytes) -> bytes:
    device.uptime -= 1  # `claims` adds it
    return device.evidence(nonce)


BAD: dict[str, tuple[Bad, str]] = {
    "nothing": (lambda device, nonce: b"", "truncated"),
    "first octet": (outer(lambda m: m[:1]), "truncated"),
    "half": (outer(lambda m: m[: len(m) // 2]), "truncated"),
    "all but the last octet": (outer(lambda m: m[:-1]), "truncated"),
    "claims cut short": (payload(lambda p: p[:-1]), "truncated"),
    "too long": (outer(lambda m: m + bytes(1025 - len(m))), "oversized"),
    "far too long": (outer(lambda m: m * 2000), "oversized"),
    "as long as allowed": (outer(lambda m: m + bytes(1024 - len(m))), "not-canonical"),
    "one octet more": (outer(lambda m: m + b"\0"), "not-canonical"),
    "text": (lambda device, nonce: b"hello", "truncated"),
    "an empty COSE_Sign1": (lambda device, nonce: bytes.fromhex("d280"), "malformed"),
    "nested without end": (lambda device, nonce: b"\x81" * 1024, "malformed"),
    "length of 2^64": (lambda device, nonce: b"\xd2\x5b" + b"\xff" * 8, "truncated"),
    "longer form outside": (outer(lambda m: m[:-66] + b"\x59\x00\x40" + m[-64:]), "not-canonical"),
    "indefinite length outside": (outer(lambda m: b"\xd2\x9f" + m[2:] + b"\xff"), "not-canonical"),
    "keys out of order": (payload(reordered), "not-canonical"),
    "longer form inside": (payload(lambda p: p.replace(b"\x19\x01\x0b\x01", b"\x19\x01\x0b\x18\x01")), "not-canonical"),
    "indefinite length inside": (payload(lambda p: b"\xbf" + p[1:] + b"\xff"), "not-canonical"),
    "nonce twice": (payload(lambda p: b"\xa5" + p[1:11] + p[1:]), "duplicate-key"),
    "claims behind the claims": (payload(lambda p: p + p), "not-canonical"),
    "no tag": (outer(lambda m: m[1:]), "wrong-tag"),
    "COSE_Mac0": (outer(lambda m: b"\xd1" + m[1:]), "wrong-tag"),
    "CWT around it": (outer(lambda m: b"\xd8\x3d" + m), "wrong-tag"),
    "EdDSA": (header({1: -8}), "wrong-algorithm"),
    "ES512": (header({1: -36}), "wrong-algorithm"),
    "HMAC by the public key": (header({1: 5}), "wrong-algorithm"),
    "no algorithm": (header({1: None}), "wrong-algorithm"),
    "no kid": (header({4: None}), "malformed"),
    "short kid": (header({4: b"1234567"}), "malformed"),
    "critical header": (header({2: [99]}), "malformed"),
    "unprotected header": (outer(unprotected(b"\xa1\x04\x41\x00")), "malformed"),
    "countersignature cut short": (outer(unprotected(b"\xa1\x0c\x41\x00")), "malformed"),
    "key that nobody enrolled": (lambda device, nonce: Attester().evidence(nonce), "key-unknown"),
    "another key under this kid": (by_another_key, "signature-invalid"),
    "bit of the signature": (outer(flipped), "signature-invalid"),
    "signature of zeros": (outer(lambda m: m[:-64] + bytes(64)), "signature-invalid"),
    "bit of the claims": (outer(lambda m: flipped(m, -70)), "signature-invalid"),
    "nonce that nobody issued": (signed(lambda c: c.update({10: b"12345678"})), "nonce-wrong"),
    "nonce of another size": (signed(lambda c: c.update({10: bytes(7)})), "claims-invalid"),
    "the same counters": (again, "replayed"),
    "uptime back": (earlier(uptime=-50), "counter-back"),
    "bootcount back": (earlier(bootcount=-1, uptime=1000), "counter-back"),
    "uptime of 33 bits": (signed(lambda c: c.update({261: 1 << 32})), "claims-invalid"),
    "negative bootcount": (signed(lambda c: c.update({267: -1})), "claims-invalid"),
    "bootcount as text": (signed(lambda c: c.update({267: "2"})), "claims-invalid"),
    "no binding": (signed(lambda c: c.pop(claims.BINDING)), "claims-invalid"),
    "a claim too many": (signed(lambda c: c.update({2: "sub"})), "claims-invalid"),
    "binding of five": (signed(lambda c: c.update({claims.BINDING: [None] * 5})), "claims-invalid"),
    "scenario as text": (bound(claims.SCENARIO, "1"), "claims-invalid"),
    "IMEI with letters": (bound(claims.IMEI, bytes.fromhex("8612340500001a")), "imei-invalid"),
    "IMEI too short": (bound(claims.IMEI, bytes(6)), "imei-invalid"),
    "IMEI of zeros": (bound(claims.IMEI, bytes(7)), "imei-invalid"),
    "IMEI as text": (bound(claims.IMEI, "86123405000001"), "imei-invalid"),
    "ICCID with letters": (bound(claims.ICCID, bytes.fromhex("89a60012345678901237")), "iccid-invalid"),
    "ICCID too short": (bound(claims.ICCID, bytes.fromhex("8986001234567890ffff")), "iccid-invalid"),
    "ICCID of another industry": (bound(claims.ICCID, bytes.fromhex("45860012345678901237")), "iccid-invalid"),
    "ICCID of 21 digits": (bound(claims.ICCID, bytes.fromhex("8986001234567890123712")), "iccid-invalid"),
    "IMSI with letters": (bound(claims.IMSI, bytes.fromhex("46000a234567890f")), "imsi-invalid"),
    "IMSI too short": (bound(claims.IMSI, bytes.fromhex("46000fffffffffff")), "imsi-invalid"),
    "cell of another size": (bound(claims.CELL, bytes(9)), "cell-invalid"),
    "cell as text": (bound(claims.CELL, "64f000"), "cell-invalid"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_evidence(field: Field, meter: Attester, what: str) -> None:
    make, reason = BAD[what]
    message = make(meter, field.nonce(meter))
    tables, counted, logged = field.dump(), field.metrics(), len(field.log())

    answer = field.send(message)

    assert answer.verdict == (CONTRAINDICATED, [reason])
    assert answer.status == (413 if reason == "oversized" else 200)
    assert field.dump() == tables
    counted.update({f'simbond_evidence_reason_total{{reason="{reason}"}}': 1})
    counted.update({'simbond_evidence_total{tier="contraindicated"}': 1})
    assert field.metrics() == counted
    (line,) = field.log()[logged:]
    assert (line["reasons"], line["tier"]) == ([reason], "contraindicated")
    assert line["message"] == answer.message_id
    assert answer.message_id


def test_an_old_nonce(field: Field, meter: Attester) -> None:
    tables = field.dump()
    assert field.attest(meter, field.nonce_of(meter, age_s=-60)).reasons == ["nonce-wrong"], "of the future"
    other = new_device()
    assert field.attest(meter, field.nonce(other)).reasons == ["nonce-wrong"], "of another device"
    assert field.dump() == tables
    assert field.attest(meter, field.nonce_of(meter, age_s=4100)).verdict == AFFIRMING


def test_what_waited_for_the_network_is_taken_late(field: Field, meter: Attester) -> None:
    waited = [meter.evidence(field.nonce_of(meter, age_s=4300)), meter.evidence(bytes(8))]
    for message in waited:
        late = field.send(message)
        assert (late.verdict, late.interval_s, late.message_id) == ((0, ["late"]), 0, None)
    assert field.send(waited[0]).reasons == ["counter-back"]
    assert late.nonce is not None
    assert field.attest(meter, late.nonce).verdict == AFFIRMING
    assert field.history(meter.iccid)[-1]["kind"] == "bind"


def test_a_revoked_key(field: Field, meter: Attester) -> None:
    with field.server.api() as api:
        api.post(f"/v1/devices/{meter.kid.hex()}/revoke", {"reason": "lost"})
    tables = field.dump()
    answer = field.attest(meter)
    assert answer.verdict == (CONTRAINDICATED, ["key-revoked"])
    assert answer.message_id
    assert field.dump() == tables


def test_no_flipped_bit_is_taken_for_good(field: Field, meter: Attester) -> None:
    message = meter.evidence(field.nonce(meter))
    tables = field.dump()
    for bit in range(0, 8 * len(message), 7):
        answer = field.send(with_bit_flipped(message, bit))
        assert answer.tier == CONTRAINDICATED
    assert field.dump() == tables
    assert field.send(message).verdict == AFFIRMING


def test_evidence_counts_once(field: Field, meter: Attester) -> None:
    message = meter.evidence(field.nonce(meter))
    first, second = field.send(message), field.send(message)
    assert first.verdict == AFFIRMING
    assert first.message_id is None, "its number in the database names it"
    assert second.reasons == ["replayed"]
    assert field.history(meter.iccid)[-1]["kind"] == "bind", "affirming a bound card is no news"


def test_every_answer_carries_the_next_nonce(field: Field, meter: Attester) -> None:
    nonce = field.nonce(meter)
    for _ in range(3):
        answer = field.attest(meter, nonce)
        assert answer.verdict == AFFIRMING
        assert answer.nonce is not None
        nonce = answer.nonce
    refused = field.attest(meter, b"12345678")
    assert refused.nonce is not None, "also a refused one, or the device could not go on"
    assert field.attest(meter, refused.nonce).verdict == AFFIRMING
    assert field.send(b"").nonce is None, "but not where no key was named"


# The challenge endpoint


def test_a_challenge_does_not_tell_which_keys_are_enrolled(field: Field, meter: Attester) -> None:
    known, unknown = field.post("/v1/challenge", meter.kid), field.post("/v1/challenge", bytes(8))
    answers = [cbor2.loads(r.content) for r in (known, unknown)]
    for answer in answers:
        assert len(answer.pop(10)) == 8
    assert answers[0] == answers[1]
    assert known.headers == unknown.headers


@pytest.mark.parametrize("size", [0, 7, 9, 16, 100_000])
def test_a_challenge_for_what_is_no_key_id(field: Field, size: int) -> None:
    response = field.post("/v1/challenge", bytes(size))
    assert (response.status_code, response.json()["type"]) == (400, "urn:simbond:problem:kid-invalid")


@pytest.mark.parametrize("path", ["/v1/evidence", "/v1/evidence/batch", "/v1/challenge", "/v1/rotation"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_the_device_endpoints_take_posts_only(field: Field, path: str, method: str) -> None:
    response = field.http.request(method, path)
    assert (response.status_code, response.headers["content-type"]) == (405, "application/problem+json")
    assert response.headers["allow"] == "POST"


# The batch endpoint


def test_a_batch_is_answered_in_its_order(field: Field, meter: Attester) -> None:
    other, stranger = new_device(), Attester()
    field.bind(other)
    nonce, others = field.nonce(meter), field.nonce(other)
    replayed = meter.evidence(nonce)
    messages = [
        replayed,
        other.evidence(others),
        by_another_key(meter, nonce),
        replayed,
        stranger.evidence(nonce),
        meter.evidence(nonce),
        other.evidence(nonce),
        other.evidence(others),
    ]
    answers = field.send_batch(*messages)
    assert [a.reasons for a in answers] == [
        [],
        [],
        ["signature-invalid"],
        ["replayed"],
        ["key-unknown"],
        [],
        ["nonce-wrong"],
        [],
    ]
    assert [a.nonce is not None for a in answers] == [True] * 8


def test_a_batch_damaged_in_the_middle(field: Field) -> None:
    """What cannot be told apart any more is one message; what came before it counts."""
    a, b, c = (new_device() for _ in range(3))
    field.bind(a, b, c)
    messages = [d.evidence(field.nonce(d)) for d in (a, b, c)]
    answers = field.send_batch(messages[0], b"\xff" + messages[1][1:], messages[2])
    assert [x.tier for x in answers] == [2, CONTRAINDICATED]
    assert [x.verdict for x in field.send_batch(messages[1], messages[2][:-1])] == [
        AFFIRMING,
        (CONTRAINDICATED, ["truncated"]),
    ]
    assert [x.verdict for x in field.send_batch(*messages)] == [
        (CONTRAINDICATED, ["replayed"]),
        (CONTRAINDICATED, ["replayed"]),
        AFFIRMING,
    ]


def test_the_refused_ones_of_a_batch_are_logged_each(field: Field, meter: Attester) -> None:
    logged = len(field.log())
    field.send_batch(*[Attester().evidence(bytes(8)) for _ in range(3)], meter.evidence(field.nonce(meter)))
    lines = field.log()[logged:]
    assert [line["reasons"] for line in lines] == [["key-unknown"]] * 3
    assert len({line["message"] for line in lines}) == 3


def test_what_a_batch_may_hold(field: Field, meter: Attester) -> None:
    assert field.post("/v1/evidence/batch", b"").content == b""
    message = meter.evidence(field.nonce(meter))
    answers = field.send_batch(*[message] * 1000)
    assert answers[0].verdict == AFFIRMING
    assert {tuple(a.reasons) for a in answers[1:]} == {("replayed",)}
    tables = field.dump()
    for body in (message * 1001, bytes(256 * 1024 + 1), message * 4000):
        response = field.post("/v1/evidence/batch", body)
        assert (response.status_code, response.json()["type"]) == (413, "urn:simbond:problem:batch-too-large")
    assert field.dump() == tables


def test_many_kinds_of_bad_messages_in_one_batch(field: Field, meter: Attester) -> None:
    """All that a sequence can still tell apart, and that says the same in whatever order it comes."""
    head = meter.evidence(bytes(8))[:8]
    elsewhere = {"truncated", "malformed", "oversized", "not-canonical", "replayed", "counter-back"}
    chosen = [(make(meter, field.nonce(meter)), reason) for make, reason in BAD.values() if reason not in elsewhere]
    chosen = [(message, reason) for message, reason in chosen if message.startswith(head)]
    tables = field.dump()
    answers = field.send_batch(*(message for message, _ in chosen))
    assert len(chosen) > 20
    assert [a.reasons for a in answers] == [[reason] for _, reason in chosen]
    assert field.dump() == tables
