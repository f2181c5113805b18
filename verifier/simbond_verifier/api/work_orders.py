"""Work orders: operators make them, technicians fetch theirs as a signed bundle and hand in what devices proved."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy import Connection

from ..store import field_results, work_bundles, work_orders
from ..store.tokens import Holder, Role
from ..work_orders.bundle import MEDIA_TYPE
from . import work_order_documents as documents
from .models import Decision
from .operator import Decides, Limit, Looks, Services, Site, Use

router = APIRouter(prefix="/v1/work-orders", tags=["work orders"])

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.post("", status_code=201)
async def make_work_order(
    services: Use, holder: Decides, order: documents.WorkOrderRequest
) -> documents.WorkOrderWithResults:
    """Sends a technician to a card: to check its bond, or to carry out an approved swap."""
    unit = partial(work_orders.make, **order.model_dump(), actor=holder.name, now=services.clock())
    return await _show(services, await services.write(unit))


@router.get("")
def list_work_orders(
    services: Use,
    holder: Looks,
    technician: str | None = None,
    open_only: Annotated[bool, Query(alias="open")] = False,
    after: int = 0,
    limit: Limit = 100,
) -> documents.WorkOrders:
    """Work orders in the order in which they were made, a page at a time; a technician sees their own."""
    with services.database.read() as connection:
        found = work_orders.list_all(
            connection,
            technician=_own(holder) or technician,
            open_only=open_only,
            after=after,
            limit=limit,
            now=services.clock(),
        )
    following = found[-1]["number"] if len(found) == limit else None
    return documents.WorkOrders(orders=[documents.WorkOrder(**order) for order in found], next=following)


@router.get(
    "/bundle", response_class=Response, responses={200: {"content": {MEDIA_TYPE: {}}, "description": "COSE_Sign1"}}
)
def fetch_work_orders(services: Use, holder: Site, hours: Annotated[int, Query(ge=1, le=168)] = 24) -> Response:
    """The holder's own open orders with what is needed to check them without a network, signed (docs/work-orders.md).
    hours: how long they may be checked with."""
    with services.database.read() as connection:
        key = services.keyring.signing(connection)
        sealed = work_bundles.fetch(connection, holder.name, key, hours=hours, now=services.clock())
    return Response(sealed, headers={"cache-control": "no-store"}, media_type=MEDIA_TYPE)


@router.post("/assess")
def assess_result(services: Use, _: Looks, order: documents.ProofOrder) -> documents.AssessedResult:
    """What a result proves, for whoever was shown its QR code. Nothing is recorded."""
    with services.database.read() as connection:
        found = field_results.assess(connection, order.result, _points(services, connection), services.clock())
    ticket = found.judged.ticket
    about = {} if ticket is None else {"number": ticket.order, "iccid": ticket.iccid}
    times = {} if ticket is None else {"issued": ticket.issued, "expires": ticket.expires}
    known = {"number": None, "iccid": None, "issued": None, "expires": None} | about | times
    return documents.AssessedResult(**known, finding=found.judged.finding, signed_before=found.signed_before)


@router.get("/{number}")
async def show_work_order(services: Use, holder: Looks, number: Number) -> documents.WorkOrderWithResults:
    """One work order with what devices proved for it; a technician sees their own."""
    return await _show(services, number, _own(holder))


@router.post("/{number}/cancel")
async def cancel_work_order(
    services: Use, holder: Decides, number: Number, order: Decision
) -> documents.WorkOrderWithResults:
    """Takes an open order back: its results count no more."""
    now = services.clock()
    await services.write(partial(work_orders.cancel, number=number, reason=order.reason, actor=holder.name, now=now))
    return await _show(services, number)


@router.post("/{number}/result")
async def take_result(
    services: Use, holder: Site, number: Number, order: documents.ProofOrder
) -> documents.TakenResult:
    """Takes what a device proved on site. It is judged by the device's signature and by what is known here; the same
    again changes nothing."""

    def unit(connection: Connection) -> field_results.Taken:
        return field_results.take(
            connection,
            number,
            order.result,
            _points(services, connection),
            technician=_own(holder),
            policy=services.policy,
            actor=holder.name,
            now=services.clock(),
        )

    return documents.TakenResult(**(await services.write(unit))._asdict())


async def _show(services: Services, number: int, technician: str | None = None) -> documents.WorkOrderWithResults:
    shown = partial(work_orders.show, number=number, now=services.clock(), technician=technician)
    found = await services.read(shown)
    return documents.WorkOrderWithResults(**found)


def _own(holder: Holder) -> str | None:
    """A technician's own name, whose orders alone they see."""
    return holder.name if holder.role is Role.TECHNICIAN else None


def _points(services: Services, connection: Connection) -> list[bytes]:
    return [published.key.point for published in services.keyring.published(connection)]
