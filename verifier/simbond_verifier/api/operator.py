"""The operator API: cards, devices, and what the network equipment may ask."""

from asyncio import to_thread
from collections.abc import Awaitable, Callable
from functools import partial
from math import ceil
from time import monotonic, time
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import Connection

from .. import card_import, fleet, lifecycle
from ..decisions import Decisions
from ..enforcement.embedded import Embedded
from ..enforcement.target import UnknownSubscriber
from ..ingest.pipeline import Ingest
from ..lifecycle import State
from ..metrics import Metrics
from ..observer import Observer
from ..policy import Policy
from ..scenario import Scenarios
from ..store import tokens
from ..store.database import Database
from ..store.group_commit import GroupCommit
from ..store.signing_keys import Keyring
from ..store.tokens import Holder, Role
from . import models
from .problems import Problem
from .token_limits import TokenThrottle

T = TypeVar("T")

IMPORT_PATH = "/v1/cards/import"
CSV_OCTETS = 64 * 1024 * 1024
_READS = frozenset({Role.VIEWER, Role.OPERATOR, Role.ADMIN})
_SITE = frozenset({Role.TECHNICIAN, Role.OPERATOR, Role.ADMIN})
_LOOKS = _READS | _SITE
_DECIDES = frozenset({Role.OPERATOR, Role.ADMIN})
_FEEDS = _DECIDES | {Role.FEED}
_LOGS = _SITE | {Role.STATION}


class Services:
    """What the endpoints work on."""

    def __init__(
        self,
        database: Database,
        writer: GroupCommit,
        scenarios: Scenarios,
        ingest: Ingest,
        metrics: Metrics,
        embedded: Embedded | None,
        on_change: Callable[[], None],
        clock: Callable[[], float] = time,
        keyring: Keyring | None = None,
        policy: Policy | None = None,
    ) -> None:
        self.database = database
        self.writer = writer
        self.scenarios = scenarios
        self.ingest = ingest
        self.metrics = metrics
        self.embedded = embedded
        self.on_change = on_change
        self.clock = clock
        self.keyring = keyring or Keyring()
        self.policy = policy or Policy()
        self.decisions = Decisions(scenarios, self.policy)
        self.throttle = TokenThrottle(self.policy.limits)
        self.observer = Observer(writer, scenarios, self.policy, on_change, clock)

    async def write(self, unit: Callable[[Connection], T]) -> T:
        """Runs a unit of work, durably, and wakes the outbox."""
        result = await self.writer.submit(unit)
        self.on_change()
        return result

    async def read(self, query: Callable[[Connection], T]) -> T:
        """What a query finds, for an endpoint that runs on the event loop: a database that is elsewhere is waited for
        on a thread."""
        return await self.database.ask(query)


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Use = Annotated[Services, Depends(_services)]


def _allow(roles: frozenset[Role]) -> Callable[..., Awaitable[Holder]]:
    async def check(
        request: Request, services: Use, authorization: Annotated[str, Header(include_in_schema=False)] = ""
    ) -> Holder:
        scheme, _, secret = authorization.partition(" ")
        digest = tokens.digest(secret.strip()) if scheme.lower() == "bearer" else b""
        address = "" if request.client is None else request.client.host
        _require_patience(services.throttle.stranger_wait_s(address, digest, monotonic()), "address-rate")
        holder = await services.read(partial(tokens.find, digest=digest))
        if holder is None:
            services.throttle.refused(address, monotonic())
            raise Problem(
                401,
                "token",
                "Send 'Authorization: Bearer TOKEN' with a token in force; 'simbond token create' makes one.",
            )
        _require_patience(services.throttle.holder_wait_s(holder.name, digest, monotonic()), "token-rate")
        if holder.role not in roles:
            raise Problem(
                403,
                "role",
                f"A token with the role {holder.role} may not do this; it takes {' or '.join(sorted(roles))}.",
            )
        return holder

    return check


