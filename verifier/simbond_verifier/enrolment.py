"""A device's request to be enrolled, and its wish for another key (docs/evidence.md). Pure."""

from typing import NamedTuple

from simbond_agent import claims

from .envelope import BadEvidence, Envelope, canonical_map, open_envelope, verify
from .evidence import is_nonce, is_uint32, read_imei
from .p256 import load_key
from .reasons import Reason
from .signing_key import PublicKey


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
    found = canonical_map(envelope.payload, kid)
    try:
        key = found[claims.CNF][1]
        binding = found[claims.BINDING]
        point = b"\x04" + key[-2] + key[-3]
        public = load_key(point)
        imei = read_imei(binding[claims.IMEI], kid)
        complete = found.keys() == {claims.CNF, claims.BINDING} and len(binding) == 6
    except BadEvidence:
        raise
    except (KeyError, IndexError, TypeError, ValueError):
        complete = False
    if not complete or key != {1: 2, -1: 1, -2: point[1:33], -3: point[33:]}:
        raise BadEvidence(Reason.CLAIMS_INVALID, kid)
    if PublicKey(point).kid != kid:
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
    found = canonical_map(envelope.payload, kid)
    if tuple(found) != (claims.NONCE, claims.UPTIME, claims.BOOTCOUNT, claims.NEXT_KEY):
        raise BadEvidence(Reason.CLAIMS_INVALID, kid)
    nonce, uptime, bootcount, request = found.values()
    if not (is_nonce(nonce) and is_uint32(uptime) and is_uint32(bootcount) and type(request) is bytes):
        raise BadEvidence(Reason.CLAIMS_INVALID, kid)
    try:
        return Rotation(nonce, bootcount, uptime, read_enrolment(request))
    except BadEvidence:
        raise BadEvidence(Reason.NEXT_KEY_INVALID, kid) from None


def _require_no_statement(envelope: Envelope) -> None:
    """Only Evidence says which card it is about, so only there a SIM may state something."""
    if envelope.statement is not None:
        raise BadEvidence(Reason.MALFORMED, envelope.kid)
