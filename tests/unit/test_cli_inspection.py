"""What `simbond evidence inspect` finds in good, broken and hostile messages."""

import json

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_agent import claims
from simbond_tools.cli.explain import explain
from simbond_tools.cli.inspection import Inspection, Kind, Verdict, inspect
from simbond_tools.cli.salvage import salvage
from simbond_verifier.envelope import BadEvidence, open_envelope
from simbond_verifier.evidence import read_claims
from simbond_verifier.reasons import Reason
from support.attester import ICCID, IMEI, IMSI, Attester, Sim
from support.damage import flipped

NONCE = bytes(range(8))
ATTESTER = Attester(status=claims.KEY_SECURE_ELEMENT | claims.SIM_CHANGED | claims.TAMPER)
EVIDENCE = ATTESTER.evidence(NONCE)
ENROLMENT = ATTESTER.enrolment()
RESULT = cbor2.dumps({1: 96, 2: ["foreign-device"], 4: 0, 10: NONCE})


def words(found: Inspection) -> dict[str, str]:
    return dict(explain(found))


def altered(**binding: object) -> bytes:
    """Evidence, well signed, with other elements in its binding."""
    claimed = ATTESTER.claims(NONCE)
    names = ("imei", "iccid", "imsi", "cell", "scenario", "status")
    claimed[claims.BINDING] = [binding.get(name, value) for name, value in zip(names, ATTESTER.binding(), strict=True)]
    return ATTESTER.sign(cbor2.dumps(claimed, canonical=True))


def test_good_evidence_with_its_key_is_verified_and_every_claim_is_named() -> None:
    found = inspect(EVIDENCE, ATTESTER.point)

    assert (found.kind, found.verdict, found.reason) == (Kind.EVIDENCE, Verdict.VERIFIED, None)
    assert found.kid == ATTESTER.kid.hex()
    assert found.unreadable == {}
    assert found.claims == {
        "nonce": NONCE.hex(),
        "bootcount": 1,
        "uptime_s": 1,
        "imei": IMEI[:14],
        "iccid": ICCID,
        "imsi": IMSI,
        "cell": {"rat": "LTE", "plmn": "46000", "tac": 29846, "cell_id": 251941991, "rsrp_dbm": -97},
        "scenario": 1,
        "key_protection": "secure-element",
        "flags": ["sim-changed", "tamper"],
    }


def test_without_a_key_nothing_is_claimed_to_be_proved() -> None:
    found = inspect(EVIDENCE)

    assert found.verdict is Verdict.UNVERIFIED
    assert "nothing is proved" in found.explanation


def test_words_are_in_plain_units() -> None:
    told = words(inspect(EVIDENCE))

    assert "printed as 861234050000010" in told["IMEI"]
    assert told["serving cell"].startswith(
        "LTE, network 460 00, TAC 29846, cell 251941991 (eNodeB 984148, its cell 103)"
    )
    assert told["serving cell"].endswith("-97 dBm")
    assert "cannot be read out" in told["key protection"]
    assert "the device was opened" in told["flags"]
    assert "only that verifier can tell how old it is" in told["nonce"]


def test_what_the_device_could_not_read_is_said_so() -> None:
    told = words(inspect(altered(iccid=None, imsi=None, cell=None, status=claims.TRAY_EMPTY)))

    assert told["ICCID"] == told["IMSI"] == told["serving cell"] == "the device could not read it"
    assert "no card in the tray" in told["flags"]


def test_a_flipped_bit_in_the_signature_is_found_with_the_key() -> None:
    forged = flipped(EVIDENCE)

    found = inspect(forged, ATTESTER.point)

    assert (found.verdict, found.reason) == (Verdict.BAD, Reason.SIGNATURE_INVALID)
    assert found.claims["iccid"] == ICCID


