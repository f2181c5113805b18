"""Takes a message of the evidence profile (docs/evidence.cddl) apart and says what it is worth. Pure."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, NamedTuple

from simbond_agent import claims, identity
from simbond_verifier import strict_cbor
from simbond_verifier.enrolment import read_enrolment, read_rotation
from simbond_verifier.envelope import BadEvidence, open_envelope, verify
from simbond_verifier.evidence import read_cell, read_claims
from simbond_verifier.p256 import load_key
from simbond_verifier.reasons import EXPLAINED, Reason, Tier
from simbond_verifier.signing_key import PublicKey

from .salvage import Parts, salvage

_KID = 4
"""The header parameter (RFC 9052 section 3.1)."""


class Kind(StrEnum):
    EVIDENCE = "evidence"
    ENROLMENT = "enrolment"
    ROTATION = "rotation"
    RESULT = "result"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    VERIFIED = "verified"
    """The signature is good, and so is every claim's form."""
    UNVERIFIED = "unverified"
    """Well formed, but there was no key to check the signature with."""
    BAD = "bad"
    """A verifier refuses it."""


class Inspection(NamedTuple):
    """What a message is and says. claims: as JSON values, as much as could be read; None is what the device could
    not read itself. unreadable: what is there but breaks the profile, by claim."""

    kind: Kind
    octets: int
    verdict: Verdict
    reason: Reason | None
    explanation: str
    kid: str | None
    claims: dict[str, Any]
    unreadable: dict[str, str]


def inspect(message: bytes, point: bytes | None = None) -> Inspection:
    """Inspects a message. point: the key to verify it with, 65 octets."""
    if len(message) > claims.MAX_OCTETS:
        return _bad(Kind.UNKNOWN, message, Reason.OVERSIZED)
    result = _result(message)
    if result is not None:
        explanation = "What a verifier answered. It is not signed: TLS protects it on its way."
        return Inspection(Kind.RESULT, len(message), Verdict.UNVERIFIED, None, explanation, None, result, unreadable={})
    found = salvage(message).payload
    kind = _kind(found)
    try:
        verified = _check_enrolment(message, point) if kind is Kind.ENROLMENT else _check(message, point, kind)
    except BadEvidence as e:
        return _bad(kind, message, e.reason)
    return _report(kind, message, Verdict.VERIFIED if verified else Verdict.UNVERIFIED, None, _GOOD[kind, verified])


def _kind(payload: dict[Any, Any]) -> Kind:
    if claims.CNF in payload:
        return Kind.ENROLMENT
    if claims.NEXT_KEY in payload:
        return Kind.ROTATION
    return Kind.EVIDENCE if payload else Kind.UNKNOWN


_GOOD = {
    (Kind.EVIDENCE, True): "The signature is good and the claims are well formed. Whether its nonce is fresh and its "
    "counters are new, only the verifier can tell.",
    (Kind.EVIDENCE, False): "The claims are well formed, but nothing is proved: the signature was not checked, for "
    "want of the device's key (--key, or --token to ask the verifier for it).",
    (Kind.ROTATION, True): "The present key endorses the next one, which proves itself. Whether the verifier took it, "
    "'simbond devices show' tells.",
    (Kind.ROTATION, False): "The next key proves itself, but nothing shows that the present one endorses it: the "
    "signature was not checked, for want of that key (--key, or --token to ask the verifier for it).",
    (Kind.ENROLMENT, True): "Signed by the key inside it: whoever made it holds that key. That the IMEI is true takes "
    "a second voice.",
}


def _check(message: bytes, point: bytes | None, kind: Kind) -> bool:
    """In the verifier's order, so that the reason is the one that it would give."""
    envelope = open_envelope(message)
    if point is not None:
        _same_key(envelope.kid, point)
        verify(envelope, load_key(point))
    if kind is Kind.ROTATION:
        read_rotation(envelope)
    else:
        read_claims(envelope)
    return point is not None


def _check_enrolment(message: bytes, point: bytes | None) -> bool:
    asked = read_enrolment(message)
    if point is not None:
        _same_key(asked.kid, point)
    return True


def _same_key(kid: bytes, point: bytes) -> None:
    if PublicKey(point).kid != kid:
        raise BadEvidence(Reason.KEY_UNKNOWN, kid)


def _bad(kind: Kind, message: bytes, reason: Reason) -> Inspection:
    explanation = EXPLAINED[reason]
    if reason is Reason.KEY_UNKNOWN:
        explanation = "The message names another key than the one given."
    return _report(kind, message, Verdict.BAD, reason, explanation)


def _report(kind: Kind, message: bytes, verdict: Verdict, reason: Reason | None, explanation: str) -> Inspection:
    protected, payload, countersigned = salvage(message) if len(message) <= claims.MAX_OCTETS else Parts({}, {})
    kid = protected.get(_KID)
    read, unreadable = _read(payload)
    if countersigned and kind is Kind.EVIDENCE:
        read["sim_statement"] = "unchecked"
    named = kid.hex() if isinstance(kid, bytes) and len(kid) == claims.KID_OCTETS else None
    return Inspection(kind, len(message), verdict, reason, explanation, named, read, unreadable)


