"""Whether the verifier acts by itself: the kill switch, the rules that were stopped, and what waits for a person."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import Connection

from .. import decisions
from ..reasons import Reason
from ..store import gate
from ..store.proposals import Kind, Order
from . import decision_documents as documents
from . import models
from .decisions import After, Number
from .operator import Decides, Limit, Reads, Services, Use
from .orders import WAITS, take

router = APIRouter(prefix="/v1/enforcement", tags=["enforcement"])

State = documents.Enforcing


@router.get("")
async def show_enforcement(services: Use, _: Reads) -> State:
    """Whether the verifier acts by itself."""
    return await _state(services)


@router.post("/kill-switch", response_model=State, responses=WAITS)
async def set_kill_switch(services: Use, holder: Decides, order: documents.KillSwitch) -> Any:
    """Stops everything that the verifier does by itself, which one person may always do, or lets it go on."""
    if not order.on:
        return await take(services, holder, lambda _: Order(Kind.START_ALL, order.reason)) or await _state(services)
    now = services.clock()
    await services.write(partial(gate.set_kill_switch, on=True, reason=order.reason, actor=holder.name, now=now))
    return await _state(services)


@router.post("/rules/{rule}/start", response_model=State, responses=WAITS)
async def start_rule(services: Use, holder: Decides, rule: Reason, order: models.Decision) -> Any:
    """Lets a rule act again that was stopped for cutting off too many cards."""
    wish = Order(Kind.START_RULE, order.reason, detail={"rule": rule.value})
    return await take(services, holder, lambda _: wish) or await _state(services)


@router.get("/withheld")
def list_withheld(
    services: Use,
    _: Reads,
    rule: Annotated[Reason | None, Query()] = None,
    after: After = "",
    limit: Limit = 100,
) -> documents.WithheldList:
    """What the verifier would have done, oldest first, a page at a time."""
    with services.database.read() as connection:
        found = gate.list_waiting(connection, rule=rule, after=int(after or 0), limit=limit)
    following = str(found[-1]["id"]) if len(found) == limit else None
    return documents.WithheldList(withheld=[documents.Withheld(**f) for f in found], next=following)


@router.post("/withheld/{number}/release", response_model=State, responses=WAITS)
async def release(services: Use, holder: Decides, number: Number, order: models.Decision) -> Any:
    """Has it done after all."""
    return await _one(services, holder, Kind.RELEASE, number, order)


@router.post("/withheld/{number}/dismiss", response_model=State)
async def dismiss(services: Use, holder: Decides, number: Number, order: models.Decision) -> Any:
    """Decides against it: the card stays as it is, warned."""
    return await _one(services, holder, Kind.DISMISS, number, order)


@router.post("/withheld/release", response_model=State, responses=WAITS)
async def release_all(services: Use, holder: Decides, order: documents.ByRule) -> Any:
    """Has everything done that is withheld of a rule now."""
    return await _all(services, holder, Kind.RELEASE_ALL, order)


@router.post("/withheld/dismiss", response_model=State)
async def dismiss_all(services: Use, holder: Decides, order: documents.ByRule) -> Any:
    """Decides against everything that is withheld of a rule now."""
    return await _all(services, holder, Kind.DISMISS_ALL, order)


async def _one(services: Services, holder: Decides, kind: Kind, number: int, order: models.Decision) -> Any:
    wish = partial(decisions.about_withheld, kind=kind, withheld_id=number, reason=order.reason)
    return await take(services, holder, wish) or await _state(services)


async def _all(services: Services, holder: Decides, kind: Kind, order: documents.ByRule) -> Any:
    wish = partial(decisions.about_rule, kind=kind, rule=order.rule, reason=order.reason)
    return await take(services, holder, wish) or await _state(services)


async def _state(services: Services) -> State:
    return await services.read(_read_state)


def _read_state(connection: Connection) -> State:
    switch = gate.kill_switch(connection)
    return State(
        kill_switch=None if switch is None else documents.KillSwitchState(**switch),
        stopped=[documents.StoppedRule(**rule) for rule in gate.stopped(connection)],
        withheld=gate.how_many_wait(connection),
    )