def test_another_devices_key_is_not_taken_for_a_forgery() -> None:
    found = inspect(EVIDENCE, Attester().point)

    assert found.reason is Reason.KEY_UNKNOWN
    assert "another key" in found.explanation


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (EVIDENCE[:-70], Reason.TRUNCATED),
        (EVIDENCE + b"\0", Reason.NOT_CANONICAL),
        (ATTESTER.sign(cbor2.dumps(ATTESTER.claims(NONCE), canonical=True), tag=98), Reason.WRONG_TAG),
        (ATTESTER.sign(cbor2.dumps({10: NONCE}), header={1: -35, 4: ATTESTER.kid}), Reason.WRONG_ALGORITHM),
        (altered(imei=b"\xaa" * 7), Reason.IMEI_INVALID),
        (altered(iccid=b"\x12" * 10), Reason.ICCID_INVALID),
        (altered(imsi="46000"), Reason.IMSI_INVALID),
        (altered(cell=b"cell"), Reason.CELL_INVALID),
        (altered(scenario=-1), Reason.CLAIMS_INVALID),
        (altered(status="\x1b[2J"), Reason.CLAIMS_INVALID),
        (b"\xd2" * 2000, Reason.OVERSIZED),
        (b"", Reason.TRUNCATED),
    ],
)
def test_a_broken_message_gets_the_reason_that_the_verifier_gives(message: bytes, reason: Reason) -> None:
    with pytest.raises(BadEvidence) as refused:
        read_claims(open_envelope(message))
    assert refused.value.reason is reason

    found = inspect(message)

    assert (found.verdict, found.reason) == (Verdict.BAD, reason)


def test_of_a_cut_message_everything_before_the_cut_is_shown() -> None:
    cut = EVIDENCE.index(bytes.fromhex(IMSI + "F")) + 3

    found = inspect(EVIDENCE[:cut])

    assert found.kid == ATTESTER.kid.hex()
    assert found.claims == {
        "nonce": NONCE.hex(),
        "bootcount": 1,
        "uptime_s": 1,
        "imei": IMEI[:14],
        "iccid": ICCID,
    }
    assert found.unreadable == {"imsi": "h'460001'"}


def test_a_claim_that_breaks_the_profile_is_shown_beside_the_good_ones() -> None:
    found = inspect(altered(imei=b"\xaa" * 7))

    assert found.unreadable == {"imei": "h'aaaaaaaaaaaaaa'"}
    assert found.claims["iccid"] == ICCID
    assert "not as the profile wants it" in words(found)["imei?"]


def test_an_enrolment_request_proves_itself() -> None:
    found = inspect(ENROLMENT)

    assert (found.kind, found.verdict) == (Kind.ENROLMENT, Verdict.VERIFIED)
    assert found.claims["public_key"] == ATTESTER.point.hex()
    assert "second voice" in found.explanation


def test_a_forged_enrolment_request_is_bad() -> None:
    found = inspect(flipped(ENROLMENT))

    assert (found.kind, found.reason) == (Kind.ENROLMENT, Reason.SIGNATURE_INVALID)


def test_an_enrolment_request_of_another_key_than_the_given_one_is_bad() -> None:
    assert inspect(ENROLMENT, Attester().point).reason is Reason.KEY_UNKNOWN


def test_a_verifiers_result_is_explained() -> None:
    found = inspect(RESULT)
    told = words(found)

    assert (found.kind, found.verdict) == (Kind.RESULT, Verdict.UNVERIFIED)
    assert told["verdict"] == "contraindicated"
    assert "second source agrees" in told["reasons"]
    assert told["attest again"] == "at once"
    assert told["next nonce"] == NONCE.hex()


@pytest.mark.parametrize(
    "answer",
    [
        {1: 96, 2: "abc", 4: 0},
        {1: 96, 2: [7], 4: 0},
        {1: 96, 2: [], 4: "0"},
        {1: 96, 2: [], 4: 0, 10: 5},
        {1: 95, 2: [], 4: 0},
        {1: 96, 2: []},
        {1: 96, 2: [], 4: 0, 11: 0},
        [0, 96, [], 0, 0],
    ],
)
def test_what_only_resembles_a_result_is_none(answer: object) -> None:
    assert inspect(cbor2.dumps(answer)).kind is Kind.UNKNOWN


