"""How good a signal is, in a word."""

from typing import Any, Literal

Quality = Literal["good", "fair", "weak", "very weak"]

# The lower edges of good, fair and weak, in dBm, as the bars of Digi's IX20 router have them ("Cellular signal quality
# explained", user guide 90002381): four bars and more, three, two. LTE-M and NB-IoT get through below that, by
# repeating (coverage enhancement, 3GPP TS 36.300 clause 23.7b); it costs them time and battery.
_RSRP = (-95, -105, -115)
_RSSI = (-89, -98, -104)
VERY_WEAK_RSRP_DBM, VERY_WEAK_RSSI_DBM = _RSRP[-1], _RSSI[-1]
"""Up to here a level is very weak."""
_WORDS: tuple[Quality, ...] = ("good", "fair", "weak")


def quality(cell: dict[str, Any]) -> Quality | None:
    """Of what a modem says of its cell (keys rsrp_dbm, rssi_dbm); None where it says no level.

    RSRP goes first: RSSI counts noise and neighbours in, and grows with the bandwidth.
    """
    for key, edges in (("rsrp_dbm", _RSRP), ("rssi_dbm", _RSSI)):
        level = cell.get(key)
        if level is not None:
            return next((word for word, edge in zip(_WORDS, edges, strict=True) if level > edge), "very weak")
    return None
