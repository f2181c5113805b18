"""Tickets, bundles, proofs: what the verifier did not sign, or the device not for it, proves nothing."""

import re
from pathlib import Path

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycddl import Schema, ValidationError

from simbond_verifier.envelope import BadEvidence, open_envelope
from simbond_verifier.evidence import read_claims, read_field_claims
from simbond_verifier.reasons import Reason
from simbond_verifier.work_orders import bundle as bundles
from simbond_verifier.work_orders import ticket as tickets
from simbond_verifier.work_orders.finding import Finding, Judgement, KnownDevice, Standing, judge
from simbond_verifier.work_orders.proof import (
    PREFIX,
    Proof,
    base45,
    digest,
    from_base45,
    from_text,
    to_text,
    without_statement,
)
from simbond_verifier.work_orders.ticket import NotGenuine
from support.attester import ICCID, Attester, Sim
from support.damage import flipped
from support.work_orders import DAY_S, NOW, Office, answer, known

CDDL = (Path(__file__).parents[2] / "docs" / "work-orders.cddl").read_text()
OFFICE = Office()
POINTS = [OFFICE.key.public.point]
DEVICE = Attester()
OTHER = Attester("861234050000021", "89860012345678901245", "460001234567891")
SIGNED = OFFICE.issue(DEVICE)


def found(proof: Proof, devices: dict[bytes, KnownDevice] | None = None, now: float = NOW + 60) -> Finding:
    return judged(proof, devices, now).finding


def judged(proof: Proof, devices: dict[bytes, KnownDevice] | None = None, now: float | None = NOW + 60) -> Judgement:
    return judge(proof, POINTS, known(DEVICE) if devices is None else devices, now)


def fits(message: bytes, rule: str, header: str, payload: str) -> None:
    """A COSE_Sign1. The library takes a .cbor control on one array item for one on all of them: contents are checked on
    their own."""
    Schema(f"start = {rule}\n" + re.sub(r" \.cbor [a-z-]+", "", CDDL)).validate_cbor(message)
    parts = cbor2.loads(message).value
    Schema(f"start = {header}\n{CDDL}").validate_cbor(parts[0])
    Schema(f"start = {payload}\n{CDDL}").validate_cbor(parts[2])


def test_the_bound_device_with_its_card_is_confirmed() -> None:
    proof = answer(SIGNED, DEVICE)
    assert found(proof) is Finding.CONFIRMED
    assert judged(proof).evidence.iccid == ICCID
    assert found(proof, {}) is Finding.CONFIRMED, "the ticket vouches for the key by itself"


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"iccid": OTHER.iccid}, Finding.OTHER_CARD),
        ({"iccid": None, "status": 16}, Finding.TRAY_EMPTY),
        ({"iccid": None}, Finding.CARD_UNREADABLE),
        ({"imei": OTHER.imei}, Finding.IMEI_DIFFERS),
        ({"imei": ""}, Finding.IMEI_UNREADABLE),
    ],
)
def test_what_the_device_says_otherwise(changes: dict[str, object], finding: Finding) -> None:
    device = DEVICE.successor(key=DEVICE.key, **changes)
    assert found(answer(SIGNED, device)) is finding


def test_the_second_slot_is_the_same_device() -> None:
    signed = OFFICE.issue(DEVICE, imei2=OTHER.imei[:14])
    assert found(answer(signed, DEVICE.successor(key=DEVICE.key, imei=OTHER.imei))) is Finding.CONFIRMED


def test_another_device_that_claims_the_card() -> None:
    liar = OTHER.successor(key=OTHER.key, iccid=DEVICE.iccid, imei=DEVICE.imei)
    assert found(answer(SIGNED, liar), known(DEVICE, OTHER)) is Finding.OTHER_DEVICE
    assert judged(answer(SIGNED, liar), known(DEVICE)).finding is Finding.KEY_UNKNOWN
    assert judged(answer(SIGNED, liar), known(DEVICE)).evidence is None, "nothing that it says is worth anything"


def test_another_key_under_the_device_s_name() -> None:
    forger = DEVICE.successor()
    forger.kid = DEVICE.kid
    assert found(answer(SIGNED, forger)) is Finding.SIGNATURE_BAD


