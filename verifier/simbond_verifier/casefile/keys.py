"""Whose keys signed the Evidence of a case: from the enrolments and rotations in the ledger, each by its own proof."""

from typing import NamedTuple

from ..enrolment import read_enrolment, read_rotation
from ..envelope import BadEvidence, open_envelope, verify
from ..event_kinds import DEVICE_ENROLLED, KEY_ROTATED
from ..p256 import Key, load_key
from .facts import Fact, Facts


class Holder(NamedTuple):
    """A key and the device that it was enrolled for."""

    device: int
    point: bytes
    """Uncompressed, 65 octets."""
    key: Key
    actor: str
    """Who enrolled it."""


class Keys:
    """The keys of a case's devices by their kids. `doubts` says which enrolments prove nothing."""

    def __init__(self, facts: Facts) -> None:
        self.doubts: list[str] = []
        self._holders: dict[bytes, Holder] = {}
        for fact in sorted(facts.fleet(DEVICE_ENROLLED) + facts.fleet(KEY_ROTATED), key=lambda f: f.seq):
            try:
                self._take(fact)
            except (BadEvidence, KeyError, TypeError, ValueError) as e:
                self.doubts.append(
                    f"Entry {fact.seq} records a key of a device, and its message does not prove it ({e})."
                )

    def get(self, kid: bytes) -> Holder | None:
        return self._holders.get(kid)

    def of(self, device: int) -> list[Holder]:
        """Every key that a device has had."""
        return [holder for holder in self._holders.values() if holder.device == device]

    def _take(self, fact: Fact) -> None:
        device, actor = fact.fields["device"], fact.fields["actor"]
        if fact.fields["kind"] == DEVICE_ENROLLED:
            asked = read_enrolment(bytes.fromhex(fact.detail["request"]))
        else:
            envelope = open_envelope(bytes.fromhex(fact.detail["message"]))
            before = self._holders.get(envelope.kid)
            if before is None or before.device != device:
                raise ValueError("the key that endorses it is not known")
            verify(envelope, before.key)
            asked = read_rotation(envelope).successor
        self._holders[asked.kid] = Holder(device, asked.point, load_key(asked.point), actor)
