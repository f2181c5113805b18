"""Endorsements (RFC 9334 section 8.2): a station's signed word about one device, chained into a log. Pure.

docs/endorsement.cddl has the form. Stations write with this module and the verifier reads with it.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, NamedTuple

from simbond_agent import claims, identity

from . import strict_cbor
from .enrolment import read_enrolment
from .envelope import BadEvidence, open_envelope
from .ledger import cbor, cose
from .reasons import Reason
from .signing_key import KID, SigningKey

TYPE = "application/simbond-endorsement+cbor"
MAX_OCTETS = 4096
LABEL_CHARACTERS = 200
ORDER_CHARACTERS = 100
STATION_CHARACTERS = 64

# RFC 8392, and one for private use (RFC 8392 section 9.1).
_ISS, _IAT, _ENDORSED = 1, 6, -70007


class BadEndorsement(ValueError):
    """Octets that are no endorsement, or not by this station; the message says what is wrong."""


class BrokenLog(ValueError):
    """A log whose entries do not follow each other. `seq`: of the entry that was to come."""

    def __init__(self, seq: int, problem: str) -> None:
        super().__init__(f"Entry {seq}: {problem}")
        self.seq = seq


class Unit(NamedTuple):
    """What a device said of itself in its enrolment request, signed by the key that it asks for."""

    kid: bytes
    point: bytes
    """Uncompressed P-256 point, 65 octets."""
    imei: str | None
    """14 digits."""
    iccid: str | None
    imsi: str | None


class Link(NamedTuple):
    """Where a log ends: what the next entry has to follow. digest: of what was signed, without the signature, which
    whoever carries the log can write in a second way."""

    seq: int
    digest: bytes
    at: int


class Entry(NamedTuple):
    """One endorsement, read; neither its signature nor the request inside is checked yet."""

    message: bytes
    kid: bytes
    """Of the station."""
    station: str
    at: int
    """Seconds since the epoch, by the station's clock."""
    seq: int
    previous: bytes
    request: bytes
    """The device's enrolment request."""
    imei2: str | None
    """14 digits."""
    order: str
    label: str
    signed: cose.Sign1

    @property
    def link(self) -> Link:
        return Link(self.seq, sha256(self.signed.to_be_signed).digest(), self.at)


def start(certificate: bytes) -> Link:
    """What the first entry of a station's log follows. certificate: DER."""
    return Link(0, sha256(certificate).digest(), 0)


def endorse(
    key: SigningKey, last: Link, *, station: str, at: int, request: bytes, imei2: str | None, order: str, label: str
) -> bytes:
    """The entry that follows `last`. Raises ValueError where a name is too long or not printable, or time runs back."""
    for text, most in ((station, STATION_CHARACTERS), (order, ORDER_CHARACTERS), (label, LABEL_CHARACTERS)):
        if not _is_text(text, most):
            raise ValueError(f"'{text[:40]}' is longer than {most} characters, or has some that cannot be printed")
    if at < last.at:
        raise ValueError("time runs back")
    second = None if imei2 is None else claims.pack_digits(imei2, 7)
    endorsed = [last.seq + 1, last.digest, request, second, order, label]
    return key.sign1(cbor.dumps({_ISS: station, _IAT: at, _ENDORSED: endorsed}), {cose.TYP: TYPE})


def read(message: bytes) -> Entry:
    """Takes an endorsement apart. Raises BadEndorsement."""
    if len(message) > MAX_OCTETS:
        raise BadEndorsement(f"it is longer than {MAX_OCTETS} octets")
    try:
        signed = cose.read(message)
        payload = cbor.loads(signed.payload or b"")
    except cbor.Malformed as e:
        raise BadEndorsement(str(e)) from None
    header = signed.protected
    kid = header.get(KID)
    if header.keys() != {cose.ALG, KID, cose.TYP} or header[cose.TYP] != TYPE or signed.unprotected:
        raise BadEndorsement("its header is no endorsement's")
    if type(kid) is not bytes or len(kid) != claims.KID_OCTETS:
        raise BadEndorsement("it names no key")
    if type(payload) is not dict or payload.keys() != {_ISS, _IAT, _ENDORSED}:
        raise BadEndorsement("its claims are no endorsement's")
    station, at, endorsed = payload[_ISS], payload[_IAT], payload[_ENDORSED]
    if type(endorsed) is not list or len(endorsed) != 6:
        raise BadEndorsement("its claims are no endorsement's")
    seq, previous, request, second, order, label = endorsed
    if not (
        _is_text(station, STATION_CHARACTERS)
        and station
        and _is_text(order, ORDER_CHARACTERS)
        and _is_text(label, LABEL_CHARACTERS)
        and _is_uint(at)
        and _is_uint(seq)
        and type(request) is bytes
        and type(previous) is bytes
        and len(previous) == sha256().digest_size
    ):
        raise BadEndorsement("a claim has another type or size")
    return Entry(message, kid, station, at, seq, previous, request, _read_imei2(second), order, label, signed)