def test_shared_references_do_not_expand() -> None:
    """A general decoder makes a tree of 2^40 leaves of these 320 octets."""
    nodes = b"\xd8\x1c\x81\x00" + b"".join(b"\xd8\x1c\x82" + (b"\xd8\x1d" + cbor2.dumps(i)) * 2 for i in range(40))
    bomb = b"\x98\x29" + nodes

    assert inspect(b"\xa3\x01\x02\x02" + bomb + b"\x04\x00").kind is Kind.UNKNOWN
    assert inspect(ATTESTER.sign(b"\xa1\x0a" + bomb)).reason is Reason.CLAIMS_INVALID


damaged = st.builds(
    lambda message, at, octet, end: (message[:at] + bytes([octet]) + message[at + 1 :])[:end],
    st.sampled_from([EVIDENCE, ENROLMENT, RESULT]),
    st.integers(0, 220),
    st.integers(0, 255),
    st.integers(0, 250),
)


@given(st.one_of(damaged, st.binary(max_size=300)))
def test_no_message_breaks_the_inspection(message: bytes) -> None:
    for point in (None, ATTESTER.point):
        found = inspect(message, point)
        json.dumps(found._asdict())
        explain(found)
        assert (found.reason is None) == (found.verdict is not Verdict.BAD)


@given(st.integers(0, len(EVIDENCE)))
def test_what_is_salvaged_grows_with_the_message(end: int) -> None:
    some, all_of_it = salvage(EVIDENCE[:end]).payload, salvage(EVIDENCE).payload

    assert list(some) == list(all_of_it)[: len(some)]


def test_deep_nesting_is_cut_short() -> None:
    assert salvage(b"\xd2\x84\x40\xa0\x58\xff" + b"\x81" * 255).payload == {}


def test_a_message_of_nothing_but_tags_is_no_message() -> None:
    assert inspect(b"\xd2" * claims.MAX_OCTETS).kind is Kind.UNKNOWN


def test_what_a_sim_signed_is_said_and_left_to_the_verifier() -> None:
    found = inspect(Sim().countersign(EVIDENCE), ATTESTER.point)

    assert (found.kind, found.verdict) == (Kind.EVIDENCE, Verdict.VERIFIED)
    assert found.claims == inspect(EVIDENCE).claims | {"sim_statement": "unchecked"}
    assert "only the verifier checks it" in words(found)["SIM statement"]


def test_a_profile_change_is_told_from_a_move() -> None:
    found = inspect(altered(status=claims.SIM_CHANGED | claims.SAME_HARDWARE))

    assert found.claims["flags"] == ["sim-changed", "same-hardware"]
    assert "another profile of the same eUICC" in words(found)["flags"]


@pytest.mark.parametrize(("key", "verdict"), [(True, Verdict.VERIFIED), (False, Verdict.UNVERIFIED)])
def test_a_rotation_names_the_next_key(key: bool, verdict: Verdict) -> None:
    successor = ATTESTER.successor()
    message = ATTESTER.rotation(NONCE, successor.enrolment())

    found = inspect(message, ATTESTER.point if key else None)

    assert (found.kind, found.verdict, found.kid) == (Kind.ROTATION, verdict, ATTESTER.kid.hex())
    assert found.claims["next_kid"] == successor.kid.hex()
    assert successor.kid.hex() in words(found)["next key"]


def test_a_rotation_to_a_key_that_does_not_prove_itself_is_bad() -> None:
    request = ATTESTER.successor().enrolment()

    found = inspect(ATTESTER.rotation(NONCE, flipped(request)), ATTESTER.point)

    assert (found.kind, found.verdict, found.reason) == (Kind.ROTATION, Verdict.BAD, Reason.NEXT_KEY_INVALID)
    assert "next_kid" in found.unreadable
