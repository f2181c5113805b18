"""Appeals (申诉): a card's holder disagrees, somebody decides who had no part in it, and an upheld appeal lifts at once
what it is about (docs/appeals.md)."""

from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, Select, func, insert, select, update

from ..appraisal import Card
from ..fleet.lookup import find_card
from ..lifecycle import Event, State
from ..notice import Happened, Kind
from ..policy import Policy
from ..reasons import Reason
from ..refusal import Conflict, NotFound
from . import accusations, cards, notices, signs
from .proposals import require_other
from .schema import appeal, card, event

_MEASURES = (Event.ALERT, Event.RECHECK, Event.RESTRICT, Event.SUSPEND, Event.EXPIRE)
_IN_ORDER = (State.STOCK, State.BOUND)


class Outcome(StrEnum):
    OPEN = "open"
    UPHELD = "upheld"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Decided(NamedTuple):
    """A decided appeal, for the metrics: a rule whose appeals are upheld is a bad rule."""

    id: int
    outcome: Outcome
    rule: str


def file(
    connection: Connection,
    iccid: str,
    *,
    statement: str,
    materials: list[dict[str, str]],
    policy: Policy,
    actor: str,
    now: float,
) -> int:
    """Takes an appeal against whatever burdens the card now. materials: names and SHA-256 digests of what was handed
    in. Returns its id. Raises NotFound, Conflict."""
    found = find_card(connection, iccid)
    if found.status.state is State.RETIRED:
        raise Conflict(
            "card-retired",
            f"Card {iccid} was retired, which is for good: no appeal brings it back. Issue another card.",
        )
    if found.status.state in _IN_ORDER:
        raise Conflict("nothing-to-appeal", f"Card {iccid} is {found.status.state}: nothing burdens it.")
    known = connection.execute(_OF_CARD.where(appeal.c.card_id == found.id)).scalar()
    if known is not None:
        raise Conflict("appeal-open", f"Appeal {known} about card {iccid} is not decided yet.", appeal=known)
    against = notices.last_measure(connection, found.id, since=_in_order(connection, found.id))
    due_at = now + policy.appeals.decide_s
    added: int = connection.execute(
        insert(appeal)
        .values(
            card_id=found.id,
            notice_id=None if against is None else against.id,
            filed_at=now,
            filed_by=actor,
            statement=statement,
            materials=materials,
            due_at=due_at,
            remind_at=due_at,
        )
        .returning(appeal.c.id)
    ).scalar_one()
    cards.record(connection, found, "appeal-filed", at=now, actor=actor, appeal=added, due_at=due_at)
    return added


def uphold(connection: Connection, appeal_id: int, *, reason: str, actor: str, now: float) -> Decided:
    """Another person agrees with the holder: whatever burdens the card is lifted in this transaction, and what spoke
    against it is settled. Raises NotFound, Conflict."""
    row, about = _open(connection, appeal_id)
    _require_uninvolved(connection, row, actor)
    if about.status.state is State.RETIRED:
        raise Conflict(
            "card-retired", "The card was retired meanwhile, which is for good: reject or withdraw the appeal."
        )
    rule = _rule(connection, about)
    _close(connection, about, row, Outcome.UPHELD, reason=reason, actor=actor, now=now)
    signs.forget(connection, about.id, now)
    accusations.settle(connection, about.id, now)
    about = cards.by_id(connection, about.id)
    if about.status.state not in _IN_ORDER:
        cards.change(connection, about, Event.LIFT, at=now, actor=actor, appeal=appeal_id, reason=reason)
    return Decided(appeal_id, Outcome.UPHELD, rule)


def reject(connection: Connection, appeal_id: int, *, reason: str, actor: str, now: float) -> Decided:
    """Another person disagrees with the holder, who is told why and where to turn next. Raises NotFound, Conflict."""
    row, about = _open(connection, appeal_id)
    _require_uninvolved(connection, row, actor)
    event_id = _close(connection, about, row, Outcome.REJECTED, reason=reason, actor=actor, now=now)
    happened = Happened(now, actor, words=reason, detail={"appeal": appeal_id})
    notices.add(connection, about, Kind.APPEAL_REJECTED, event_id, happened)
    return Decided(appeal_id, Outcome.REJECTED, _rule(connection, about))


def withdraw(
    connection: Connection, appeal_id: int, *, reason: str, actor: str, now: float, for_others: bool = False
) -> Decided:
    """The holder does not want it any more, says whoever filed it for them, who took no part in what it is about.
    for_others: whoever else says so may, too. Raises NotFound, Conflict."""
    row, about = _open(connection, appeal_id)
    _require_no_part(connection, about.id, actor)
    if not for_others and row["filed_by"] != actor:
        raise Conflict(
            "not-filer", "Somebody else has filed this appeal; they withdraw it, or an operator.", appeal=appeal_id
        )
    _close(connection, about, row, Outcome.WITHDRAWN, reason=reason, actor=actor, now=now)
    return Decided(appeal_id, Outcome.WITHDRAWN, _rule(connection, about))


def overdue(connection: Connection, now: float, limit: int) -> list[tuple[float, int]]:
    """Open appeals of which somebody has to be reminded: since when, and their ids."""
    query = select(appeal.c.remind_at, appeal.c.id).where(appeal.c.remind_at <= now)
    return [(at, id_) for at, id_ in connection.execute(query.order_by(appeal.c.remind_at).limit(limit))]


