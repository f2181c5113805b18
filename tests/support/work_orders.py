"""Tickets, bundles and proofs without a verifier at work."""

from simbond_verifier.signing_key import SigningKey
from simbond_verifier.work_orders import bundle as bundles
from simbond_verifier.work_orders import ticket as tickets
from simbond_verifier.work_orders.bundle import Bundle, Kind, WorkOrder
from simbond_verifier.work_orders.finding import KnownDevice
from simbond_verifier.work_orders.proof import Proof
from simbond_verifier.work_orders.ticket import Ticket

from .attester import Attester

NOW = 1_800_000_000
DAY_S = 86400


class Office:
    """Issues work orders with a key of its own."""

    def __init__(self) -> None:
        self.key = SigningKey.generate()

    def ticket(self, device: Attester, order: int = 1, issued: int = NOW, **changes: object) -> Ticket:
        """About the card that the device says it holds."""
        assert device.iccid is not None
        made = Ticket(order, issued, issued + DAY_S, device.iccid, device.point, device.imei[:14])
        return made._replace(**changes)  # type: ignore[arg-type]

    def issue(self, device: Attester, order: int = 1, issued: int = NOW, **changes: object) -> bytes:
        return tickets.issue(self.ticket(device, order, issued, **changes), self.key)

    def order(self, device: Attester, number: int = 1, issued: int = NOW, words: str = "Meter 7") -> WorkOrder:
        signed = self.issue(device, number, issued)
        return WorkOrder(Kind.CHECK, words, signed, tickets.read(signed, [self.key.public.point]))

    def bundle(self, *orders: WorkOrder, issued: int = NOW, devices: tuple[KnownDevice, ...] = ()) -> Bundle:
        return Bundle("tomas", issued, issued + DAY_S, orders, devices)

    def sealed(self, *orders: WorkOrder, **changes: object) -> bytes:
        return bundles.seal(self.bundle(*orders)._replace(**changes), self.key)  # type: ignore[arg-type]


def answer(signed: bytes, device: Attester) -> Proof:
    """What a device makes of a ticket."""
    return Proof(signed, device.evidence(tickets.challenge(signed)))


def known(*devices: Attester, **changes: object) -> dict[bytes, KnownDevice]:
    made = [KnownDevice(device.point, device.imei[:14])._replace(**changes) for device in devices]  # type: ignore[arg-type]
    return {device.kid: device for device in made}
