"""What of an observation can be used. Pure."""

import re
from math import isfinite

from simbond_agent import identity

from .observation import Observation, Place

AHEAD_S = 300.0
"""A network's clock may be ahead of ours by so much."""
_AREA = 1 << 24
"""A 5G tracking area code has 24 bits, others 16 (TS 23.003 clause 19.4.2.3)."""
_CELL = 1 << 36
"""An NR cell identity has 36 bits, others 28 (TS 38.413 clause 9.3.1.7)."""
_APN = re.compile(r"[A-Za-z0-9._-]{1,100}")
"""Of labels as in domain names (TS 23.003 clause 9.1)."""


class Unusable(ValueError):
    """An observation that cannot be used; the message says why."""


def checked(observation: Observation, now: float) -> Observation:
    """The observation as it may be stored: of a moment that is no further ahead than AHEAD_S, and without an IMEI that
    is none. Raises Unusable."""
    imsi, at = observation.imsi, observation.at
    if not _is_decimal(imsi, 6, 15):
        raise Unusable("imsi: not 6 to 15 digits")
    if not isfinite(at) or at <= 0:
        raise Unusable("at: not seconds since 1970")
    if at > now + AHEAD_S:
        raise Unusable(f"at: {at - now:.0f} s ahead of the verifier's clock; check the source's clock and its unit")
    if observation.apn is not None and not _APN.fullmatch(observation.apn):
        raise Unusable("apn: no access point name")
    _check_place(observation.place)
    return observation._replace(imei=_imei(observation.imei))


def _imei(digits: str | None) -> str | None:
    """None for one that says nothing: a placeholder, or a wrong check digit, which nobody has typed in here. The check
    digit itself is not transmitted, there is a 0 for it on the air (TS 23.003 clause 6.2.1)."""
    if digits is None:
        return None
    if not _is_decimal(digits, 14, 16):
        raise Unusable("imei: not 14 to 16 digits")
    if identity.imei(digits[:14] + "0") is None:
        return None
    if len(digits) == 15 and digits[-1] != "0" and not identity.luhn(digits):
        return None
    return digits


def _check_place(place: Place) -> None:
    if place.plmn is not None and not _is_decimal(place.plmn, 5, 6):
        raise Unusable("plmn: not 5 or 6 digits")
    if place.area is not None and not 0 <= place.area < _AREA:
        raise Unusable("area: no tracking or location area code")
    if place.cell is not None and not 0 <= place.cell < _CELL:
        raise Unusable("cell: no cell identity")
    if (place.lat is None) != (place.lon is None):
        raise Unusable("lat, lon: one without the other")
    if place.lat is not None and place.lon is not None and not (-90 <= place.lat <= 90 and -180 <= place.lon <= 180):
        raise Unusable("lat, lon: not degrees")


def _is_decimal(text: str, shortest: int, longest: int) -> bool:
    return shortest <= len(text) <= longest and text.isascii() and text.isdecimal()
