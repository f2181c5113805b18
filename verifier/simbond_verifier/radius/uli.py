"""3GPP-User-Location-Info (TS 29.061 clause 16.4.7.2) as a place. Pure: whatever the octets, never an exception."""

from collections.abc import Callable

from ..observation import Place
from . import plmn

_Reader = Callable[[bytes], Place]
_NOWHERE = Place()


def read(value: bytes) -> Place:
    """Where the card was. What is unknown, of another length or contradicts itself says nothing: an empty Place."""
    lengths, reader = _LAYOUTS.get(value[0], _UNKNOWN) if value else _UNKNOWN
    place = reader(value[1:]) if len(value) - 1 in lengths else _NOWHERE
    return _NOWHERE if place.plmn is None else place


def _cgi(value: bytes) -> Place:
    """TS 29.274 clause 8.21.1: PLMN, location area code, cell identity."""
    return Place(plmn.from_octets(value), _number(value[3:5]), _number(value[5:7]))


def _area(value: bytes) -> Place:
    """Clauses 8.21.2 and 8.21.3: after PLMN and location area code, a service area or a routing area; it is no cell."""
    return Place(plmn.from_octets(value), _number(value[3:5]))


def _tai(value: bytes) -> Place:
    """Clause 8.21.4: PLMN and tracking area code, of two octets; in the 5GS of three (TS 38.413 clause 9.3.3.11)."""
    return Place(plmn.from_octets(value), _number(value[3:]))


def _ecgi(value: bytes) -> Place:
    """Clause 8.21.5: PLMN, four spare bits, 28 bits of E-UTRAN cell identity."""
    return Place(plmn.from_octets(value), None, _number(value[3:7]) & 0xFFFFFFF)


def _ncgi(value: bytes) -> Place:
    """PLMN and the 36 bits of the NR cell identity (TS 38.413 clause 9.3.1.7) in five octets.

    Gateways differ in which end has the four spare bits, which are zero. Where neither end or both look spare, nobody
    can tell which cell it is: none is better than a wrong one."""
    identity = _number(value[3:8])
    leading, trailing = identity >> 36 == 0, identity & 0xF == 0
    if leading == trailing:
        return Place(plmn.from_octets(value))
    return Place(plmn.from_octets(value), None, identity if leading else identity >> 4)


def _enb(value: bytes) -> Place:
    """PLMN of a node that has many cells."""
    return Place(plmn.from_octets(value))


def _both(octets: int, area: _Reader, cell: _Reader) -> _Reader:
    """A tracking area and, behind its octets, a cell; a cell in another network than its area is neither."""

    def read_both(value: bytes) -> Place:
        first, second = area(value[:octets]), cell(value[octets:])
        return first._replace(cell=second.cell) if first.plmn == second.plmn else _NOWHERE

    return read_both


def _number(value: bytes) -> int:
    return int.from_bytes(value, "big")


# By geographic location type: how many octets may follow, and what they are.
_LAYOUTS: dict[int, tuple[tuple[int, ...], _Reader]] = {
    0: ((7,), _cgi),
    1: ((7,), _area),  # SAI
    2: ((6, 7), _area),  # RAI; some fill its routing area code up to two octets
    128: ((5,), _tai),
    129: ((7,), _ecgi),
    130: ((12,), _both(5, _tai, _ecgi)),
    131: ((6,), _enb),  # eNodeB
    132: ((11,), _both(5, _tai, _enb)),
    133: ((6,), _enb),  # extended eNodeB
    134: ((11,), _both(5, _tai, _enb)),
    135: ((8,), _ncgi),
    136: ((6,), _tai),  # 5GS TAI
    137: ((14,), _both(6, _tai, _ncgi)),
}
_UNKNOWN: tuple[tuple[int, ...], _Reader] = ((), _enb)
