"""Appeals (申诉): filed for a card's holder, decided by somebody who had no part in it (docs/appeals.md)."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query

from ..store import appeals
from ..store.appeals import Decided, Outcome
from ..store.tokens import Holder, Role
from . import case_documents as documents
from .models import Decision
from .notices import After
from .operator import Decides, Limit, Looks, Services, Site, Use
from .problems import Problem

Number = Annotated[int, Path(ge=1, le=(1 << 31) - 1)]

router = APIRouter(prefix="/v1", tags=["appeals"])


@router.post("/cards/{iccid}/appeals", status_code=201)
async def file_appeal(services: Use, holder: Site, iccid: str, order: documents.Filing) -> documents.Appeal:
    """Files an appeal on behalf of a card's holder."""
    number = await services.write(
        partial(
            appeals.file,
            iccid=iccid,
            statement=order.statement,
            materials=[material.model_dump() for material in order.materials],
            policy=services.policy,
            actor=holder.name,
            now=services.clock(),
        )
    )
    return await _show(services, number)


@router.get("/appeals")
def list_appeals(
    services: Use,
    holder: Looks,
    outcome: Outcome | None = None,
    overdue: Annotated[bool, Query(description="Only those that should have been decided by now.")] = False,
    after: After = 0,
    limit: Limit = 100,
) -> documents.Appeals:
    """The appeals in the order in which they were filed, a page at a time. A technician sees those they have filed."""
    overdue_at = services.clock() if overdue else None
    with services.database.read() as connection:
        found = appeals.list_all(
            connection, outcome=outcome, overdue_at=overdue_at, filed_by=_only(holder), after=after, limit=limit
        )
    following = found[-1]["id"] if len(found) == limit else None
    return documents.Appeals(appeals=[documents.Appeal(**each) for each in found], next=following)


@router.get("/appeals/{number}")
async def show_appeal(services: Use, holder: Looks, number: Number) -> documents.Appeal:
    """One appeal; for a technician, one that they have filed."""
    found = await _show(services, number)
    if _only(holder) not in (None, found.filed_by):
        raise Problem(403, "role", f"Appeal {number} was filed by another person; a technician sees their own.")
    return found


def _only(holder: Holder) -> str | None:
    """By whom the appeals are filed that may be seen; None: by anybody."""
    return holder.name if holder.role is Role.TECHNICIAN else None


@router.post("/appeals/{number}/uphold")
async def uphold_appeal(services: Use, holder: Decides, number: Number, order: Decision) -> documents.Appeal:
    """The holder is right: whatever burdens the card is lifted at once."""
    return await _decide(services, appeals.uphold, number, order, holder.name)


@router.post("/appeals/{number}/reject")
async def reject_appeal(services: Use, holder: Decides, number: Number, order: Decision) -> documents.Appeal:
    """The holder is not right, and is told why."""
    return await _decide(services, appeals.reject, number, order, holder.name)


@router.post("/appeals/{number}/withdraw")
async def withdraw_appeal(services: Use, holder: Site, number: Number, order: Decision) -> documents.Appeal:
    """The holder does not want it any more, says whoever filed it, or an operator."""
    how = partial(appeals.withdraw, for_others=holder.role is not Role.TECHNICIAN)
    return await _decide(services, how, number, order, holder.name)


async def _decide(
    services: Services, how: Callable[..., Decided], number: int, order: Decision, actor: str
) -> documents.Appeal:
    unit = partial(how, appeal_id=number, reason=order.reason, actor=actor, now=services.clock())
    decided = await services.write(unit)
    services.metrics.appeals.labels(decided.outcome.value, decided.rule).inc()
    return await _show(services, number)


async def _show(services: Services, number: int) -> documents.Appeal:
    return documents.Appeal(**await services.read(partial(appeals.show, appeal_id=number)))
