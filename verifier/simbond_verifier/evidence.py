"""Strict decoding of Evidence (docs/evidence.md) and the check of its signature. Pure: bytes in, values out.

The profile allows exactly one encoding, so the outer COSE_Sign1 is recognised by its octets; only what deviates is
parsed in general, to name the reason.
"""

import re
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple, NoReturn

import cbor2

from simbond_agent import claims, identity

from . import strict_cbor
from .p256 import Key, load_key
from .reasons import Reason

# 18([<< {1: -7, 4: kid} >>, {} or {12: countersignature}, payload, signature])
_HEAD = bytes.fromhex("d2844da201260448")
_KID = slice(len(_HEAD), len(_HEAD) + claims.KID_OCTETS)
_PAYLOAD = _KID.stop + 1
_SIGNATURE_HEAD = b"\x58\x40"
_COUNTERSIGNATURE = 12
_COUNTERSIGNED = b"\xa1\x0c" + _SIGNATURE_HEAD
_COUNTERSIGNED_PAYLOAD: int = _KID.stop + len(_COUNTERSIGNED) + 64
_TO_BE_SIGNED_CONTEXT = b"\x84\x6aSignature1"
_TO_BE_SIGNED_HEAD = _TO_BE_SIGNED_CONTEXT + b"\x4d" + _HEAD[3:]
_COUNTERSIGN_CONTEXT = b"\x85\x73CounterSignature0V2"
_TO_BE_SIGNED_MIDDLE = b"\x40"

# Deterministic encoding orders the labels, so there are only these sets of them.
_LABELS = {
    (*iat, claims.NONCE, claims.UPTIME, *profile, claims.BOOTCOUNT, claims.BINDING)
    for iat in ((), (claims.IAT,))
    for profile in ((), (claims.EAT_PROFILE,))
}
FIELD_NONCE_OCTETS = 16
_UINT32 = 1 << 32
_UINT16 = 1 << 16


def _label(number: int) -> bytes:
    return re.escape(cbor2.dumps(number))


# Identities that are right beyond doubt, as packed: these patterns accept less than simbond_agent.identity does, which
# judges whatever they do not match.
_TWO = b"[" + b"".join(rb"\x%d0-\x%d9" % (tens, tens) for tens in range(10)) + b"]"
_LAST = b"[" + b"".join(rb"\x%df" % tens for tens in range(10)) + b"]"
_PLAIN_IMEI = rb"(?!\x00)%s{7}" % _TWO
_PLAIN_ICCID = rb"\x89(?!(?P<one>.)(?P=one){7})%s{8}(?:%s|%s)" % (_TWO, _TWO, _LAST)
_PLAIN_IMSI = rb"(?![\x00-\x1f])(?!(?P<two>.)(?P=two){6})%s{7}%s" % (_TWO, _LAST)

# Evidence without optional claims and with such identities in its one encoding, which is nearly all there is, as a
# pattern of octets: it is read several times as fast as by a decoder. Whatever it does not match, _any_claims judges.
_SMALL = rb"[\x00-\x17]|\x18[\x18-\xff]|\x19(?!\x00).."
_WIDE = _SMALL + rb"|\x1a(?!\x00\x00)...."
_USUAL_CLAIMS = re.compile(
    rb"\xa4%s\x48(.{8})%s(%s)%s(%s)"
    % (_label(claims.NONCE), _label(claims.UPTIME), _WIDE, _label(claims.BOOTCOUNT), _WIDE)
    + rb"%s\x86(?:\x47(%s)|\xf6)" % (_label(claims.BINDING), _PLAIN_IMEI)
    + rb"(?:\x4a(%s)|\xf6)(?:\x48(%s)|\xf6)" % (_PLAIN_ICCID, _PLAIN_IMSI)
    + rb"(?:\x4a(.{10})|\x4c(.{12})|\xf6)(%s)(%s)" % (_SMALL, _SMALL),
    re.DOTALL,
).fullmatch


