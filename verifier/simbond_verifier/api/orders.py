"""What operators order about cards. Where an order takes two persons the answer is 202 with what was asked for."""

from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import JSONResponse

from .. import decisions, fleet
from ..store import proposals
from ..store.proposals import Kind, Order
from ..store.tokens import Holder
from . import decision_documents as documents
from . import models
from .operator import Changed, Decides, Services, Site, Use, card_document

router = APIRouter(prefix="/v1/cards/{iccid}", tags=["cards"])

WAITS: dict[int | str, dict[str, Any]] = {
    202: {"model": documents.Proposal, "description": "It takes another person to approve this."}
}


async def take(services: Services, holder: Holder, order: Callable[[Connection], Order]) -> JSONResponse | None:
    """Carries an order out. The answer, where it waits for another person."""

    def unit(connection: Connection) -> tuple[Order, dict[str, Any] | None]:
        made = order(connection)
        waits = services.decisions.take(connection, made, actor=holder.name, now=services.clock())
        return made, None if waits is None else proposals.show(connection, waits)

    made, asked = await services.write(unit)
    if asked is None:
        await finish(services, made, holder)
        return None
    return JSONResponse(documents.Proposal(**asked).model_dump(mode="json"), 202)


async def finish(services: Services, order: Order, holder: Holder, **why: Any) -> None:
    """Carries out what is left of a long order, a part at a time."""
    go_on = partial(services.decisions.go_on, order=order, actor=holder.name, **why)
    while await services.write(partial(go_on, now=services.clock())):
        pass


async def _order_card(services: Services, holder: Holder, kind: Kind, iccid: str, **order: Any) -> Any:
    asked = await take(services, holder, partial(decisions.about_card, kind=kind, iccid=iccid, **order))
    return asked or await card_document(services, holder, iccid)


@router.post("/bind", response_model=Changed, responses=WAITS)
async def bind_card(services: Use, holder: Decides, iccid: str, order: documents.Bind) -> Any:
    """Binds a card to an enrolled device in a scenario."""
    more = {"scenario": order.scenario, "force": order.force}

    def made(connection: Connection) -> Order:
        if order.first:
            fleet.require_first(connection, iccid, order.device)
        return decisions.about_card(connection, Kind.BIND, iccid, reason=order.reason, kid=order.device, **more)

    return await take(services, holder, made) or await card_document(services, holder, iccid)


@router.post("/unbind", response_model=Changed, responses=WAITS)
async def unbind_card(services: Use, holder: Decides, iccid: str, order: models.Decision) -> Any:
    """Takes a card from its device."""
    return await _order_card(services, holder, Kind.UNBIND, iccid, reason=order.reason)


@router.post("/swap", status_code=202)
async def swap_device(services: Use, holder: Site, iccid: str, order: documents.Swap) -> documents.Proposal:
    """Announces that the card goes to another device. Once another person approves, that device may attest it, and
    nothing that such a move explains counts against the card meanwhile."""
    more = {"kid": order.device, "force": order.force, "reason": order.reason}
    return await _order_card(services, holder, Kind.SWAP, iccid, **more)  # type: ignore[no-any-return]


@router.post("/suspend")
async def suspend_card(services: Use, holder: Decides, iccid: str, order: models.Decision) -> Changed:
    """Suspends a card by an operator's decision. One person may always do that."""
    unit = partial(fleet.suspend, iccid=iccid, reason=order.reason, actor=holder.name, now=services.clock())
    await services.write(unit)
    return await card_document(services, holder, iccid)


@router.post("/resume", response_model=Changed, responses=WAITS)
async def resume_card(services: Use, holder: Decides, iccid: str, order: documents.Resumption) -> Any:
    """Lets a suspended card into the network again, to be re-verified there, or for good."""
    more = {"reason": order.reason, "reverify": order.reverify}
    return await _order_card(services, holder, Kind.RESUME, iccid, **more)


@router.post("/retire", response_model=Changed, responses=WAITS)
async def retire_card(services: Use, holder: Decides, iccid: str, order: models.Decision) -> Any:
    """Takes a card out of use for good."""
    return await _order_card(services, holder, Kind.RETIRE, iccid, reason=order.reason)


@router.post("/erase", response_model=Changed, responses=WAITS)
async def erase_card(services: Use, holder: Decides, iccid: str, order: models.Decision) -> Any:
    """Deletes what is personal about a retired card (docs/privacy.md)."""
    return await _order_card(services, holder, Kind.ERASE, iccid, reason=order.reason)


@router.post("/sim-key")
async def set_sim_key(services: Use, holder: Decides, iccid: str, order: models.SimKey) -> Changed:
    """Registers the public key on a card's SIM: from then on what it signs counts, and is missed where it is not."""
    unit = partial(
        fleet.set_sim_key, iccid=iccid, key=order.key, reason=order.reason, actor=holder.name, now=services.clock()
    )
    await services.write(unit)
    return await card_document(services, holder, iccid)
