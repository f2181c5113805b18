"""Work orders in the database (docs/work-orders.md): made and cancelled by operators, fetched by their technicians."""

from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, insert, select, update

from ..appraisal import Card
from ..binding import swap_is_open
from ..fleet.lookup import find_card
from ..refusal import Conflict, Invalid, NotFound
from ..work_orders.bundle import Kind
from . import cards, proposals
from .schema import card, device, field_result, token, work_order
from .tokens import Role

_ON_SITE = (Role.TECHNICIAN, Role.OPERATOR, Role.ADMIN)


class Outcome(StrEnum):
    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """Shown for one that is open in the table, and too old."""


def make(
    connection: Connection,
    iccid: str,
    *,
    kind: Kind,
    technician: str,
    decision: int | None,
    words: str,
    expires_s: int,
    actor: str,
    now: float,
) -> int:
    """Sends a technician to a card. Returns the order's number. Raises NotFound, Conflict, Invalid."""
    about = find_card(connection, iccid)
    _require_technician(connection, technician)
    if kind is Kind.SWAP:
        device_id = _announced(connection, about, decision, now)
    elif decision is not None:
        raise Invalid("decision-needless", "Only an order to swap has a decision.")
    elif about.device_id is None:
        raise Conflict("not-bound", f"Card {about.iccid} is bound to no device; there is nothing to check.")
    else:
        device_id = None
    number: int = connection.execute(
        insert(work_order)
        .values(
            kind=kind,
            technician=technician,
            card_id=about.id,
            device_id=device_id,
            proposal_id=decision,
            words=words,
            made_by=actor,
            made_at=now,
            expires_at=now + expires_s,
        )
        .returning(work_order.c.id)
    ).scalar_one()
    told: dict[str, Any] = {"order": number, "what": kind.value, "technician": technician, "reason": words}
    cards.record(connection, about, "work-order-made", at=now, actor=actor, device_id=device_id, **told)
    return number


def cancel(connection: Connection, number: int, *, reason: str, actor: str, now: float) -> None:
    """Takes an order back. Raises NotFound, Conflict."""
    found = find(connection, number)
    if found["outcome"] != Outcome.OPEN:
        raise Conflict("work-order-closed", f"Work order {number} is {found['outcome']} already.")
    close(connection, number, Outcome.CANCELLED, actor=actor, now=now)
    about = cards.by_id(connection, found["card_id"])
    cards.record(connection, about, "work-order-cancelled", at=now, actor=actor, order=number, reason=reason)


def close(connection: Connection, number: int, outcome: Outcome, *, actor: str, now: float) -> None:
    closed = {"outcome": outcome, "closed_at": now, "closed_by": actor}
    connection.execute(update(work_order).where(work_order.c.id == number).values(**closed))


def find(connection: Connection, number: int, technician: str | None = None) -> RowMapping:
    """An order's row. technician: only one of theirs. Raises NotFound."""
    query = select(work_order).where(work_order.c.id == number)
    row = connection.execute(_of(query, technician)).mappings().first()
    if row is None:
        raise _unknown(number)
    return row


def show(connection: Connection, number: int, now: float, technician: str | None = None) -> dict[str, Any]:
    """One order with what came of it. technician: only one of theirs. Raises NotFound."""
    row = connection.execute(_of(_VIEWS.where(work_order.c.id == number), technician)).mappings().first()
    if row is None:
        raise _unknown(number)
    results = (
        select(*_RESULT, device.c.kid)
        .select_from(field_result.outerjoin(device, device.c.id == field_result.c.device_id))
        .where(field_result.c.order_id == number)
        .order_by(field_result.c.id)
    )
    shown = [dict(result) | {"kid": _hex(result["kid"])} for result in connection.execute(results).mappings()]
    return _view(row, now) | {"results": [_renamed(result) for result in shown]}


def list_all(
    connection: Connection, *, technician: str | None, open_only: bool, after: int, limit: int, now: float
) -> list[dict[str, Any]]:
    """Orders in the order in which they were made, from the one behind `after`."""
    query = _of(_VIEWS.where(work_order.c.id > after), technician).order_by(work_order.c.id).limit(limit)
    if open_only:
        query = query.where(is_open(now))
    return [_view(row, now) for row in connection.execute(query).mappings()]


def _require_technician(connection: Connection, name: str) -> None:
    query = select(token.c.role).where(token.c.name == name, token.c.revoked_at.is_(None))
    role = connection.execute(query).scalar()
    if role is None:
        raise NotFound("technician-unknown", f"No token named '{name}' is in force; see 'simbond token list'.")
    if role not in _ON_SITE:
        raise Conflict("technician-role", f"The token '{name}' has the role {role}, which does nothing on site.")


def _announced(connection: Connection, about: Card, decision: int | None, now: float) -> int:
    """The device of an approved swap. Raises NotFound, Conflict, Invalid."""
    if decision is None:
        raise Invalid("decision-missing", "An order to swap takes the number of the decision that allowed it.")
    found = proposals.show(connection, decision)
    if (found["kind"], found["iccid"]) != (proposals.Kind.SWAP, about.iccid):
        raise Conflict("decision-other", f"Decision {decision} is about no swap of card {about.iccid}.")
    if found["outcome"] != proposals.Outcome.APPROVED:
        raise Conflict("decision-open", f"Decision {decision} is {found['outcome']}; nobody may carry it out.")
    if not swap_is_open(about, now) or about.swap_device_id is None:
        raise Conflict("swap-over", f"No swap of card {about.iccid} is open any more; ask for it anew.")
    return about.swap_device_id


_VIEWS = (
    select(work_order, card.c.iccid, device.c.kid)
    .select_from(work_order)
    .join(card, card.c.id == work_order.c.card_id)
    .outerjoin(device, device.c.id == work_order.c.device_id)
)
_RESULT = (
    field_result.c.at,
    field_result.c.uploaded_by,
    field_result.c.finding,
    field_result.c.signed_before,
)
_PLAIN = ("kind", "technician", "iccid", "words", "made_by", "made_at", "expires_at", "closed_at", "closed_by")


def _of(query: Select[Any], technician: str | None) -> Select[Any]:
    return query if technician is None else query.where(work_order.c.technician == technician)


def is_open(now: float) -> ColumnElement[bool]:
    """Of orders that are to be carried out."""
    return (work_order.c.outcome == Outcome.OPEN) & (work_order.c.expires_at > now)


def _view(row: RowMapping, now: float) -> dict[str, Any]:
    outcome = Outcome(row["outcome"])
    if outcome is Outcome.OPEN and row["expires_at"] <= now:
        outcome = Outcome.EXPIRED
    more = {"number": row["id"], "decision": row["proposal_id"], "device": _hex(row["kid"]), "outcome": outcome}
    return {name: row[name] for name in _PLAIN} | more


def _renamed(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name != "kid"} | {"device": result["kid"]}


def _hex(octets: bytes | None) -> str | None:
    return None if octets is None else octets.hex()


def _unknown(number: int) -> NotFound:
    return NotFound("work-order-unknown", f"There is no work order {number}; see 'simbond work-orders list'.")
