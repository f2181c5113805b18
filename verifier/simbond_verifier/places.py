"""How far apart places are, and in which country a network is. Pure."""

from math import asin, cos, radians, sin, sqrt

_EARTH_KM = 6371.0
_SHARED = (
    frozenset({"234", "235"}),  # United Kingdom
    frozenset({"310", "311", "312", "313", "314", "315", "316"}),  # United States
    frozenset({"404", "405", "406"}),  # India
    frozenset({"440", "441"}),  # Japan
    frozenset({"460", "461"}),  # China
)
"""Mobile country codes of one country (ITU-T E.212, list of geographical MCCs)."""
_COUNTRIES = {code: min(codes) for codes in _SHARED for code in codes}


def distance_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """The great-circle distance of two points, each (latitude, longitude) in degrees, by the haversine formula."""
    (lat_a, lon_a), (lat_b, lon_b) = ((radians(lat), radians(lon)) for lat, lon in (a, b))
    h = sin((lat_b - lat_a) / 2) ** 2 + cos(lat_a) * cos(lat_b) * sin((lon_b - lon_a) / 2) ** 2
    return 2 * _EARTH_KM * asin(sqrt(min(h, 1.0)))


def country(plmn: str) -> str:
    """The country of a network: its mobile country code, one for countries that have several."""
    code = plmn[:3]
    return _COUNTRIES.get(code, code)
