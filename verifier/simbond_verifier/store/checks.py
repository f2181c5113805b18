"""Second checks (二次核验): how long one runs, and what a device's own word does not end (docs/re-verification.md)."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select, update

from ..appraisal import Card
from ..detection import PASSING
from ..lifecycle import Event, State
from ..notice import Happened, Kind
from ..reasons import Reason
from ..scenario import Scenario, Step
from . import cards, notices
from .schema import card, device, event, sign

EVIDENCE = "evidence"
"""The source of signs in Evidence: newer Evidence without them ends these."""
COUNTER = "counter"
"""The source of signs in how Evidence is counted: they speak against the key itself."""
ENDED_BY_EVIDENCE = (Reason.SILENT, Reason.TRAFFIC_UNATTESTED, Reason.NEVER_USED, Reason.SLEEPING, Reason.OFTEN_WARNED)
"""Signs from elsewhere that affirming Evidence ends: it is what they say is missing."""

_ANSWERED = "check-answered"
_PASSED = "check-passed"

_SEEN_AT = select(device.c.seen_at).where(device.c.id == bindparam("device"))
_STANDING = select(sign.c.reason, sign.c.source, sign.c.last_at, sign.c.times, sign.c.facts).where(
    sign.c.card_id == bindparam("about"),
    sign.c.cleared_at.is_(None),
    sign.c.source != EVIDENCE,
    sign.c.reason.not_in((*ENDED_BY_EVIDENCE, *PASSING)),
)
_OF_CARD = event.c.card_id == bindparam("about")
_ORDERED = select(func.max(event.c.id)).where(_OF_CARD, event.c.kind == Event.RECHECK).scalar_subquery()
_ANSWERED_AT = select(func.min(event.c.at)).where(_OF_CARD, event.c.kind == _ANSWERED, event.c.id > _ORDERED)


class Standing(NamedTuple):
    """A sign that leads to a second check, and that affirming Evidence does not end: another source says otherwise, or
    it speaks against the key that signs."""

    reason: Reason
    source: str
    at: float
    """When it was last so; by the network's clock where a network saw it."""


def deadline(connection: Connection, about: Card, scenario: Scenario, now: float) -> float:
    """When a check that begins now is over: after the scenario's time, and never before its device's next report is
    due, tolerance included. Nobody is suspended for having been asleep, as the scenario lets them."""
    seen_at = connection.execute(_SEEN_AT, {"device": about.device_id}).scalar()
    heard_at = about.since if seen_at is None else seen_at
    return max(now + scenario.second_check.deadline_s, heard_at + scenario.nonce_age_s)


def standing(connection: Connection, card_id: int, scenario: Scenario) -> list[Standing]:
    """The signs against a card that its own key cannot answer. A weak one that is not confirmed is none; nor is what
    is over by itself: nobody can take it back."""
    found = []
    for row in connection.execute(_STANDING, {"about": card_id}):
        rung = scenario.rung(Reason(row.reason))
        if rung.step.weight >= Step.RECHECK.weight and row.times >= rung.confirm:
            found.append(Standing(Reason(row.reason), row.source, float(row.facts.get("at", row.last_at))))
    return found


def answer(connection: Connection, about: Card, found: Sequence[Standing], at: float, evidence_id: int | None) -> None:
    """The device has affirmed, and the check goes on: one line of history says so."""
    if about.deadline is None or _answered_at(connection, about.id) is not None:
        return
    reasons = [each.reason for each in found]
    cards.record(
        connection, about, _ANSWERED, at=at, actor="verifier", reasons=reasons, device_id=about.device_id,
        evidence_id=evidence_id,
    )  # fmt: skip


def agree(connection: Connection, about: Card, scenario: Scenario, now: float) -> Card:
    """A network has taken something back. Where its device had affirmed the card, and nothing is left that the device
    cannot answer, the check is passed; the warning ends with the device's next word."""
    if about.status.state is not State.WARNED or about.deadline is None:
        return about
    if _answered_at(connection, about.id) is None or standing(connection, about.id, scenario):
        return about
    connection.execute(update(card).where(card.c.id == about.id).values(deadline=None, remind_at=None))
    about = about._replace(deadline=None)
    event_id = cards.record(connection, about, _PASSED, at=now, actor="verifier")
    notices.add(connection, about, Kind.PASSED, event_id, Happened(now, "verifier"))
    return about


def is_disputed(connection: Connection, about: Card, found: Sequence[Standing]) -> bool:
    """Whether a check that ran out is one word against another: the device affirmed, and what the network reports was
    so before that. It is none where the network has said it again since, nor where the key itself is in doubt."""
    if not found or about.status.state is not State.WARNED:
        return False
    answered_at = _answered_at(connection, about.id)
    return answered_at is not None and all(each.source != COUNTER and each.at <= answered_at for each in found)


def _answered_at(connection: Connection, card_id: int) -> float | None:
    """When the device first affirmed the card since its check was ordered, where that did not end it."""
    found: float | None = connection.execute(_ANSWERED_AT, {"about": card_id}).scalar()
    return found
