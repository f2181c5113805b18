"""The second check (二次核验) of a card, ordered or confirmed by a person (docs/re-verification.md)."""

from sqlalchemy import Connection, select

from ..appraisal import Card
from ..fleet.lookup import find_card, instead
from ..lifecycle import Event, State
from ..refusal import Conflict
from ..scenario import Scenarios
from . import accusations, cards, checks, signs
from .proposals import require_other
from .schema import event


def order(
    connection: Connection,
    iccid: str,
    *,
    reason: str,
    deadline_s: int | None,
    scenarios: Scenarios,
    actor: str,
    now: float,
) -> Card:
    """Has a card checked again: suspended unless its device affirms it, or a person confirms it, by the deadline (that
    of `checks` unless stated). Raises NotFound, Conflict."""
    found = find_card(connection, iccid)
    scenario = scenarios.get(found.scenario)
    if scenario is None:
        raise Conflict("scenario-unknown", f"Scenario '{found.scenario}' of this card is not loaded; load it first.")
    if found.status.state not in (State.BOUND, State.WARNED):
        raise Conflict(
            "state",
            f"Card {iccid} is {found.status.state}: only a card that is in use is checked. "
            f"{instead(found.status.state)}",
            state=found.status.state,
        )
    if found.deadline is not None:
        raise Conflict("check-open", f"A check of card {iccid} is open already.", deadline=found.deadline)
    return cards.change(
        connection,
        found,
        Event.RECHECK,
        at=now,
        actor=actor,
        deadline=checks.deadline(connection, found, scenario, now) if deadline_s is None else now + deadline_s,
        remind_s=scenario.second_check.remind_s,
        reason=reason,
    )


def confirm(
    connection: Connection,
    iccid: str,
    *,
    reason: str,
    materials: list[dict[str, str]],
    by_another: bool = False,
    actor: str,
    now: float,
) -> Card:
    """A person has checked a card, its device and its holder's identity: that ends the check, and settles what spoke
    against the card. materials: names and SHA-256 digests of what was handed in. by_another: whoever ordered the check
    does not confirm it. Raises NotFound, Conflict."""
    found = find_card(connection, iccid)
    if found.status.state is not State.WARNED or found.deadline is None:
        raise Conflict(
            "no-check-open",
            f"No second check of card {iccid} is open, it is {found.status.state}. {instead(found.status.state)}",
            state=found.status.state,
        )
    if by_another:
        require_other(_ordered_by(connection, found), actor)
    signs.forget(connection, found.id, now)
    accusations.settle(connection, found.id, now)
    found = cards.by_id(connection, found.id)
    return cards.change(connection, found, Event.LIFT, at=now, actor=actor, reason=reason, materials=materials)


def _ordered_by(connection: Connection, found: Card) -> str:
    ordered = (event.c.card_id == found.id) & (event.c.kind == Event.RECHECK)
    query = select(event.c.actor).where(ordered).order_by(event.c.id.desc()).limit(1)
    return connection.execute(query).scalar() or ""
