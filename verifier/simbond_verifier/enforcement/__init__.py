"""Enforcement: switching a card off and on where the network decides, and reading back that it was done.

`Target` is what the outbox drives (suspend, resume, state), `NetworkView` what appraisal asks (the IMEI that the
network saw). One module a target: `osmo_hlr` speaks to Osmocom's HLR over CTRL (`ctrl`), GSUP (`gsup`,
`gsup_client`) and VTY (`vty`), the first two on the framing of `ipa` and the connection of `ipa_client`. `from_url`
makes a target from configuration. See docs/enforcement.md for what goes over the wire and what suspended means.
"""

from .target import (
    Access,
    EnforcementError,
    NetworkView,
    Outcome,
    Sighting,
    Target,
    TargetError,
    UnknownSubscriber,
)
from .url import from_url

__all__ = [
    "Access",
    "EnforcementError",
    "NetworkView",
    "Outcome",
    "Sighting",
    "Target",
    "TargetError",
    "UnknownSubscriber",
    "from_url",
]
