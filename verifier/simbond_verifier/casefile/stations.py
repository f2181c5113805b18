"""Which factory stations vouched for the devices of a case: each endorsement, as it stands in the ledger, against the
certificate that somebody registered."""

from typing import NamedTuple

from .. import endorsement, station
from ..endorsement import BadEndorsement, Entry, Unit
from ..envelope import BadEvidence
from ..event_kinds import DEVICE_ENDORSED, STATION_REGISTERED, STATION_REVOKED
from ..station import InvalidCertificate
from .facts import Fact, Facts
from .keys import Keys


class Vouched(NamedTuple):
    """What a station signed."""

    entry: Entry
    unit: Unit


class Endorsed(NamedTuple):
    """What the endorsements are worth."""

    good: dict[int, Vouched]
    """By the sequence numbers of the entries that record them."""
    doubts: list[str]
    notes: list[str]


def check(facts: Facts, keys: Keys) -> Endorsed:
    found = Endorsed({}, [], [])
    for fact in facts.fleet(DEVICE_ENDORSED):
        try:
            vouched = _read(fact, facts, keys)
        except (BadEndorsement, BadEvidence, InvalidCertificate, KeyError, TypeError, ValueError) as e:
            found.doubts.append(
                f"Entry {fact.seq} says that a station vouched for a device, and does not prove it ({e})."
            )
            continue
        found.good[fact.seq] = vouched
        if _is_distrusted(fact, vouched, facts):
            found.notes.append(
                f"Station {vouched.entry.station}, which vouched for a device (entry {fact.seq}), "
                "was revoked later, and is not trusted for that time."
            )
    return found


def _read(fact: Fact, facts: Facts, keys: Keys) -> Vouched:
    """Raises what `check` catches."""
    entry = endorsement.read(bytes.fromhex(fact.detail["said"]))
    certificate = _certificate(fact, facts)
    endorsement.verify(entry, certificate.point)
    if (entry.station, entry.station, entry.seq) != (
        certificate.name,
        fact.detail["station"],
        fact.detail["entry"],
    ):
        raise ValueError("it is another entry, or another station's")
    if not certificate.not_before <= entry.at <= certificate.not_after:
        raise ValueError("the station's certificate was not valid then")
    unit = endorsement.read_unit(entry.request)
    holder = keys.get(unit.kid)
    if holder is None or holder.device != fact.fields["device"]:
        raise ValueError("it is about another device")
    return Vouched(entry, unit)


def _certificate(fact: Fact, facts: Facts) -> station.Certificate:
    """That was registered under the station's name before."""
    for other in reversed(facts.fleet(STATION_REGISTERED)):
        if other.seq < fact.seq and other.detail.get("station") == fact.detail["station"]:
            return station.read_der(bytes.fromhex(other.detail["certificate"]))
    raise ValueError("no registration of that station is here")


def _is_distrusted(fact: Fact, vouched: Vouched, facts: Facts) -> bool:
    newest = max(vouched.entry.at, fact.at)
    for other in facts.fleet(STATION_REVOKED):
        since = other.detail.get("distrusted_from")
        if other.detail.get("station") == vouched.entry.station and isinstance(since, int | float) and newest >= since:
            return True
    return False
