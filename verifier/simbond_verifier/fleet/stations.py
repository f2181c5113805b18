"""Factory stations: whose word enrols devices, and until when."""

from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, insert, select, update

from .. import station as certificates
from ..event_kinds import STATION_REGISTERED, STATION_REVOKED
from ..refusal import Conflict, Invalid, NotFound
from ..station import Certificate
from ..store import fleet_events
from ..store.schema import card, device, endorsement, station


def register(connection: Connection, certificate: str, *, per_day: int | None, actor: str, now: float) -> str:
    """Has a station's word count from now on. certificate: PEM; per_day: at most so many devices. Returns its name.

    The same certificate again changes the number alone. Raises Invalid, Conflict.
    """
    try:
        found = certificates.read(certificate.encode())
    except certificates.InvalidCertificate as e:
        raise Invalid("certificate-invalid", f"This cannot be a station's certificate: {e}.") from None
    if found.not_after <= now:
        raise Conflict(
            "certificate-expired", "The certificate has expired; make a new station: simbond stations create."
        )
    alike = (station.c.name == found.name) | (station.c.kid == found.kid)
    known = connection.execute(select(station).where(alike)).mappings().first()
    if known is None:
        row = insert(station).values(
            name=found.name,
            kid=found.kid,
            certificate=found.der,
            per_day=per_day,
            registered_at=now,
            registered_by=actor,
        )
        connection.execute(row)
    elif bytes(known["certificate"]) != found.der:
        raise Conflict(
            "station-registered",
            f"Station {known['name']} has this name or this key already; a new certificate takes a new station, "
            "with a name and a key of its own.",
        )
    else:
        _require_in_force(known)
        if known["per_day"] == per_day:
            return found.name
        connection.execute(update(station).where(station.c.id == known["id"]).values(per_day=per_day))
    told: dict[str, Any] = {
        "station": found.name,
        "kid": found.kid.hex(),
        "per_day": per_day,
        "certificate": found.der.hex(),
    }
    fleet_events.record(connection, STATION_REGISTERED, at=now, actor=actor, **told)
    return found.name


def revoke(connection: Connection, name: str, *, since: float | None, reason: str, actor: str, now: float) -> None:
    """Ends a station: nothing that it endorsed is imported any more. since: what it endorsed, or handed in, from then
    on is not trusted; a later call may state an earlier moment. Raises NotFound."""
    found = find(connection, name)
    before = found["distrusted_from"]
    earliest = before if since is None else since if before is None else min(before, since)
    if found["revoked_at"] is not None and earliest == before:
        return
    ended = now if found["revoked_at"] is None else found["revoked_at"]
    values = {"revoked_at": ended, "distrusted_from": earliest, "reason": reason}
    connection.execute(update(station).where(station.c.id == found["id"]).values(**values))
    told: dict[str, Any] = {"station": name, "distrusted_from": earliest, "reason": reason}
    fleet_events.record(connection, STATION_REVOKED, at=now, actor=actor, **told)


def find(connection: Connection, name: str) -> RowMapping:
    """The row of a station. Raises NotFound."""
    return _one(connection, select(station).where(station.c.name == name), name)


def find_by_key(connection: Connection, kid: bytes) -> RowMapping:
    """The row of the station with this key, which is in force. Raises NotFound, Conflict."""
    found = _one(connection, select(station).where(station.c.kid == kid), f"with the key {kid.hex()}")
    _require_in_force(found)
    return found


def _one(connection: Connection, query: Select[Any], which: str) -> RowMapping:
    found = connection.execute(query).mappings().first()
    if found is None:
        raise NotFound(
            "station-unknown", f"There is no station {which}; an operator registers it: simbond stations register."
        )
    return found


def _require_in_force(found: RowMapping) -> None:
    if found["revoked_at"] is not None:
        raise Conflict(
            "station-revoked",
            f"Station {found['name']} is revoked ({found['reason']}); its word enrols nothing any more. Enrol these "
            "devices one by one: simbond devices enrol.",
        )


def list_stations(connection: Connection, *, after: str, limit: int) -> list[dict[str, Any]]:
    """Stations in the order of their names, from the one behind `after`."""
    query = select(station).where(station.c.name > after).order_by(station.c.name).limit(limit)
    return [_view(connection, row) for row in connection.execute(query).mappings()]


def show_station(connection: Connection, name: str) -> dict[str, Any]:
    """One station. Raises NotFound."""
    return _view(connection, find(connection, name))


def certificate_of(row: RowMapping) -> Certificate:
    """The certificate of a station's row."""
    return certificates.read_der(bytes(row["certificate"]))


def _view(connection: Connection, row: RowMapping) -> dict[str, Any]:
    log = select(func.count(), func.count(endorsement.c.device_id), func.max(endorsement.c.received_at))
    entries, devices, imported_at = connection.execute(log.where(endorsement.c.station_id == row["id"])).one()
    certificate = certificate_of(row)
    plain = ("name", "per_day", "registered_at", "registered_by", "revoked_at", "distrusted_from", "reason")
    return {name: row[name] for name in plain} | {
        "kid": row["kid"].hex(),
        "not_before": certificate.not_before,
        "not_after": certificate.not_after,
        "entries": entries,
        "devices": devices,
        "imported_at": imported_at,
    }


def endorsed_devices(
    connection: Connection, name: str, *, since: float, after: int, limit: int
) -> list[dict[str, Any]]:
    """What a station endorsed, or handed in, since a moment: by its own clock or by the verifier's, because a thief
    sets the former. In the order of its log, from behind the entry `after`. Raises NotFound."""
    found = find(connection, name)
    query = (
        select(
            endorsement.c.seq,
            endorsement.c.at,
            endorsement.c.received_at,
            device.c.kid,
            device.c.imei,
            device.c.revoked_at,
        )
        .join(device, device.c.id == endorsement.c.device_id)
        .add_columns(
            select(func.min(card.c.iccid)).where(card.c.device_id == device.c.id).scalar_subquery().label("card")
        )
        .where(endorsement.c.station_id == found["id"], endorsement.c.seq > after)
        .where((endorsement.c.at >= since) | (endorsement.c.received_at >= since))
        .order_by(endorsement.c.seq)
        .limit(limit)
    )
    return [dict(row) | {"kid": row["kid"].hex()} for row in connection.execute(query).mappings()]


def endorsement_of(connection: Connection, device_id: int) -> dict[str, Any] | None:
    """Which station vouched for a device, and whether it is trusted to."""
    query = (
        select(endorsement, station.c.name, station.c.distrusted_from)
        .join(station, station.c.id == endorsement.c.station_id)
        .where(endorsement.c.device_id == device_id)
        .order_by(endorsement.c.received_at)
        .limit(1)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    doubted = row["distrusted_from"]
    return {
        "station": row["name"],
        "entry": row["seq"],
        "at": row["at"],
        "received_at": row["received_at"],
        "trusted": doubted is None or max(row["at"], row["received_at"]) < doubted,
    }