def verify(entry: Entry, point: bytes) -> None:
    """Raises BadEndorsement unless the key signed it. point: the station's, uncompressed, 65 octets."""
    if not entry.signed.is_signed_by([point]):
        raise BadEndorsement("the station's key did not sign it")


def follow(last: Link, entry: Entry) -> Link:
    """The log's end with this entry behind `last`. Raises BrokenLog."""
    due = last.seq + 1
    if entry.seq != due:
        raise BrokenLog(due, f"entry {entry.seq} stands in its place; entries are missing or out of order")
    if entry.previous != last.digest:
        raise BrokenLog(due, "it was written behind another entry than the one before it")
    if entry.at < last.at:
        raise BrokenLog(due, "it states an earlier time than the entry before it")
    return entry.link


def read_unit(request: bytes) -> Unit:
    """What an enrolment request says, its signature checked against the key inside. Raises BadEvidence."""
    read_enrolment(request)
    return recall_unit(request)


def recall_unit(request: bytes) -> Unit:
    """The same of a request that was checked before: an entry of one's own log, say. Raises BadEvidence."""
    envelope = open_envelope(request)
    kid = envelope.kid
    try:
        found = strict_cbor.decode_all(envelope.payload)
        key, binding = found[claims.CNF][1], found[claims.BINDING]
        point = b"\x04" + key[-2] + key[-3]
        imei, iccid, imsi = binding[claims.IMEI], binding[claims.ICCID], binding[claims.IMSI]
    except (strict_cbor.Undecodable, KeyError, IndexError, TypeError):
        raise BadEvidence(Reason.CLAIMS_INVALID, kid) from None
    return Unit(
        kid,
        point,
        None if imei is None else claims.unpack_digits(imei),
        _number(iccid, 10, identity.iccid, kid, Reason.ICCID_INVALID),
        _number(imsi, 8, identity.imsi, kid, Reason.IMSI_INVALID),
    )


def split(log: bytes) -> tuple[list[bytes], bytes]:
    """The entries of a log, and the rest from where none begins, or one does not end."""
    found: list[bytes] = []
    at = 0
    while at < len(log):
        try:
            end = strict_cbor.decode(log, at).end
        except strict_cbor.Undecodable:
            break
        found.append(log[at:end])
        at = end
    return found, log[at:]


def is_torn(rest: bytes) -> bool:
    """Whether what stands behind the last good entry is one that a power cut kept from being finished: it ends too
    early, or in the zeros that a file system puts where nothing was written yet."""
    if len(rest) > MAX_OCTETS:
        return False
    if rest.endswith(b"\0"):
        return True
    try:
        strict_cbor.decode(rest)
    except strict_cbor.Undecodable as e:
        return e.reason is Reason.TRUNCATED
    return False


def read_chain(last: Link, messages: Iterable[bytes]) -> list[Entry]:
    """Entries that follow each other from `last` on; no signature is checked. Raises BrokenLog, BadEndorsement."""
    found = []
    for message in messages:
        entry = read(message)
        last = follow(last, entry)
        found.append(entry)
    return found


def _is_text(value: Any, most: int) -> bool:
    return type(value) is str and len(value) <= most and (value.isprintable() or not value)


def _is_uint(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 53


def _read_imei2(octets: Any) -> str | None:
    if octets is None:
        return None
    digits: str = claims.unpack_digits(octets) if type(octets) is bytes and len(octets) == 7 else ""
    if identity.imei(digits + "0") is None:
        raise BadEndorsement("its second IMEI is none")
    return digits


def _number(octets: Any, size: int, normal: Any, kid: bytes, reason: Reason) -> str | None:
    if octets is None:
        return None
    digits: str = claims.unpack_digits(octets) if type(octets) is bytes and len(octets) == size else ""
    if normal(digits) != digits:
        raise BadEvidence(reason, kid)
    return digits
