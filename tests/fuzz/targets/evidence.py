"""Evidence, enrolment requests, rotations and sequences of them: read by patterns of octets, and compared with what a
general decoder makes of the same."""

from collections.abc import Iterator
from contextlib import suppress

import cbor2

from simbond_verifier import enrolment, envelope, evidence, strict_cbor
from simbond_verifier.envelope import BadEvidence, Envelope
from simbond_verifier.evidence import Evidence
from support.attester import Attester, Sim

NONCE = bytes(range(8))
_HEAD_OCTETS = 17  # of a message, up to its payload's length


def seeds() -> Iterator[bytes]:
    device = Attester()
    yield (plain := device.evidence(NONCE))
    yield Sim().countersign(plain)
    yield Attester(iccid=None, imsi=None, cell=None, status=16).evidence(NONCE)
    yield Attester(uptime=70_000, bootcount=300, scenario=40).evidence(NONCE)
    yield device.sign(cbor2.dumps(device.claims(NONCE) | {6: 1_700_000_000}, canonical=True))
    yield device.enrolment()
    yield device.rotation(NONCE, device.successor().enrolment())
    yield plain + device.evidence(NONCE)


def one(octets: bytes) -> None:
    assert b"".join(envelope.split(octets)) == octets
    try:
        found = envelope.open_envelope(octets)
    except BadEvidence:
        pass
    else:
        _compare_envelope(octets, found)
        _read(found)
    with suppress(BadEvidence):
        enrolment.read_enrolment(octets)
    _read(Envelope(NONCE, octets[_HEAD_OCTETS:-66], bytes(64), b""))


def _read(opened: Envelope) -> None:
    for reader in (evidence.read_claims, enrolment.read_rotation):
        try:
            found = reader(opened)
        except BadEvidence:
            continue
        if isinstance(found, Evidence):
            _compare_claims(opened.payload, found)


def _compare_envelope(octets: bytes, opened: Envelope) -> None:
    tagged = strict_cbor.decode_all(octets)
    assert tagged.number == 18
    protected, unprotected, payload, signature = tagged.value
    assert (payload, signature) == (opened.payload, opened.signature)
    assert strict_cbor.decode_all(protected) == {1: -7, 4: opened.kid}
    stated = {} if opened.statement is None else {12: opened.statement.signature}
    assert unprotected == stated
    assert opened.to_be_signed == cbor2.dumps(["Signature1", protected, b"", payload])


def _compare_claims(payload: bytes, found: Evidence) -> None:
    claims = strict_cbor.decode_all(payload)
    assert (claims[10], claims[261], claims[267]) == (found.nonce, found.uptime, found.bootcount)
    imei, iccid, imsi, cell, scenario, status = claims[-70001]
    assert (cell, scenario, status) == (found.cell, found.scenario, found.status)
    for packed, digits in ((imei, found.imei), (iccid, found.iccid), (imsi, found.imsi)):
        assert (packed is None) == (digits is None)
        assert digits is None or packed.hex().upper().rstrip("F") == digits
