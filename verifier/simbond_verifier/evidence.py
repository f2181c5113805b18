"""The claims of Evidence (docs/evidence.md), strictly decoded. Pure: octets in, values out."""

import re
from functools import lru_cache
from typing import Any, NamedTuple

import cbor2

from simbond_agent import claims, identity

from .envelope import BadEvidence, Envelope, SimStatement, canonical_map
from .reasons import Reason

# Deterministic encoding orders the labels, so there are only these sets of them.
_LABELS = {
    (*iat, claims.NONCE, claims.UPTIME, *profile, claims.BOOTCOUNT, claims.BINDING)
    for iat in ((), (claims.IAT,))
    for profile in ((), (claims.EAT_PROFILE,))
}
FIELD_NONCE_OCTETS = 16
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
        read_imei(imei, kid),
        _iccid(iccid, kid),
        _imsi(imsi, kid),
        cell,
        scenario,
        status,
        envelope.statement,
    )


def _any_claims(payload: bytes, kid: bytes, nonce_octets: int = claims.NONCE_OCTETS) -> tuple[Any, ...]:
    """The claims of any payload that the profile allows, in the order of _USUAL_CLAIMS; a reason for any other."""
    found = canonical_map(payload, kid)
    if tuple(found) not in _LABELS:
        raise BadEvidence(Reason.CLAIMS_INVALID, kid)
    nonce, uptime, bootcount = found[claims.NONCE], found[claims.UPTIME], found[claims.BOOTCOUNT]
    binding = found[claims.BINDING]
    if not (
        is_nonce(nonce, nonce_octets)
        and is_uint32(uptime)
        and is_uint32(bootcount)
        and type(binding) is list
        and len(binding) == 6
        and _is_uint(binding[claims.SCENARIO], _UINT16)
        and _is_uint(binding[claims.STATUS], _UINT16)
        and _is_uint(found.get(claims.IAT, 0), 1 << 63)
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


def _number(encoded: bytes) -> int:
    """An unsigned integer that _WIDE matched."""
    return encoded[0] if len(encoded) == 1 else int.from_bytes(encoded[1:], "big")


def is_nonce(value: Any, octets: int = claims.NONCE_OCTETS) -> bool:
    return type(value) is bytes and len(value) == octets


def is_uint32(value: Any) -> bool:
    return _is_uint(value, 1 << 32)


def _is_uint(value: Any, limit: int) -> bool:
    return type(value) is int and 0 <= value < limit


def read_imei(octets: Any, kid: bytes) -> str | None:
    """Its 14 digits, from packed BCD; None of None, for a modem that gave none. Raises BadEvidence."""
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