def _require_patience(wait_s: float, code: str) -> None:
    if wait_s:
        who = "This token asks" if code == "token-rate" else "Requests without a token in force come from this address"
        raise Problem(429, code, f"{who} too often; see [limits] in the policy.", retry_after_s=ceil(wait_s))


Reads = Annotated[Holder, Depends(_allow(_READS))]
Looks = Annotated[Holder, Depends(_allow(_LOOKS))]
"""Also who is on site: one card or device, by its number."""
Site = Annotated[Holder, Depends(_allow(_SITE))]
Decides = Annotated[Holder, Depends(_allow(_DECIDES))]
Feeds = Annotated[Holder, Depends(_allow(_FEEDS))]
Logs = Annotated[Holder, Depends(_allow(_LOGS))]
"""Hands in logs of factory stations."""
Limit = Annotated[int, Query(ge=1, le=1000)]

Changed = models.CardWithEnforcement

router = APIRouter(prefix="/v1")


@router.get("/cards", tags=["cards"])
def list_cards(
    services: Use, _: Reads, state: State | None = None, after: str = "", limit: Limit = 100
) -> models.Cards:
    """The cards in the order of their ICCID, a page at a time."""
    with services.database.read() as connection:
        found = fleet.list_cards(connection, state=state, after=after, limit=limit)
    following = found[-1]["iccid"] if len(found) == limit else None
    return models.Cards(cards=[models.Card(**c) for c in found], next=following)


