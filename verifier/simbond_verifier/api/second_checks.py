"""Second checks (二次核验) that a person orders or confirms (docs/re-verification.md)."""

from functools import partial

from fastapi import APIRouter

from .. import fleet
from ..store import second_checks
from ..store.tokens import Role
from . import case_documents as documents
from .operator import Changed, Decides, Services, Site, Use
from .problems import Problem

router = APIRouter(prefix="/v1", tags=["cards"])


@router.post("/cards/{iccid}/recheck")
async def order_second_check(services: Use, holder: Decides, iccid: str, order: documents.SecondCheck) -> Changed:
    """Has a card checked again: it is suspended unless its device affirms it, or a person confirms it, in time."""
    await services.write(
        partial(
            second_checks.order,
            iccid=iccid,
            reason=order.reason,
            deadline_s=order.deadline_s,
            scenarios=services.scenarios,
            actor=holder.name,
            now=services.clock(),
        )
    )
    return await _show(services, iccid)


@router.post("/cards/{iccid}/recheck/confirm")
async def confirm_second_check(services: Use, holder: Site, iccid: str, order: documents.Confirmation) -> Changed:
    """A person has checked the card, its device and its holder: that ends the check. A technician may where the policy
    says so."""
    if holder.role is Role.TECHNICIAN and not services.policy.checks.technician_confirms:
        raise Problem(
            403, "role", "A technician may not confirm a check here; ask an operator, or see [checks] in the policy."
        )
    await services.write(
        partial(
            second_checks.confirm,
            iccid=iccid,
            reason=order.reason,
            materials=[material.model_dump() for material in order.materials],
            by_another=services.policy.two_persons.resume,
            actor=holder.name,
            now=services.clock(),
        )
    )
    return await _show(services, iccid)


async def _show(services: Services, iccid: str) -> Changed:
    return Changed(**await services.read(partial(fleet.show_card, iccid=iccid)))
