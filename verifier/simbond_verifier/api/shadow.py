"""What changed rules would have done, asked before they are switched on (docs/shadow.md)."""

import asyncio
from threading import Event

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from .. import policy as policies
from .. import shadow
from ..policy import InvalidPolicy, Policy
from ..reasons import Reason
from ..scenario import InvalidScenario, Scenarios, parse
from ..words import Language, explain
from .operator import Decides, Use
from .problems import Problem

_LOOK_S = 1.0
"""How often it is seen whether the caller still waits."""

router = APIRouter(prefix="/v1", tags=["scenarios"])


class ShadowOrder(BaseModel):
    """Rules to try."""

    model_config = ConfigDict(extra="forbid")

    scenarios: dict[str, str] = Field(description="The texts of all scenario files, by name of the file.", min_length=1)
    policy: str | None = Field(None, description="The text of a policy file; null: the one in force.")
    since: float = Field(0.0, description="Only history from then on.", ge=0, allow_inf_nan=False)
    until: float | None = Field(None, description="Only history before; null: now.", ge=0, allow_inf_nan=False)
    limit: int = Field(1000, ge=0, le=100000, description="Cards that the report names.")
    lang: Language = Language.EN


class CardsBy(BaseModel):
    """Cards by the gravest that is done to them."""

    warned: int
    rechecked: int
    restricted: int
    suspended: int
    withheld: int = Field(description="Of the restricted and the suspended: not done, because the rule was stopped.")
    rules_stopped: list[str] = Field(description="Rules that would have done too much, and waited for a person.")


class Outcome(BaseModel):
    step: str = Field(description="warned, rechecked, restricted or suspended")
    at: float
    reasons: list[str]
    words: str = Field(description="The first reason in words.")
    withheld: bool


class CardOutcome(BaseModel):
    iccid: str
    present: Outcome | None
    changed: Outcome | None


class ShadowReport(BaseModel):
    """What the rules in force do with history, beside what the changed ones do."""

    since: float
    until: float
    evidence: int = Field(description="Replayed.")
    evidence_deleted: int = Field(description="Whose messages were deleted by retention: not replayed.")
    evidence_lost: int = Field(description="That counts no more: of before a restore, or in a form of old.")
    observations: int
    orders: int = Field(description="What people decided; replayed, too.")
    present: CardsBy
    changed: CardsBy
    graver: int = Field(description="Cards to which the changed rules do more.")
    milder: int
    cards: list[CardOutcome] = Field(description="Those cards, the gravest change first.")
    more: int = Field(description="How many there are beyond them.")


_running = asyncio.Lock()


@router.post("/shadow")
async def run_shadow(request: Request, services: Use, _: Decides, order: ShadowOrder) -> ShadowReport:
    """Runs stored history by the rules in force and by these, and says what would be different. Changes nothing."""
    present = shadow.Candidate(services.scenarios, services.policy)
    changed = _candidate(order, services.policy)
    until = services.clock() if order.until is None else min(order.until, services.clock())
    if _running.locked():
        raise Problem(409, "shadow-running", "Another shadow run is at work; wait until it has ended.")
    gone = Event()
    async with _running:
        work = asyncio.create_task(
            asyncio.to_thread(
                shadow.run, services.database, present, changed,
                since=order.since, until=until, limit=order.limit, cancelled=gone.is_set,
            )
        )  # fmt: skip
        while not (await asyncio.wait([work], timeout=_LOOK_S))[0]:
            if await request.is_disconnected():
                gone.set()
        try:
            report = work.result()
        except shadow.Cancelled:
            raise Problem(503, "shadow-cancelled", "Nobody waited for the report.") from None
    return _document(report, order.lang)


def _candidate(order: ShadowOrder, present: Policy) -> shadow.Candidate:
    try:
        scenarios = Scenarios(parse(text, name) for name, text in order.scenarios.items())
        policy = present if order.policy is None else policies.parse(order.policy, "policy")
    except (InvalidScenario, InvalidPolicy) as e:
        raise Problem(422, "rules-invalid", f"{e}.") from None
    if policy.phones.file is not None:
        # Files are the server's own, read at its start.
        policy = policy.model_copy(update={"phones": present.phones})
    return shadow.Candidate(scenarios, policy)


def _document(report: shadow.Report, language: Language) -> ShadowReport:
    def outcome(found: shadow.Outcome | None) -> Outcome | None:
        if found is None:
            return None
        return Outcome(**found._asdict(), words=explain(Reason(found.reasons[0]), language))

    plain = {name: value for name, value in vars(report).items() if name not in ("present", "changed", "cards")}
    return ShadowReport(
        **plain,
        present=CardsBy(**vars(report.present)),
        changed=CardsBy(**vars(report.changed)),
        cards=[
            CardOutcome(iccid=c.iccid, present=outcome(c.present), changed=outcome(c.changed)) for c in report.cards
        ],
    )
