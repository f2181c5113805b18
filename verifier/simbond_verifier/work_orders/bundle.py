"""A technician's bundle: the orders, and what is known of the devices concerned, signed by the verifier as one."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple

from ..ledger import cbor, cose
from ..signing_key import SigningKey
from . import ticket as tickets
from .finding import KnownDevice, Standing
from .ticket import NotGenuine, Ticket

MEDIA_TYPE = "application/simbond-work-orders+cbor"


class Kind(StrEnum):
    """What is to be done."""

    CHECK = "check"
    SWAP = "swap"
    """An approved change of card or device: the ticket names the pair that shall be there afterwards."""


class WorkOrder(NamedTuple):
    """One order as the technician has it."""

    kind: Kind
    words: str
    """The operator's, for the technician."""
    signed: bytes
    """The ticket's octets."""
    ticket: Ticket
    decision: int | None = None
    """swap: the number of the decision that allowed it."""
    leaves: bytes | None = None
    """swap: the key id of the device that the card was bound to when the bundle was made."""
    replaces: str | None = None
    """swap: the ICCID of the card that the ticket's device was bound to then."""

    @property
    def number(self) -> int:
        return self.ticket.order


class Bundle(NamedTuple):
    """Times are seconds since the epoch."""

    technician: str
    issued: int
    expires: int
    orders: tuple[WorkOrder, ...]
    devices: tuple[KnownDevice, ...]
    """Those of the orders, keys that they have replaced, and revoked ones that these cards have been in."""


def seal(bundle: Bundle, key: SigningKey) -> bytes:
    """The bundle as a COSE_Sign1 (docs/work-orders.cddl)."""
    return key.sign1(cbor.dumps(_document(bundle)), {cose.TYP: MEDIA_TYPE})


def read(octets: bytes, points: Iterable[bytes]) -> Bundle:
    """A bundle that one of these keys of the verifier has signed, with every ticket in it. Raises NotGenuine."""
    points = tuple(points)
    try:
        message = cose.read(octets)
        if message.protected.get(cose.TYP) != MEDIA_TYPE or message.payload is None:
            raise NotGenuine("no bundle of work orders")
        if not message.is_signed_by(points):
            raise NotGenuine("the verifier has not signed this bundle")
        return _bundle(cbor.loads(message.payload), points)
    except cbor.Malformed as e:
        raise NotGenuine(f"no bundle of work orders: {e}") from None


def _document(bundle: Bundle) -> dict[str, Any]:
    orders = [
        {
            "kind": order.kind.value,
            "words": order.words,
            "ticket": order.signed,
            "decision": order.decision,
            "leaves": order.leaves,
            "replaces": order.replaces,
        }
        for order in bundle.orders
    ]
    devices = [[d.point, d.imei, d.standing.value, *d.counters] for d in bundle.devices]
    plain = {"technician": bundle.technician, "issued": bundle.issued, "expires": bundle.expires}
    return plain | {"orders": orders, "devices": devices}


def _bundle(found: Any, points: tuple[bytes, ...]) -> Bundle:
    """What is signed was made by `seal` of this version, or of another."""
    try:
        return Bundle(
            found["technician"],
            found["issued"],
            found["expires"],
            tuple(_order(order, points) for order in found["orders"]),
            tuple(KnownDevice(p, imei, Standing(s), (boot, up)) for p, imei, s, boot, up in found["devices"]),
        )
    except NotGenuine:
        raise
    except (KeyError, TypeError, ValueError):
        raise NotGenuine("a bundle of another version; install the same simbond as the verifier's") from None


def _order(found: Any, points: tuple[bytes, ...]) -> WorkOrder:
    signed = found["ticket"]
    return WorkOrder(
        Kind(found["kind"]),
        found["words"],
        signed,
        tickets.read(signed, points),
        found["decision"],
        found["leaves"],
        found["replaces"],
    )
