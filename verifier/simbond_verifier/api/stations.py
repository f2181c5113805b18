"""Factory stations, and the logs of what they endorsed (docs/factory.md)."""

from asyncio import to_thread
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field

from .. import fleet
from ..fleet import stations
from ..fleet.endorsed import Log, Outcome, Row
from .models import Decision, Document
from .operator import Decides, Limit, Logs, Reads, Services, Use

LOG_TYPE = "application/cbor-seq"
UNIT = 10
"""Entries that share a unit of work: some tens of milliseconds, between which Evidence has its turn."""
_REVOKED_AT_ONCE = 100
_NEVER = -1e12

Name = Annotated[str, Path(max_length=64)]
After = Annotated[int, Query(ge=0, le=1 << 53)]
Moment = Annotated[float, Field(ge=0, le=1e11)]

router = APIRouter(prefix="/v1", tags=["devices"])


class Registration(Document):
    certificate: str = Field(max_length=8192, description="X.509 in PEM; its common name is the station's.")
    per_day: int | None = Field(None, ge=1, le=1_000_000, description="At most so many devices a day (UTC).")


class Station(Document):
    name: str
    kid: str = Field(description="Of its key, as in its endorsements.")
    not_before: float
    not_after: float
    per_day: int | None
    registered_at: float
    registered_by: str
    revoked_at: float | None
    distrusted_from: float | None = Field(description="What it endorsed or handed in since then is not trusted.")
    reason: str = Field(description="Why it was revoked.")
    entries: int = Field(description="Of its log, that are here.")
    devices: int = Field(description="Enrolled on its word.")
    imported_at: float | None


class Stations(Document):
    stations: list[Station]
    next: str | None = Field(description="Pass as 'after' for the next page; null on the last.")


class Revocation(Decision):
    since: Moment | None = Field(None, description="What it endorsed or handed in since then is not trusted.")
    devices: bool = Field(False, description="Revoke the keys of those devices, too.")


class EndorsedDevice(Document):
    seq: int
    at: float = Field(description="By the station's clock.")
    received_at: float
    kid: str
    imei: str
    card: str | None = Field(description="The card bound to it, or the first of them.")
    revoked_at: float | None


class EndorsedDevices(Document):
    devices: list[EndorsedDevice]
    next: int | None = Field(description="Pass as 'after' for the next page; null on the last.")


class ImportedEntry(Document):
    seq: int
    outcome: Outcome
    kid: str | None
    imei: str | None
    iccid: str | None = Field(description="The card that was in it.")
    code: str = Field(description="Why it was refused; empty where it was not.")
    detail: str


class LogReport(Document):
    station: str
    rows: list[ImportedEntry]


@router.post("/stations", status_code=201)
async def register_station(services: Use, holder: Decides, order: Registration) -> Station:
    """Has the word of the station with this certificate enrol devices."""
    unit = partial(
        stations.register,
        certificate=order.certificate,
        per_day=order.per_day,
        actor=holder.name,
        now=services.clock(),
    )
    return await _show(services, await services.write(unit))


@router.get("/stations")
def list_stations(services: Use, _: Reads, after: str = "", limit: Limit = 100) -> Stations:
    """The stations in the order of their names, a page at a time."""
    with services.database.read() as connection:
        found = stations.list_stations(connection, after=after, limit=limit)
    following = found[-1]["name"] if len(found) == limit else None
    return Stations(stations=[Station(**each) for each in found], next=following)


@router.get("/stations/{name}")
async def show_station(services: Use, _: Reads, name: Name) -> Station:
    """One station."""
    return await _show(services, name)


@router.get("/stations/{name}/devices")
def list_endorsed_devices(
    services: Use,
    _: Reads,
    name: Name,
    since: Annotated[float | None, Query(description="By the station's clock or the verifier's.")] = None,
    after: After = 0,
    limit: Limit = 100,
) -> EndorsedDevices:
    """The devices that a station endorsed, in the order of its log, a page at a time."""
    earliest = _NEVER if since is None else since
    with services.database.read() as connection:
        found = stations.endorsed_devices(connection, name, since=earliest, after=after, limit=limit)
    following = found[-1]["seq"] if len(found) == limit else None
    return EndorsedDevices(devices=[EndorsedDevice(**each) for each in found], next=following)


@router.post("/stations/{name}/revoke")
async def revoke_station(services: Use, holder: Decides, name: Name, order: Revocation) -> Station:
    """Ends a station. Its devices stay enrolled, unless `devices` says that those since a moment do not."""
    unit = partial(
        stations.revoke, name=name, since=order.since, reason=order.reason, actor=holder.name, now=services.clock()
    )
    await services.write(unit)
    if order.devices and order.since is not None:
        async for kid in _endorsed_since(services, name, order.since):
            revoke = partial(fleet.revoke, kid=kid, reason=order.reason, actor=holder.name, now=services.clock())
            services.ingest.forget(await services.write(revoke))
    return await _show(services, name)


async def _endorsed_since(services: Services, name: str, since: float) -> AsyncIterator[str]:
    """The devices whose keys are in force, a page of the log after the other."""
    after = 0
    while True:
        page = partial(stations.endorsed_devices, name=name, since=since, after=after, limit=_REVOKED_AT_ONCE)
        found = await services.database.ask(page)
        for each in found:
            if each["revoked_at"] is None:
                yield each["kid"]
        if len(found) < _REVOKED_AT_ONCE:
            return
        after = found[-1]["seq"]


@router.post(
    "/devices/import",
    openapi_extra={
        "requestBody": {"required": True, "content": {LOG_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
    },
)
async def import_log(request: Request, services: Use, holder: Logs) -> LogReport:
    """Enrols what a station endorsed: its log, or a part that goes on where the verifier knows it (docs/factory.md).

    A log that does not prove itself is refused as a whole. What is there already is left alone; an entry whose device
    cannot be enrolled is told, and tried again the next time.
    """
    octets = await request.body()
    log = await to_thread(_check, services, octets)
    rows: list[Row] = []
    for start in range(0, len(log.entries), UNIT):
        entries = log.entries[start : start + UNIT]
        unit = partial(fleet.import_entries, entries=entries, actor=holder.name, now=services.clock())
        rows += await services.write(unit)
    return LogReport(station=log.station, rows=[ImportedEntry(**row._asdict()) for row in rows])


def _check(services: Services, octets: bytes) -> Log:
    with services.database.read() as connection:
        return fleet.check_log(connection, octets, services.clock())


async def _show(services: Services, name: str) -> Station:
    return Station(**await services.read(partial(stations.show_station, name=name)))
