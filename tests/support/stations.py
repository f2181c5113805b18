"""A station without a disk: its key, its certificate, and the entries of its log."""

from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric import ec

from simbond_verifier import endorsement, station
from simbond_verifier.signing_key import SigningKey

from .attester import Attester


class Station:
    def __init__(self, name: str = "line-1", *, at: float, days: int = 30) -> None:
        """at: when it was made, and the time of its entries until somebody moves `now`."""
        key = ec.generate_private_key(ec.SECP256R1())
        self.pem = station.issue(key, name, at=at, days=days)
        self.certificate = station.read(self.pem)
        self.key = SigningKey(key)
        self.now = int(at)
        self.log: list[bytes] = []
        self.last = endorsement.start(self.certificate.der)

    def endorse(self, device: Attester | bytes, **more: str | None) -> bytes:
        """Appends an entry about a device, or about a request, and returns it."""
        request = device if isinstance(device, bytes) else device.enrolment()
        said = {"imei2": None, "order": "", "label": ""} | more
        entry = endorsement.endorse(
            self.key, self.last, station=self.certificate.name, at=self.now, request=request, **said
        )  # type: ignore[arg-type]
        self.last = endorsement.read(entry).link
        self.log.append(entry)
        return entry

    def endorse_all(self, devices: Iterable[Attester]) -> bytes:
        """Appends an entry about each; returns the whole log."""
        for device in devices:
            self.endorse(device)
        return b"".join(self.log)
