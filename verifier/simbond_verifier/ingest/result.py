"""What goes into a decision, and what comes out."""

from secrets import token_hex
from typing import NamedTuple

from ..evidence import Evidence
from ..reasons import Reason, Tier

UNBOUND_INTERVAL_S = 300
"""Until the next Evidence of a device that no card is bound to."""
_UNENROLLED_INTERVAL_S = 60
"""The same where nobody knows the key: a technician may be about to enrol it, and waits."""


class Verified(NamedTuple):
    """Evidence whose signature is good, and when it came."""

    evidence: Evidence
    message: bytes
    at: float


class Result(NamedTuple):
    """The answer to one message, and what its appraisal set in motion."""

    tier: Tier
    reasons: tuple[Reason, ...]
    interval_s: int
    kid: bytes | None = None
    evidence_id: int | None = None
    accused: bool = False
    """A new accusation waits for the network view."""
    changed: bool = False
    """A card changed its state: there may be something in the outbox."""
    message_id: str | None = None
    """By which the log and the answer name a message that was refused, and so has no evidence_id."""


def refused(reason: Reason, kid: bytes | None, interval_s: int = UNBOUND_INTERVAL_S) -> Result:
    """The result for Evidence that counts for nothing."""
    if reason is Reason.KEY_UNKNOWN:
        interval_s = _UNENROLLED_INTERVAL_S
    return Result(Tier.CONTRAINDICATED, (reason,), interval_s, kid, message_id=token_hex(4))