@pytest.mark.parametrize("standing", [Standing.REVOKED, Standing.RETIRED])
def test_a_key_that_is_good_for_nothing_any_more(standing: Standing) -> None:
    assert found(answer(SIGNED, DEVICE), known(DEVICE, standing=standing)) is Finding.KEY_REVOKED


def test_a_copy_of_the_key_that_is_behind_the_device() -> None:
    behind = DEVICE.successor(key=DEVICE.key, bootcount=3, uptime=99)
    assert found(answer(SIGNED, behind), known(DEVICE, counters=(3, 100))) is Finding.OLDER
    assert found(answer(SIGNED, behind), known(DEVICE, counters=(3, 100))) is Finding.CONFIRMED


def test_evidence_that_was_recorded_before_the_order_was_issued() -> None:
    """Whatever challenge somebody had the device sign then: the ticket's is not known before the verifier signs it."""
    yesterday = OFFICE.issue(DEVICE, issued=NOW - DAY_S)
    recorded = answer(yesterday, DEVICE).evidence
    assert found(Proof(SIGNED, recorded)) is Finding.CHALLENGE_WRONG
    again = OFFICE.issue(DEVICE)
    assert again != SIGNED, "two tickets of the same words have challenges of their own"
    assert found(Proof(again, answer(SIGNED, DEVICE).evidence)) is Finding.CHALLENGE_WRONG


def test_a_result_for_another_order() -> None:
    assert found(Proof(OFFICE.issue(DEVICE, order=2), answer(SIGNED, DEVICE).evidence)) is Finding.CHALLENGE_WRONG


def test_evidence_for_the_verifier_itself_is_no_answer_to_a_ticket() -> None:
    assert found(Proof(SIGNED, DEVICE.evidence(tickets.challenge(SIGNED)[:8]))) is Finding.EVIDENCE_BAD


def test_an_answer_to_a_ticket_is_no_evidence_for_the_verifier() -> None:
    envelope = open_envelope(answer(SIGNED, DEVICE).evidence)
    assert read_field_claims(envelope).nonce == tickets.challenge(SIGNED)
    with pytest.raises(BadEvidence, match=Reason.CLAIMS_INVALID):
        read_claims(envelope)


def test_a_ticket_has_its_time() -> None:
    proof = answer(SIGNED, DEVICE)
    assert found(proof, now=NOW + DAY_S) is Finding.CONFIRMED
    assert found(proof, now=NOW + DAY_S + 1) is Finding.EXPIRED
    assert judged(proof, now=None).finding is Finding.CONFIRMED, "left open where nobody can say when it was signed"


def test_a_ticket_that_somebody_else_signed() -> None:
    assert found(answer(Office().issue(DEVICE), DEVICE)) is Finding.FORGED


@given(place=st.integers(0, len(SIGNED) - 1), bit=st.integers(0, 7))
def test_no_bit_of_a_ticket_can_be_changed(place: int, bit: int) -> None:
    with pytest.raises(NotGenuine):
        tickets.read(flipped(SIGNED, place, 1 << bit), POINTS)


ANSWERED = answer(SIGNED, DEVICE).evidence


@given(place=st.integers(0, len(ANSWERED) - 1), bit=st.integers(0, 7))
def test_no_bit_of_an_answer_can_be_changed(place: int, bit: int) -> None:
    assert not found(Proof(SIGNED, flipped(ANSWERED, place, 1 << bit))).is_proved


def test_no_other_message_of_the_verifier_s_key_is_a_ticket() -> None:
    payload = cbor2.loads(SIGNED).value[2]
    with pytest.raises(NotGenuine, match="not signed"):
        tickets.read(OFFICE.key.sign1(payload), POINTS)
    with pytest.raises(NotGenuine, match="no work order"):
        tickets.read(OFFICE.sealed(), POINTS)


@pytest.mark.parametrize("change", [{0: -1}, {0: 1 << 32}, {3: b""}, {4: bytes(33)}, {4: b"\x02"}, {5: None}, {6: "x"}])
def test_a_ticket_of_another_form_even_if_the_verifier_signed_it(change: dict[int, object]) -> None:
    payload = cbor2.loads(cbor2.loads(SIGNED).value[2])
    for place, value in change.items():
        payload[place] = value
    signed = OFFICE.key.sign1(cbor2.dumps(payload, canonical=True), aad=b"simbond work order")
    with pytest.raises(NotGenuine):
        tickets.read(signed, POINTS)