class BadEvidence(ValueError):
    """Evidence that is refused. `reason` says why; `kid` names the key where the message got that far."""

    def __init__(self, reason: Reason, kid: bytes | None = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.kid = kid


class Envelope(NamedTuple):
    """A COSE_Sign1 message taken apart, nothing of it trusted yet."""

    kid: bytes
    payload: bytes
    signature: bytes
    """r and s, 32 octets each."""
    to_be_signed: bytes
    statement: "SimStatement | None" = None


class SimStatement(NamedTuple):
    """What the SIM signed beside the device: a COSE_Countersignature0 over the whole COSE_Sign1 (RFC 9338 section 3.2),
    not checked yet. Whose it is, the message does not say: the card that the claims name."""

    signature: bytes
    """r and s, 32 octets each."""
    to_be_signed: bytes


class Evidence(NamedTuple):
    """The claims. Identities are digits as text; None is what the device could not read."""

    kid: bytes
    nonce: bytes
    bootcount: int
    uptime: int
    """Seconds since boot."""
    imei: str | None
    """14 digits: the check digit is not sent."""
    iccid: str | None
    imsi: str | None
    cell: bytes | None
    """See read_cell."""
    scenario: int
    status: int
    """Key protection and flags of simbond_agent.claims."""
    statement: SimStatement | None = None


def open_envelope(message: bytes) -> Envelope:
    """Takes a message apart. Raises BadEvidence; checks neither signature nor claims."""
    end = len(message) - 66
    if len(message) <= claims.MAX_OCTETS and message.startswith(_HEAD) and end > _PAYLOAD:
        at = _PAYLOAD if message[_KID.stop] == 0xA0 else _behind_countersignature(message, end)
        start, size = _length(message, at)
        if start + size == end and message[end : end + 2] == _SIGNATURE_HEAD:
            kid, payload, signature = message[_KID], message[start:end], message[end + 2 :]
            to_be_signed = b"".join((_TO_BE_SIGNED_HEAD, kid, _TO_BE_SIGNED_MIDDLE, message[at:start], payload))
            if at == _PAYLOAD:
                return Envelope(kid, payload, signature, to_be_signed)
            statement = _statement(message, to_be_signed, signature)
            return Envelope(kid, payload, signature, to_be_signed, statement)
    _refuse(message)


def key_id(message: bytes) -> bytes | None:
    """The key id that a message bears, None where it is no Evidence at first sight. Nothing is checked."""
    return message[_KID] if message.startswith(_HEAD) else None


def _behind_countersignature(message: bytes, end: int) -> int:
    """Where the payload of a countersigned message begins; `end`, where there is none, when the header is any other."""
    if message.startswith(_COUNTERSIGNED, _KID.stop) and end > _COUNTERSIGNED_PAYLOAD:
        return _COUNTERSIGNED_PAYLOAD
    return end


def _statement(message: bytes, to_be_signed: bytes, signature: bytes) -> SimStatement:
    """Countersign_structure (RFC 9338 section 3.3): as Sig_structure but for its context, and the signature, the one
    octet string after the second, in an array of its own."""
    alike = to_be_signed[len(_TO_BE_SIGNED_CONTEXT) :]
    to_be_countersigned = b"".join((_COUNTERSIGN_CONTEXT, alike, b"\x81", _SIGNATURE_HEAD, signature))
    return SimStatement(message[_COUNTERSIGNED_PAYLOAD - 64 : _COUNTERSIGNED_PAYLOAD], to_be_countersigned)


def verify(envelope: Envelope, key: Key) -> None:
    """Raises BadEvidence(SIGNATURE_INVALID) unless the key signed the envelope (ES256, RFC 9053 section 2.1)."""
    if not key.is_signature(envelope.signature, digest(envelope)):
        raise BadEvidence(Reason.SIGNATURE_INVALID, envelope.kid)


def is_stated_by(statement: SimStatement, point: bytes) -> bool:
    """Whether the SIM with this key made the statement. point: uncompressed, 65 octets."""
    return _sim_key(point).is_signature(statement.signature, sha256(statement.to_be_signed).digest())


def digest(envelope: Envelope) -> bytes:
    """SHA-256 of what the device signed."""
    return sha256(envelope.to_be_signed).digest()


def read_claims(envelope: Envelope) -> Evidence:
    """The claims of an envelope, every one checked for type and range. Raises BadEvidence."""
    usual = _USUAL_CLAIMS(envelope.payload)
    if usual is None:
        return _checked(envelope, *_any_claims(envelope.payload, envelope.kid))
    nonce, up, boot, imei, iccid, _, imsi, _, lte, nr, use, flags = usual.groups()
    cell = lte or nr
    if cell is not None:
        _require_cell(cell, envelope.kid)
    return Evidence(
        envelope.kid,
        nonce,
        _number(boot),
        _number(up),
        None if imei is None else imei.hex(),
        None if iccid is None else iccid.hex().rstrip("f"),
        None if imsi is None else imsi.hex()[:15],
        cell,
        _number(use),
        _number(flags),
        envelope.statement,
    )


def read_field_claims(envelope: Envelope) -> Evidence:
    """The same of Evidence that somebody on site asked for (docs/work-orders.md): its nonce has 16 octets, so that
    neither passes for the other. Raises BadEvidence."""
    return _checked(envelope, *_any_claims(envelope.payload, envelope.kid, FIELD_NONCE_OCTETS))


def _checked(
    envelope: Envelope,
    nonce: bytes,
    uptime: int,
    bootcount: int,
    imei: Any,
    iccid: Any,
    imsi: Any,
    cell: Any,
    scenario: int,
    status: int,
) -> Evidence:
    kid = envelope.kid
    if cell is not None:
        _require_cell(cell, kid)
    return Evidence(
        kid,
        nonce,
        bootcount,
        uptime,
        _imei(imei, kid),
        _iccid(iccid, kid),
        _imsi(imsi, kid),
        cell,
        scenario,
        status,
        envelope.statement,
    )


def _any_claims(payload: bytes, kid: bytes, nonce_octets: int = claims.NONCE_OCTETS) -> tuple[Any, ...]:
    """The claims of any payload that the profile allows, in the order of _USUAL_CLAIMS; a reason for any other."""
    found = _canonical_map(payload, kid)
    if tuple(found) not in _LABELS:
        raise BadEvidence(Reason.CLAIMS_INVALID, kid)
    nonce, uptime, bootcount = found[claims.NONCE], found[claims.UPTIME], found[claims.BOOTCOUNT]
    binding = found[claims.BINDING]
    if not (
        type(nonce) is bytes
        and len(nonce) == nonce_octets
        and _uint(uptime, _UINT32)
        and _uint(bootcount, _UINT32)
        and type(binding) is list
        and len(binding) == 6
        and _uint(binding[claims.SCENARIO], _UINT16)
        and _uint(binding[claims.STATUS], _UINT16)
        and _uint(found.get(claims.IAT, 0), 1 << 63)
        and found.get(claims.EAT_PROFILE, claims.PROFILE) == claims.PROFILE
    ):
        raise BadEvidence(Reason.CLAIMS_INVALID, kid)
    return (nonce, uptime, bootcount, *binding)


def _require_cell(cell: Any, kid: bytes) -> None:
    try:
        read_cell(cell)
    except (TypeError, ValueError):
        raise BadEvidence(Reason.CELL_INVALID, kid) from None


@lru_cache(maxsize=65536)
def read_cell(octets: bytes) -> dict[str, Any]:
    """The serving cell (simbond_agent.claims.unpack_cell); devices share cells, so it is kept. Raises ValueError."""
    cell: dict[str, Any] = claims.unpack_cell(octets)
    return cell


def thumbprint(point: bytes) -> bytes:
    """COSE Key Thumbprint (RFC 9679, SHA-256) of an uncompressed P-256 point of 65 octets."""
    key = {1: 2, -1: 1, -2: point[1:33], -3: point[33:]}
    return sha256(cbor2.dumps(key, canonical=True)).digest()


_sim_key = lru_cache(maxsize=65536)(load_key)


class Enrolment(NamedTuple):
    """A device's request to be enrolled; its signature proves that the device holds the key."""

    kid: bytes
    point: bytes
    """Uncompressed P-256 point, 65 octets."""
    imei: str | None


def read_enrolment(message: bytes) -> Enrolment:
    """An enrolment request (a CWT with cnf, RFC 8747), checked against the key inside it. Raises BadEvidence."""
    envelope = open_envelope(message)
    kid = envelope.kid
    _require_no_statement(envelope)
    found = _canonical_map(envelope.payload, kid)
    try:
        key = found[claims.CNF][1]
        binding = found[claims.BINDING]
        point = b"\x04" + key[-2] + key[-3]
        public = load_key(point)
        imei = _imei(binding[claims.IMEI], kid)
        complete = found.keys() == {claims.CNF, claims.BINDING} and len(binding) == 6 and len(point) == 65
    except BadEvidence:
        raise
    except (KeyError, IndexError, TypeError, ValueError):
        complete = False
    if not complete or key != {1: 2, -1: 1, -2: point[1:33], -3: point[33:]}:
        raise BadEvidence(Reason.CLAIMS_INVALID, kid)
    if thumbprint(point)[: claims.KID_OCTETS] != kid:
        raise BadEvidence(Reason.SIGNATURE_INVALID, kid)
    verify(envelope, public)
    return Enrolment(kid, point, imei)


class Rotation(NamedTuple):
    """A device's wish to sign with another key from now on, endorsed by the key that it has."""

    nonce: bytes
    bootcount: int
    uptime: int
    successor: Enrolment


def read_rotation(envelope: Envelope) -> Rotation:
    """The claims of an envelope that endorses another key, which proves itself by its enrolment request inside.

    Raises BadEvidence: NEXT_KEY_INVALID for whatever is wrong with the request.
    """
    kid = envelope.kid
    _require_no_statement(envelope)
    found = _canonical_map(envelope.payload, kid)
    if tuple(found) != (claims.NONCE, claims.UPTIME, claims.BOOTCOUNT, claims.NEXT_KEY):
        raise BadEvidence(Reason.CLAIMS_INVALID, kid)
    nonce, uptime, bootcount, request = found.values()
    if not (_is_nonce(nonce) and _uint(uptime, _UINT32) and _uint(bootcount, _UINT32) and type(request) is bytes):
        raise BadEvidence(Reason.CLAIMS_INVALID, kid)
    try:
        return Rotation(nonce, bootcount, uptime, read_enrolment(request))
    except BadEvidence:
        raise BadEvidence(Reason.NEXT_KEY_INVALID, kid) from None


def _require_no_statement(envelope: Envelope) -> None:
    """Only Evidence says which card it is about, so only there a SIM may state something."""
    if envelope.statement is not None:
        raise BadEvidence(Reason.MALFORMED, envelope.kid)


def split(sequence: bytes) -> list[bytes]:
    """The messages of a CBOR sequence (RFC 8742), good and bad. Where one does not end, the rest is the last."""
    found = []
    at = 0
    while at < len(sequence):
        end = _end_of_message(sequence, at)
        found.append(sequence[at:end])
        at = end
    return found


def _end_of_message(sequence: bytes, at: int) -> int:
    if sequence.startswith(_HEAD, at) and at + _PAYLOAD < len(sequence):
        start, size = _length(sequence, at + _PAYLOAD)
        end = start + size
        if size >= 0 and sequence[end : end + 2] == _SIGNATURE_HEAD:
            return end + 66
    try:
        return strict_cbor.decode(sequence, at).end
    except strict_cbor.Undecodable:
        return len(sequence)


def _length(message: bytes, at: int) -> tuple[int, int]:
    """(start, size) of the byte string whose head stands at `at`; size -1 when it is none in shortest form."""
    head = message[at]
    if 0x40 <= head <= 0x57:
        return at + 1, head - 0x40
    if head == 0x58 and at + 1 < len(message) and message[at + 1] >= 24:
        return at + 2, message[at + 1]
    if head == 0x59 and at + 2 < len(message) and message[at + 1]:
        return at + 3, message[at + 1] << 8 | message[at + 2]
    return at, -1


def _number(encoded: bytes) -> int:
    """An unsigned integer that _WIDE matched."""
    return encoded[0] if len(encoded) == 1 else int.from_bytes(encoded[1:], "big")


def _is_nonce(value: Any) -> bool:
    return type(value) is bytes and len(value) == claims.NONCE_OCTETS


def _uint(value: Any, limit: int) -> bool:
    return type(value) is int and 0 <= value < limit


def _canonical_map(encoded: bytes, kid: bytes | None) -> dict[Any, Any]:
    try:
        found = strict_cbor.decode_all(encoded)
    except strict_cbor.Undecodable as e:
        raise BadEvidence(e.reason, kid) from None
    if type(found) is not dict:
        raise BadEvidence(Reason.CLAIMS_INVALID, kid)
    return found


def _imei(octets: Any, kid: bytes) -> str | None:
    if octets is None:
        return None
    if type(octets) is bytes and len(octets) == 7:
        digits: str = claims.unpack_digits(octets)
        if identity.imei(digits + "0") is not None:  # its check digit, whatever it is, was not sent
            return digits
    raise BadEvidence(Reason.IMEI_INVALID, kid)


def _iccid(octets: Any, kid: bytes) -> str | None:
    if octets is None:
        return None
    if type(octets) is bytes and len(octets) == 10:
        digits: str = claims.unpack_digits(octets)
        if identity.iccid(digits) == digits:
            return digits
    raise BadEvidence(Reason.ICCID_INVALID, kid)


def _imsi(octets: Any, kid: bytes) -> str | None:
    if octets is None:
        return None
    if type(octets) is bytes and len(octets) == 8:
        digits: str = claims.unpack_digits(octets)
        if identity.imsi(digits) == digits:
            return digits
    raise BadEvidence(Reason.IMSI_INVALID, kid)


def _refuse(message: bytes) -> NoReturn:
    """Names what keeps a message from being a COSE_Sign1 of this profile."""
    if len(message) > claims.MAX_OCTETS:
        raise BadEvidence(Reason.OVERSIZED)
    try:
        found, _, fault = strict_cbor.decode(message)
    except strict_cbor.Undecodable as e:
        raise BadEvidence(e.reason) from None
    if not isinstance(found, strict_cbor.Tagged) or found.number != 18:
        raise BadEvidence(Reason.WRONG_TAG)
    parts = found.value
    if type(parts) is not list or len(parts) != 4:
        raise BadEvidence(Reason.MALFORMED)
    protected, unprotected, payload, signature = parts
    if not (type(protected) is bytes and type(payload) is bytes and type(signature) is bytes):
        raise BadEvidence(Reason.MALFORMED)
    header = _canonical_map(protected, None) if protected else {}
    kid = header.get(4)
    kid = kid if type(kid) is bytes and len(kid) == claims.KID_OCTETS else None
    if header.get(1) != -7:
        raise BadEvidence(Reason.WRONG_ALGORITHM, kid)
    if kid is None or header.keys() != {1, 4} or not _is_unprotected(unprotected) or len(signature) != 64:
        raise BadEvidence(Reason.MALFORMED, kid)
    raise BadEvidence(fault or Reason.NOT_CANONICAL, kid)


def _is_unprotected(header: Any) -> bool:
    if type(header) is not dict:
        return False
    statement = header.get(_COUNTERSIGNATURE)
    return not header or (len(header) == 1 and type(statement) is bytes and len(statement) == 64)