@router.post(
    "/cards/import",
    tags=["cards"],
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def import_cards(
    request: Request, services: Use, holder: Decides, partial_: Annotated[bool, Query(alias="partial")] = False
) -> models.ImportReport:
    """Imports a card list (docs/api.md). With any bad row nothing is imported, unless partial."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > CSV_OCTETS:
            raise Problem(413, "csv-too-large", f"A card list has at most {CSV_OCTETS} octets; send it in parts.")
    checked = await to_thread(_check_list, services, bytes(body))
    faults = [f._asdict() for f in checked.faults]
    if faults and not partial_:
        raise Problem(
            422,
            "csv-rows",
            f"{len({f['line'] for f in faults})} rows are wrong; nothing was imported. "
            "Correct them and import the list again, or the good rows alone: --partial, over the API partial=true.",
            faults=faults,
        )
    for start in range(0, len(checked.fresh), fleet.IMPORT_CHUNK):
        rows = checked.fresh[start : start + fleet.IMPORT_CHUNK]
        await services.write(partial(fleet.add_cards, rows=rows, actor=holder.name, now=services.clock()))
    return models.ImportReport(
        imported=len(checked.fresh),
        unchanged=checked.unchanged,
        faults=[models.RowFault(**f) for f in faults],
    )


def _check_list(services: Services, body: bytes) -> fleet.Checked:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise Problem(422, "csv-encoding", f"The list is not UTF-8 (octet {e.start}); export it as UTF-8.") from None
    rows, faults = card_import.read(text, services.scenarios.names())
    with services.database.read() as connection:
        checked = fleet.check_import(connection, rows)
    faults = sorted(faults + checked.faults)
    more = len(faults) - card_import.FAULTY_ROWS
    if more > 1:  # where reading stopped, the last fault says so already
        del faults[card_import.FAULTY_ROWS :]
        faults.append(card_import.Fault(faults[-1].line, "", f"{more} more faults follow"))
    return checked._replace(faults=faults)


@router.get("/cards/{iccid}", tags=["cards"])
async def show_card(services: Use, holder: Looks, iccid: str) -> Changed:
    """One card, and the last command to the network about it. Whose it is, a technician does not see."""
    return await card_document(services, holder, iccid)


@router.get("/cards/{iccid}/history", tags=["cards"])
def card_history(services: Use, _: Reads, iccid: str) -> models.History:
    """Everything that happened to a card, oldest first."""
    with services.database.read() as connection:
        lines = fleet.history(connection, iccid)
    return models.History(iccid=iccid, history=[models.Happening(**line) for line in lines])


@router.get("/devices", tags=["devices"])
def list_devices(services: Use, _: Reads, after: str = "", limit: Limit = 100) -> models.Devices:
    """The devices in the order of their key ids, a page at a time."""
    with services.database.read() as connection:
        found = fleet.list_devices(connection, after=after, limit=limit)
    following = found[-1]["kid"] if len(found) == limit else None
    return models.Devices(devices=[models.Device(**d) for d in found], next=following)


@router.post("/devices", tags=["devices"], status_code=201)
async def enrol_device(services: Use, holder: Site, order: models.EnrolmentOrder) -> models.DeviceWithKey:
    """Registers a device's key with its IMEI. The request proves that the device holds the key."""
    if order.allow_duplicate_imei and holder.role not in _DECIDES:
        raise Problem(
            403,
            "role",
            f"A token with the role {holder.role} may not allow a duplicate IMEI; it takes "
            f"{' or '.join(sorted(_DECIDES))}. Enrol without, or ask one of them to enrol this device.",
        )
    unit = partial(
        fleet.enrol,
        request=bytes.fromhex(order.request),
        imei=order.imei,
        imei2=order.imei2,
        label=order.label,
        allow_duplicate_imei=order.allow_duplicate_imei,
        actor=holder.name,
        now=services.clock(),
    )
    return await _device(services, await services.write(unit))


@router.get("/devices/{kid}", tags=["devices"])
async def show_device(services: Use, _: Looks, kid: str) -> models.DeviceWithKey:
    """One device with its public key."""
    return await _device(services, kid)


@router.post("/devices/{kid}/revoke", tags=["devices"])
async def revoke_device(services: Use, holder: Decides, kid: str, order: models.Decision) -> models.DeviceWithKey:
    """Revokes a device's key: its Evidence counts for nothing from now on."""
    unit = partial(fleet.revoke, kid=kid, reason=order.reason, actor=holder.name, now=services.clock())
    services.ingest.forget(await services.write(unit))
    return await _device(services, kid)


@router.get("/scenarios", tags=["scenarios"])
def list_scenarios(services: Use, _: Reads) -> models.ScenarioNames:
    """The names of the scenarios that are loaded."""
    return models.ScenarioNames(scenarios=services.scenarios.names())


@router.get("/subscribers/{imsi}", tags=["network"])
async def ask_subscriber(services: Use, _: Reads, imsi: str) -> models.Subscriber:
    """What the embedded enforcement table says: whether network equipment may let the card in."""
    if services.embedded is None:
        raise Problem(409, "target-elsewhere", "Cards are barred at another target (--target); ask there.")
    try:
        access = await services.embedded.state(imsi)
    except UnknownSubscriber as e:
        raise Problem(404, "subscriber-unknown", f"{e}.") from None
    except ValueError as e:
        raise Problem(422, "imsi-invalid", f"{e}.") from None
    return models.Subscriber(imsi=imsi, access=lifecycle.Access(access.value))


@router.get("/metrics", tags=["service"], response_class=Response)
def show_metrics(services: Use, _: Reads) -> Response:
    """Counters in Prometheus' exposition format."""
    return Response(generate_latest(services.metrics.registry), media_type=CONTENT_TYPE_LATEST)


async def card_document(services: Services, holder: Holder, iccid: str) -> Changed:
    """A card as the holder of a token may see it."""
    found = await services.read(partial(fleet.show_card, iccid=iccid))
    return Changed(**found | ({"msisdn": None, "customer": None} if holder.role is Role.TECHNICIAN else {}))


async def _device(services: Services, kid: str) -> models.DeviceWithKey:
    return models.DeviceWithKey(**await services.read(partial(fleet.show_device, kid=kid)))