def test_a_bundle_says_what_was_put_into_it() -> None:
    swap = OFFICE.order(OTHER, 2)._replace(kind=bundles.Kind.SWAP, decision=4, leaves=DEVICE.kid, replaces=ICCID)
    devices = (*known(DEVICE, OTHER, counters=(3, 4)).values(), *known(OTHER, standing=Standing.REVOKED).values())
    sealed = OFFICE.sealed(OFFICE.order(DEVICE), swap, devices=devices)
    read = bundles.read(sealed, POINTS)
    assert (read.orders[1], read.devices) == (swap, devices)
    assert [order.number for order in read.orders] == [1, 2]
    assert (read.technician, read.issued, read.expires) == ("tomas", NOW, NOW + DAY_S)


def test_a_bundle_that_somebody_else_signed() -> None:
    with pytest.raises(NotGenuine, match="not signed this bundle"):
        bundles.read(Office().sealed(OFFICE.order(DEVICE)), POINTS)


SEALED = OFFICE.sealed(OFFICE.order(DEVICE), devices=tuple(known(DEVICE).values()))


@given(place=st.integers(0, len(SEALED) - 1), bit=st.integers(0, 7))
def test_no_bit_of_a_bundle_can_be_changed(place: int, bit: int) -> None:
    with pytest.raises(NotGenuine):
        bundles.read(flipped(SEALED, place, 1 << bit), POINTS)


@given(st.binary(max_size=300))
def test_octets_of_strangers_are_refused_and_nothing_else(octets: bytes) -> None:
    with pytest.raises(NotGenuine):
        tickets.read(octets, POINTS)
    with pytest.raises(NotGenuine):
        bundles.read(octets, POINTS)
    assert not found(Proof(SIGNED, octets)).is_proved


def test_a_bundle_of_another_version() -> None:
    signed = OFFICE.key.sign1(cbor2.dumps({"orders": 1}), {16: bundles.MEDIA_TYPE})
    with pytest.raises(NotGenuine, match="another version"):
        bundles.read(signed, POINTS)


@given(st.binary(), st.binary())
def test_a_proof_as_text_is_the_same_proof(ticket: bytes, evidence: bytes) -> None:
    assert from_text(f" {to_text(Proof(ticket, evidence))}\r\n") == Proof(ticket, evidence)


@pytest.mark.parametrize(("octets", "text"), [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581")])
def test_base45_as_the_standard_has_it(octets: bytes, text: str) -> None:
    """RFC 9285 sections 4.3 and 4.4."""
    assert (base45(octets), from_base45(text)) == (text, octets)


@pytest.mark.parametrize("text", ["GGW", "A", "::", ":::", "ab", "AB!", "\u00c4BC"])
def test_what_is_no_base45(text: str) -> None:
    with pytest.raises(ValueError, match="base45"):
        from_base45(text)


@given(st.text())
def test_texts_of_strangers_are_no_proof(text: str) -> None:
    with pytest.raises(NotGenuine):
        from_text(PREFIX + text + "!")
    with pytest.raises(NotGenuine):
        from_text("!" + text)


def test_what_the_sim_signed_besides_may_stay_away() -> None:
    device = Attester(sim=Sim())
    proof = answer(OFFICE.issue(device), device)
    bare = without_statement(proof)
    assert len(bare.evidence) < len(proof.evidence) - 64
    assert found(bare, {}) is Finding.CONFIRMED
    assert digest(bare) == digest(proof)
    assert without_statement(bare) == bare
    assert without_statement(Proof(SIGNED, b"junk")).evidence == b"junk"


def test_everything_is_as_the_schema_says() -> None:
    fits(SIGNED, "ticket", "ticket-header", "pair")
    fits(SEALED, "work-orders", "bundle-header", "bundle")
    swap = OFFICE.order(DEVICE)._replace(kind=bundles.Kind.SWAP, decision=4, leaves=OTHER.kid, replaces=OTHER.iccid)
    fits(OFFICE.sealed(swap), "work-orders", "bundle-header", "bundle")
    Schema(f"start = proof\n{CDDL}").validate_cbor(from_base45(to_text(answer(SIGNED, DEVICE))[len(PREFIX) :]))
    with pytest.raises(ValidationError):
        fits(OFFICE.issue(DEVICE), "ticket", "bundle-header", "pair")
