"""Enrols what a station endorsed: the entries of its log, in their order (docs/factory.md)."""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from .. import endorsement as endorsements
from ..endorsement import BadEndorsement, BrokenLog, Entry, Link, Unit
from ..envelope import BadEvidence
from ..event_kinds import DEVICE_ENDORSED
from ..reasons import EXPLAINED
from ..refusal import Conflict, Invalid, Refusal
from ..station import Certificate
from ..store import fleet_events
from ..store.schema import device, endorsement
from . import stations
from .devices import enrol

LATE_S = 30 * 86400
"""So long after its certificate's end a station's log is still taken; what it endorsed after that end is refused."""
_FAST_CLOCK_S = 300
_DAY_S = 86400


class Outcome(StrEnum):
    """What became of one entry."""

    ENROLLED = "enrolled"
    KNOWN = "known"
    """Its device was enrolled already; nothing was changed."""
    REFUSED = "refused"


class Row(NamedTuple):
    """One entry's line of the report. code and detail: why it was refused."""

    seq: int
    outcome: Outcome
    kid: str | None
    imei: str | None
    iccid: str | None
    code: str = ""
    detail: str = ""


class Log(NamedTuple):
    """A part of a station's log that proved itself."""

    station: str
    entries: list[Entry]


def check_log(connection: Connection, octets: bytes, now: float) -> Log:
    """Checks a log, or a part of one that goes on where the verifier knows it: the chain, and the signatures of what it
    does not know yet. Raises Invalid, NotFound, Conflict; then nothing of it may be imported."""
    try:
        messages, rest = endorsements.split(octets)
        entries = [endorsements.read(message) for message in messages]
    except BadEndorsement as e:
        raise Invalid("log-malformed", f"This is no station's log: {e}.") from None
    if rest or not entries:
        raise Invalid(
            "log-malformed", f"This is no station's log behind entry {len(entries)}." if rest else "The log is empty."
        )
    if len({(entry.kid, entry.station) for entry in entries}) > 1:
        raise Invalid("log-malformed", "These are entries of several stations; send each log by itself.")
    found = stations.find_by_key(connection, entries[0].kid)
    certificate = stations.certificate_of(found)
    if entries[0].station != certificate.name:
        raise Invalid("log-malformed", f"The key is that of station {certificate.name}, the log has another name.")
    if now > certificate.not_after + LATE_S:
        raise Conflict(
            "certificate-expired",
            f"The certificate of station {certificate.name} ended too long ago; enrol these devices one by one.",
        )
    known = _known(connection, found["id"], entries)
    try:
        endorsements.read_chain(_before(certificate, known, entries[0].seq), [entry.message for entry in entries])
        for entry in entries:
            if not _is_known(known, entry):
                endorsements.verify(entry, certificate.point)
    except BrokenLog as e:
        raise Conflict("log-broken", f"{e}. Nothing was imported; find out who changed the log.", entry=e.seq) from None
    except BadEndorsement as e:
        raise Conflict("log-broken", f"Entry {entry.seq}: {e}. Nothing was imported.", entry=entry.seq) from None
    return Log(certificate.name, entries)


def import_entries(connection: Connection, entries: Sequence[Entry], *, actor: str, now: float) -> list[Row]:
    """Enrols the devices of entries that check_log let through: a unit of work. What was refused before is tried again.
    Raises NotFound, Conflict where the station is in force no longer, or another log of it came meanwhile."""
    found = stations.find_by_key(connection, entries[0].kid)
    known = _known(connection, found["id"], entries)
    work = _Import(connection, found["id"], stations.certificate_of(found), found["per_day"], actor, now)
    return [work.row(entry, known.get(entry.seq), _is_known(known, entry)) for entry in entries]


