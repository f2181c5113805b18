"""What waits for a second person, and what became of it."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy import Connection

from ..store import proposals
from ..store.proposals import Outcome
from . import decision_documents as documents
from .operator import Decides, Limit, Looks, Reads, Services, Site, Use
from .orders import finish

router = APIRouter(prefix="/v1/decisions", tags=["decisions"])

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
After = Annotated[str, Query(pattern=r"^\d{0,9}$")]


@router.get("")
def list_decisions(
    services: Use, _: Reads, outcome: Outcome | None = None, after: After = "", limit: Limit = 100
) -> documents.Proposals:
    """What was asked for, oldest first, a page at a time."""
    with services.database.read() as connection:
        found = proposals.list_all(connection, outcome=outcome, after=int(after or 0), limit=limit)
    following = str(found[-1]["id"]) if len(found) == limit else None
    return documents.Proposals(decisions=[documents.Proposal(**f) for f in found], next=following)


@router.get("/{number}")
async def show_decision(services: Use, _: Looks, number: Number) -> documents.Proposal:
    """One of them."""
    return await _show(services, number)


@router.post("/{number}/approve")
async def approve(services: Use, holder: Decides, number: Number, answer: documents.Answer) -> documents.Proposal:
    """Agrees to what another person asked for, and carries it out."""
    unit = partial(
        services.decisions.approve, proposal_id=number, words=answer.words, actor=holder.name, now=services.clock()
    )
    found = await services.write(unit)
    await finish(services, found.order, holder, decision=found.id, asked_by=found.asked_by)
    return await _show(services, number)


@router.post("/{number}/refuse")
async def refuse(services: Use, holder: Decides, number: Number, answer: documents.Answer) -> documents.Proposal:
    """Disagrees: nothing is done."""
    unit = partial(proposals.refuse, proposal_id=number, words=answer.words, actor=holder.name, now=services.clock())
    return await _after(services, number, unit)


@router.post("/{number}/withdraw")
async def withdraw(services: Use, holder: Site, number: Number) -> documents.Proposal:
    """Whoever asked does not want it any more."""
    unit = partial(proposals.withdraw, proposal_id=number, actor=holder.name, now=services.clock())
    return await _after(services, number, unit)


async def _after(
    services: Services, number: int, unit: Callable[[Connection], proposals.Proposal]
) -> documents.Proposal:
    await services.write(unit)
    return await _show(services, number)


async def _show(services: Services, number: int) -> documents.Proposal:
    return documents.Proposal(**await services.read(partial(proposals.show, proposal_id=number)))
