"""What a network saw of a card, whoever reports it. Pure."""

from enum import StrEnum
from typing import Any, NamedTuple

from .reasons import Reason


class Use(StrEnum):
    """What the card was used for."""

    DATA = "data"
    VOICE = "voice"
    SMS = "sms"


class Place(NamedTuple):
    """Where the card was, as far as the network says. Every field may be missing."""

    plmn: str | None = None
    """Mobile country and network code, 5 or 6 digits (TS 23.003 clause 2.2)."""
    area: int | None = None
    """Tracking or location area code."""
    cell: int | None = None
    """E-UTRAN or NR cell identity, or the GERAN/UTRAN one."""
    lat: float | None = None
    lon: float | None = None
    """Degrees, WGS 84: where the cell is, from whoever knows it."""


class Observation(NamedTuple):
    """One card at one moment. None is what the source does not say, which is never held against the card."""

    imsi: str
    at: float
    """When the network saw it, seconds since the epoch."""
    source: str
    """For example `feed`, `osmo-hlr`, `radius`."""
    imei: str | None = None
    """14 to 16 digits: an IMEI with or without its check digit, or an IMEISV."""
    place: Place = Place()
    apn: str | None = None
    use: Use | None = None


class Sign(NamedTuple):
    """Something that speaks against a card: what a scenario's ladder weighs."""

    reason: Reason
    facts: dict[str, Any]
    """What was seen and what was expected, JSON values, for the card's history and the notice to its holder."""