def remind(connection: Connection, appeal_id: int, now: float, *, again_s: float) -> None:
    """An appeal is not decided in time: that is said in the card's history and to its holder, and again after a
    while."""
    row, about = _open(connection, appeal_id)
    connection.execute(update(appeal).where(appeal.c.id == appeal_id).values(remind_at=now + again_s))
    detail = {"appeal": appeal_id, "due_at": row["due_at"]}
    event_id = cards.record(connection, about, "appeal-overdue", at=now, actor="verifier", **detail)
    notices.add(connection, about, Kind.APPEAL_OVERDUE, event_id, Happened(now, "verifier", detail=detail))


def show(connection: Connection, appeal_id: int) -> dict[str, Any]:
    """One appeal, as operators see it. Raises NotFound."""
    return _view(_row(connection, appeal_id))


def list_all(
    connection: Connection,
    *,
    outcome: Outcome | None,
    overdue_at: float | None,
    filed_by: str | None = None,
    after: int,
    limit: int,
) -> list[dict[str, Any]]:
    """Appeals in the order in which they were filed, from the one behind `after`. overdue_at: only those that were due
    by then and are open. filed_by: only those of one person."""
    query = _VIEWS.where(appeal.c.id > after).order_by(appeal.c.id).limit(limit)
    if outcome is not None:
        query = query.where(appeal.c.outcome == outcome)
    if overdue_at is not None:
        query = query.where(appeal.c.outcome == Outcome.OPEN, appeal.c.due_at <= overdue_at)
    if filed_by is not None:
        query = query.where(appeal.c.filed_by == filed_by)
    return [_view(row) for row in connection.execute(query).mappings()]


_OF_CARD = select(appeal.c.id).where(appeal.c.outcome == Outcome.OPEN)
_VIEWS: Select[Any] = select(appeal, card.c.iccid).join(card, card.c.id == appeal.c.card_id)


def _view(row: RowMapping) -> dict[str, Any]:
    plain = ("id", "iccid", "notice_id", "filed_at", "filed_by", "statement", "materials", "due_at", "outcome")
    return {name: row[name] for name in (*plain, "decided_at", "decided_by", "words")}


def _row(connection: Connection, appeal_id: int) -> RowMapping:
    row = connection.execute(_VIEWS.where(appeal.c.id == appeal_id)).mappings().first()
    if row is None:
        raise NotFound("appeal-unknown", f"There is no appeal {appeal_id}; see 'simbond appeals list'.")
    return row


def _open(connection: Connection, appeal_id: int) -> tuple[RowMapping, Card]:
    row = _row(connection, appeal_id)
    if row["outcome"] != Outcome.OPEN:
        raise Conflict("appeal-decided", f"Appeal {appeal_id} is {row['outcome']} already.", outcome=row["outcome"])
    return row, cards.by_id(connection, row["card_id"])


def _require_uninvolved(connection: Connection, row: RowMapping, actor: str) -> None:
    """Whoever decides has neither filed the appeal, nor taken any of the measures that it is about."""
    require_other(row["filed_by"], actor)
    _require_no_part(connection, row["card_id"], actor)


def _require_no_part(connection: Connection, card_id: int, actor: str) -> None:
    """Who asked for a measure that another person approved took part in it as well."""
    if any(actor in (found.actor, found.detail.get("asked_by")) for found in _measures(connection, card_id)):
        raise Conflict(
            "same-person", "You took a measure that this appeal is about; it takes another person to decide."
        )


def _measures(connection: Connection, card_id: int) -> list[Any]:
    """The events that burden the card, since it last was in order, oldest first."""
    since = _in_order(connection, card_id)
    query = (
        select(event.c.actor, event.c.reasons, event.c.detail)
        .where(event.c.card_id == card_id, event.c.id > since, event.c.kind.in_(_MEASURES))
        .order_by(event.c.id)
    )
    return list(connection.execute(query))


def _in_order(connection: Connection, card_id: int) -> int:
    """The last event after which nothing burdened the card."""
    query = select(func.coalesce(func.max(event.c.id), 0)).where(
        event.c.card_id == card_id, event.c.state.in_(_IN_ORDER)
    )
    found: int = connection.execute(query).scalar_one()
    return found


def _rule(connection: Connection, about: Card) -> str:
    """The rule by which the card came to where it is, or `operator`. Where a check ran out: what had ordered it."""
    for found in reversed(_measures(connection, about.id)):
        reasons = [reason for reason in found.reasons.split(",") if reason not in ("", Reason.CHECK_EXPIRED)]
        if reasons or found.actor != "verifier":
            return reasons[0] if reasons else "operator"
    return "none"


def _close(
    connection: Connection, about: Card, row: RowMapping, outcome: Outcome, *, reason: str, actor: str, now: float
) -> int:
    """Decides the appeal. Returns the id of the event."""
    connection.execute(
        update(appeal)
        .where(appeal.c.id == row["id"])
        .values(outcome=outcome, decided_at=now, decided_by=actor, words=reason, remind_at=None)
    )
    return cards.record(connection, about, f"appeal-{outcome}", at=now, actor=actor, appeal=row["id"], reason=reason)
