"""What the verifier asks of whatever switches cards off: an HLR, an EIR, an operator's API.

Every call is idempotent, so that the outbox may repeat it after any failure, and bounded in time.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable


class Access(Enum):
    """What the target's own records let a subscription do, read back after every change."""

    ALLOWED = "allowed"  # every domain that a resumption grants is open
    RESTRICTED = "restricted"  # what a restriction leaves is open, nothing else
    PARTIAL = "partial"  # some domain is open, another one that should be is not: none of the others
    BARRED = "barred"  # neither PS nor CS: no data, no voice, no SMS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a suspension or resumption did.

    `complete` False means: the change is in force for every new attach, but a node that may still serve the card
    could not be told. Count the card as changed, and call again later for that node's sake.
    """

    detail: str
    complete: bool = True
    reads: Access | None = None
    """What `state` says after it, where that is not the plain answer: a card without voice and SMS, restricted to data,
    reads as allowed."""


class EnforcementError(Exception):
    """A target did not do what it was asked; the message says what to do next."""


class TargetError(EnforcementError):
    """The target was away, too slow, or refused: ask again later. It may or may not have acted; `state` tells."""


class UnknownSubscriber(EnforcementError):
    """The target has no such IMSI. Repeating does not help; provisioning the subscriber does."""


class Target(Protocol):
    """Where suspensions are carried out. All methods but `close` raise ValueError for an IMSI that is none."""

    @property
    def name(self) -> str:
        """Short name for logs and for the card's history, for example `osmo-hlr`."""

    async def suspend(self, imsi: str) -> Outcome:
        """Bar PS and CS and tell the nodes that serve the card now. Raises TargetError, UnknownSubscriber."""

    async def restrict(self, imsi: str) -> Outcome:
        """Bar what the card can do without, and leave it what its attestation travels by: PS without CS, where the
        target has no finer switch. Raises TargetError, UnknownSubscriber."""

    async def resume(self, imsi: str) -> Outcome:
        """Lift the bar. Raises TargetError, UnknownSubscriber."""

    async def state(self, imsi: str) -> Access:
        """Read the bar back from the target's own records. Raises TargetError, UnknownSubscriber."""

    async def close(self) -> None:
        """Drop every connection. Calls that are under way fail with TargetError."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A card in a device, as the network saw it."""

    imei: str
    """14 to 16 digits."""
    at: float | None
    """When the network last heard of the card, seconds since the epoch; None where it does not say."""


@runtime_checkable
class NetworkView(Protocol):
    """What the network itself has seen of a card: a second voice beside the device's."""

    async def sighting(self, imsi: str) -> Sighting | None:
        """The device that the network last saw with this IMSI; None when it saw none.

        Raises TargetError, UnknownSubscriber, and ValueError for an IMSI that is none.
        """


def require_imsi(imsi: str) -> str:
    """Return `imsi` if it is one: 6 to 15 ASCII digits (3GPP TS 23.003 clause 2.2). Raises ValueError.

    The IMSI is pasted into text commands, so this is also what keeps anything else out of them.
    """
    if imsi.isascii() and imsi.isdigit() and 6 <= len(imsi) <= 15:
        return imsi
    raise ValueError(f"{imsi!r} is not an IMSI: 6 to 15 digits, nothing else")