class _Import:
    def __init__(
        self,
        connection: Connection,
        station_id: int,
        certificate: Certificate,
        per_day: int | None,
        actor: str,
        now: float,
    ) -> None:
        self._connection = connection
        self._station_id = station_id
        self._certificate = certificate
        self._per_day = per_day
        self._actor = actor
        self._now = now
        self._days: Counter[int] = Counter()

    def row(self, entry: Entry, known: Any, is_known: bool) -> Row:
        try:
            unit = endorsements.read_unit(entry.request)
        except BadEvidence as e:
            self._keep(entry, is_known, None)
            return Row(entry.seq, Outcome.REFUSED, None, None, None, "enrolment-request", EXPLAINED[e.reason])
        said = (unit.kid.hex(), unit.imei, unit.iccid)
        if is_known and known.device_id is not None:
            return Row(entry.seq, Outcome.KNOWN, *said)
        try:
            self._require_in_time(entry)
            added = self._enrol(entry, unit)
        except Refusal as e:
            self._keep(entry, is_known, None)
            return Row(entry.seq, Outcome.REFUSED, *said, e.code, e.detail)
        self._keep(entry, is_known, added)
        return Row(entry.seq, Outcome.KNOWN if added is None else Outcome.ENROLLED, *said)

    def _enrol(self, entry: Entry, unit: Unit) -> int | None:
        """The device that is enrolled by this entry. None: it was before, on somebody else's word, and that stays so: a
        station that endorses devices of others does not have them revoked with its own."""
        query = select(device.c.id).where(device.c.kid == unit.kid)
        before = self._connection.execute(query).scalar()
        if before is None:
            self._require_quota(entry)
        enrol(
            self._connection,
            entry.request,
            imei=None,
            imei2=entry.imei2,
            label=entry.label,
            allow_duplicate_imei=False,
            actor=self._actor,
            now=self._now,
        )
        if before is not None:
            return None
        self._days[entry.at // _DAY_S] += 1
        added: int = self._connection.execute(query).scalar_one()
        return added

    def _keep(self, entry: Entry, is_known: bool, device_id: int | None) -> None:
        if is_known:
            which = (endorsement.c.station_id == self._station_id) & (endorsement.c.seq == entry.seq)
            self._connection.execute(update(endorsement).where(which).values(device_id=device_id))
        else:
            self._connection.execute(
                insert(endorsement).values(
                    station_id=self._station_id,
                    seq=entry.seq,
                    digest=entry.link.digest,
                    at=entry.at,
                    received_at=self._now,
                    device_id=device_id,
                )
            )
        if device_id is not None:
            told = {"station": entry.station, "entry": entry.seq, "order": entry.order, "said": entry.message.hex()}
            fleet_events.record(
                self._connection, DEVICE_ENDORSED, at=self._now, actor=self._actor, device_id=device_id, **told
            )

    def _require_in_time(self, entry: Entry) -> None:
        if not self._certificate.not_before <= entry.at <= self._certificate.not_after:
            raise Conflict("certificate-expired", "The station's certificate was not valid at the time of this entry.")
        if entry.at > self._now + _FAST_CLOCK_S:
            raise Conflict("station-clock", "The entry states a time to come; set the station's clock.")

    def _require_quota(self, entry: Entry) -> None:
        """Of the day that the entry states: a log's time never runs back, nor past the verifier's, so whatever a thief
        states, there are no more days than have gone by."""
        if self._per_day is None:
            return
        day = entry.at // _DAY_S
        if day not in self._days:
            of_day = (endorsement.c.at >= day * _DAY_S) & (endorsement.c.at < (day + 1) * _DAY_S)
            query = select(func.count(endorsement.c.device_id)).where(
                endorsement.c.station_id == self._station_id, of_day
            )
            self._days[day] = self._connection.execute(query).scalar_one()
        if self._days[day] >= self._per_day:
            raise Conflict(
                "station-quota",
                f"Station {entry.station} may enrol {self._per_day} devices a day; register it again with more, then "
                "import the log again.",
            )


def _known(connection: Connection, station_id: int, entries: Sequence[Entry]) -> dict[int, Any]:
    """What is known of these entries, and of the one before them, by number."""
    first, last = entries[0].seq, entries[-1].seq
    query = select(endorsement).where(
        endorsement.c.station_id == station_id, endorsement.c.seq.between(first - 1, last)
    )
    return {row.seq: row for row in connection.execute(query)}


def _before(certificate: Certificate, known: dict[int, Any], seq: int) -> Link:
    """What the entry with this number has to follow."""
    if seq == 1:
        return endorsements.start(certificate.der)
    row = known.get(seq - 1)
    if row is None:
        raise Conflict(
            "log-gap", f"The entries before number {seq} are missing here; send the log from its beginning.", entry=seq
        )
    return Link(row.seq, bytes(row.digest), int(row.at))


def _is_known(known: dict[int, Any], entry: Entry) -> bool:
    """Raises Conflict where something else is known by that number."""
    row = known.get(entry.seq)
    if row is not None and bytes(row.digest) != entry.link.digest:
        raise Conflict(
            "log-forked",
            f"Station {entry.station} has written two different entries {entry.seq}: its key was copied, or its log "
            "restored from an older copy. Nothing was imported; find out which, and revoke the station.",
            entry=entry.seq,
        )
    return row is not None
