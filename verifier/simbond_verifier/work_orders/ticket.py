"""A ticket: the verifier's signed order to prove one card in one device, and the challenge that follows from it."""

from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from simbond_agent import claims

from ..evidence import FIELD_NONCE_OCTETS
from ..ledger import cbor, cose
from ..p256 import compress, decompress
from ..signing_key import KID, PublicKey, SigningKey

_CONTEXT = b"simbond work order"
"""Signed besides (external_aad): no other message of the verifier's key passes for a ticket."""
_UINT32 = 1 << 32
_POINT = 33


class NotGenuine(ValueError):
    """Octets that the verifier has not signed, or nothing that it would sign; the message says which."""


class Ticket(NamedTuple):
    """What is to be proved, and when."""

    order: int
    """The order's number."""
    issued: int
    """Seconds since the epoch, as expires."""
    expires: int
    iccid: str
    point: bytes
    """The public key of the device that shall hold the card: uncompressed, 65 octets."""
    imei: str
    """Of that device: 14 digits."""
    imei2: str | None = None
    """Of its second slot."""

    @property
    def kid(self) -> bytes:
        """The key id of that device."""
        return PublicKey(self.point).kid


def issue(ticket: Ticket, key: SigningKey) -> bytes:
    """The ticket as a COSE_Sign1 (docs/work-orders.cddl)."""
    payload = [
        ticket.order,
        ticket.issued,
        ticket.expires,
        claims.pack_digits(ticket.iccid, 10),
        compress(ticket.point),
        claims.pack_digits(ticket.imei, 7),
        None if ticket.imei2 is None else claims.pack_digits(ticket.imei2, 7),
    ]
    return key.sign1(cbor.dumps(payload), aad=_CONTEXT)


def read(octets: bytes, points: Iterable[bytes]) -> Ticket:
    """A ticket that one of these keys of the verifier has signed; uncompressed points. Raises NotGenuine."""
    try:
        message = cose.read(octets)
        if message.protected.keys() != {cose.ALG, KID} or message.unprotected or message.payload is None:
            raise NotGenuine("no work order")
        if not message.is_signed_by(points, aad=_CONTEXT):
            raise NotGenuine("the verifier has not signed this work order")
        return _ticket(cbor.loads(message.payload))
    except cbor.Malformed as e:
        raise NotGenuine(f"no work order: {e}") from None


def challenge(octets: bytes) -> bytes:
    """What the device signs to answer a ticket: 16 octets that nobody knows before the verifier has signed it."""
    return sha256(octets).digest()[:FIELD_NONCE_OCTETS]


def _ticket(payload: object) -> Ticket:
    match payload:
        case [int(order), int(issued), int(expires), bytes(iccid), bytes(point), bytes(imei), imei2] if (
            all(0 <= number < _UINT32 for number in (order, issued, expires))
            and (len(iccid), len(point), len(imei)) == (10, _POINT, 7)
            and (imei2 is None or (type(imei2) is bytes and len(imei2) == 7))
        ):
            try:
                whole = decompress(point)
            except ValueError:
                raise NotGenuine("a work order about no key") from None
            second = None if imei2 is None else _digits(imei2)
            return Ticket(order, issued, expires, _digits(iccid), whole, _digits(imei), second)
    raise NotGenuine("a work order of another form")


def _digits(octets: bytes) -> str:
    digits: str = claims.unpack_digits(octets)
    return digits
