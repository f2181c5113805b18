"""COSE_Sign1 messages of the evidence profile (docs/evidence.md) taken apart, and the check of their signatures. Pure.

The profile allows exactly one encoding, so a message is recognised by its octets; only what deviates is parsed in
general, to name the reason.
"""

from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple, NoReturn

from simbond_agent import claims

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


_sim_key = lru_cache(maxsize=65536)(load_key)


def is_stated_by(statement: SimStatement, point: bytes) -> bool:
    """Whether the SIM with this key made the statement. point: uncompressed, 65 octets."""
    return _sim_key(point).is_signature(statement.signature, sha256(statement.to_be_signed).digest())


def digest(envelope: Envelope) -> bytes:
    """SHA-256 of what the device signed."""
    return sha256(envelope.to_be_signed).digest()


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


def canonical_map(encoded: bytes, kid: bytes | None) -> dict[Any, Any]:
    """A map in deterministic encoding (RFC 8949 section 4.2.1). Raises BadEvidence about a message of this kid."""
    try:
        found = strict_cbor.decode_all(encoded)
    except strict_cbor.Undecodable as e:
        raise BadEvidence(e.reason, kid) from None
    if type(found) is not dict:
        raise BadEvidence(Reason.CLAIMS_INVALID, kid)
    return found


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
    header = canonical_map(protected, None) if protected else {}
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
