"""When a device signed on site, as far as anybody but the laptop can say."""

from typing import NamedTuple

from ..evidence import Evidence


class LastSeen(NamedTuple):
    """The newest Evidence that the verifier has from the device's own way: its counters, and when it was received."""

    bootcount: int
    uptime: int
    """Seconds since boot."""
    at: float


def signed_before(evidence: Evidence, seen: LastSeen | None, uploaded: float) -> float:
    """A time at which the device had certainly signed, seconds since the epoch: it was uploaded by then, and, where the
    device has reported since, it signed as long before that report as its uptime says, or before that boot."""
    if seen is None or (seen.bootcount, seen.uptime) < (evidence.bootcount, evidence.uptime):
        return uploaded
    since = seen.uptime - evidence.uptime if seen.bootcount == evidence.bootcount else seen.uptime
    return min(uploaded, seen.at - since)