def _result(message: bytes) -> dict[str, Any] | None:
    """A verifier's answer, None when the message is none."""
    try:
        found = strict_cbor.decode_all(message)
        tier, codes, interval_s = Tier(found[1]), found[2], found[4]
        nonce = found.get(claims.NONCE, b"").hex() or None
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    if found.keys() - {1, 2, 4, claims.NONCE} or type(interval_s) is not int or not isinstance(codes, list):
        return None
    if not all(isinstance(code, str) for code in codes):
        return None
    return {"tier": tier.name.lower(), "reasons": codes, "interval_s": interval_s, "nonce": nonce}


def _read(payload: dict[Any, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The claims that can be read, by name, and the others in diagnostic form."""
    binding = payload.get(claims.BINDING)
    named = [(name, reader, payload[label]) for label, (name, reader) in _CLAIMS.items() if label in payload]
    if isinstance(binding, list):
        named += [(name, reader, value) for (name, reader), value in zip(_BINDING, binding, strict=False)]
    read: dict[str, Any] = {}
    unreadable = {
        f"label {label}": _diagnostic(value)
        for label, value in payload.items()
        if label not in _CLAIMS and not (label == claims.BINDING and isinstance(binding, list))
    }
    for name, reader, value in named:
        try:
            read |= reader(name, value)
        except (ValueError, TypeError, LookupError):
            unreadable[name] = _diagnostic(value)
    return read, unreadable


_Reader = Callable[[str, Any], dict[str, Any]]


def _number(name: str, value: Any) -> dict[str, Any]:
    if type(value) is not int or value < 0:
        raise ValueError
    return {name: value}


def _words(name: str, value: Any) -> dict[str, Any]:
    if type(value) is not str:
        raise ValueError
    return {name: value}


def _nonce(name: str, value: Any) -> dict[str, Any]:
    if len(value) != claims.NONCE_OCTETS:
        raise ValueError
    return {name: value.hex()}


def _cnf(name: str, value: Any) -> dict[str, Any]:
    point = b"\x04" + value[1][-2] + value[1][-3]
    load_key(point)
    return {name: point.hex()}


def _next_key(name: str, value: Any) -> dict[str, Any]:
    return {name: read_enrolment(value).kid.hex()}


def _digits(octets: int, is_valid: Callable[[str], bool]) -> _Reader:
    def read(name: str, value: Any) -> dict[str, Any]:
        if value is None:
            return {name: None}
        digits: str = claims.unpack_digits(value)
        if len(value) != octets or not is_valid(digits):
            raise ValueError
        return {name: digits}

    return read


def _cell(name: str, value: Any) -> dict[str, Any]:
    return {name: None if value is None else dict(read_cell(value))}


def _status(_name: str, value: Any) -> dict[str, Any]:
    status = _number("status", value)["status"]
    flags = [_FLAGS.get(1 << bit, f"bit-{bit}") for bit in range(2, 16) if status >> bit & 1]
    return {"key_protection": _KEY_PROTECTION[status & 3], "flags": flags}


_CLAIMS: dict[int, tuple[str, _Reader]] = {
    claims.NONCE: ("nonce", _nonce),
    claims.IAT: ("iat", _number),
    claims.EAT_PROFILE: ("profile", _words),
    claims.BOOTCOUNT: ("bootcount", _number),
    claims.UPTIME: ("uptime_s", _number),
    claims.CNF: ("public_key", _cnf),
    claims.NEXT_KEY: ("next_kid", _next_key),
}
_BINDING: tuple[tuple[str, _Reader], ...] = (
    # The check digit, whatever it is, was not sent.
    ("imei", _digits(7, lambda digits: identity.imei(digits + "0") is not None)),
    ("iccid", _digits(10, lambda digits: identity.iccid(digits) == digits)),
    ("imsi", _digits(8, lambda digits: identity.imsi(digits) == digits)),
    ("cell", _cell),
    ("scenario", _number),
    ("status", _status),
)
_KEY_PROTECTION = {
    claims.KEY_SOFTWARE: "software",
    claims.KEY_ENCRYPTED_FLASH: "encrypted-flash",
    claims.KEY_SECURE_ELEMENT: "secure-element",
    claims.KEY_SIM: "sim",
}
_FLAGS = {
    claims.SIM_CHANGED: "sim-changed",
    claims.IMEI_CHANGED: "imei-changed",
    claims.TRAY_EMPTY: "tray-empty",
    claims.TAMPER: "tamper",
    claims.ICCID_MISMATCH: "iccid-mismatch",
    claims.SAME_HARDWARE: "same-hardware",
}


def _diagnostic(value: Any) -> str:
    """A value as CBOR's diagnostic notation has it, nearly (RFC 8949 section 8)."""
    text = f"h'{value.hex()}'" if isinstance(value, bytes) else repr(value)
    return text if len(text) <= 200 else text[:200] + "..."
