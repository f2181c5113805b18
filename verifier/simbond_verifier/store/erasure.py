"""Deletes what is personal about a card that is out of use for good (docs/privacy.md).

What stays is the ICCID, the serial number of the card, with its history: what was decided, when, by whom and for which
reasons. The ledger verifies as before; of what was deleted it holds hashes that nobody can guess from any more.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from simbond_agent import claims

from .. import event_kinds
from ..appraisal import Card
from ..lifecycle import State
from ..refusal import Conflict
from . import cards
from .identities import ERASED
from .schema import (
    appeal,
    card,
    command,
    entry,
    event,
    evidence,
    field_result,
    network,
    notice,
    observation,
    radius_session,
    retired_key,
    sign,
    subscriber,
    work_order,
)


def erase(connection: Connection, found: Card, *, reason: str, actor: str, now: float, **why: Any) -> None:
    """Erases a retired card's data: a unit of work; again, it does nothing. why: more for the history.

    Raises Conflict where the card is not retired, the network has not confirmed that it is barred, or an appeal is
    open.
    """
    if found.imsi == _erased(found):
        return
    _require_done_with(connection, found)
    _empty_evidence(connection, found)
    orders = select(work_order.c.id).where(work_order.c.card_id == found.id)
    connection.execute(update(field_result).where(field_result.c.order_id.in_(orders)).values(proof=None))
    for table in (observation, network, sign, radius_session):
        connection.execute(delete(table).where(table.c.card_id == found.id))
    connection.execute(delete(subscriber).where(subscriber.c.imsi == found.imsi))
    connection.execute(update(notice).where(notice.c.card_id == found.id).values(body={}))
    connection.execute(
        update(appeal).where(appeal.c.card_id == found.id).values(filed_by="", statement="", materials=[], words="")
    )
    connection.execute(update(command).where(command.c.card_id == found.id).values(imsi=_erased(found)))
    connection.execute(
        update(card).where(card.c.id == found.id).values(imsi=_erased(found), msisdn="", customer="", sim_key=None)
    )
    _forget(connection, (entry.c.card_id == found.id) & entry.c.kind.in_(("evidence", "notice", "appeal")))
    _drop_requests(connection, found)
    cards.record(connection, found, event_kinds.ERASED, at=now, actor=actor, reason=reason, **why)


def _erased(found: Card) -> str:
    """Stands for the IMSI, which has to be there and to be unique."""
    return f"{ERASED}{found.id}"


def _require_done_with(connection: Connection, found: Card) -> None:
    if found.status.state is not State.RETIRED:
        raise Conflict("not-retired", f"Card {found.iccid} is {found.status.state}; retire it first.")
    pending = select(command.c.id).where(command.c.card_id == found.id, command.c.outcome == "pending")
    if connection.execute(pending.limit(1)).first() is not None:
        raise Conflict(
            "not-confirmed",
            f"The network has not confirmed yet that card {found.iccid} is barred; it is told by the IMSI. "
            "Try again when 'simbond cards show' says confirmed.",
        )
    contested = select(appeal.c.id).where(appeal.c.card_id == found.id, appeal.c.outcome == "open")
    if connection.execute(contested.limit(1)).first() is not None:
        raise Conflict("appeal-open", f"An appeal about card {found.iccid} is open; decide it first.")


def _empty_evidence(connection: Connection, found: Card) -> None:
    """The table has no index by card; the ledger has, but for what came within the last second."""
    last = connection.execute(select(func.max(entry.c.row_id)).where(entry.c.kind == "evidence")).scalar() or 0
    entered = select(entry.c.row_id).where(entry.c.card_id == found.id, entry.c.kind == "evidence")
    newer = (evidence.c.id > last) & (evidence.c.card_id == found.id)
    for which in (evidence.c.id.in_(entered), newer):
        connection.execute(update(evidence).where(which).values(message=None))


def _drop_requests(connection: Connection, found: Card) -> None:
    """Its devices' requests to be enrolled, and their wishes for another key, name the card that they had then."""
    devices = select(event.c.device_id).where(event.c.card_id == found.id, event.c.device_id.is_not(None)).distinct()
    known = list(connection.execute(devices).scalars())
    subscriber_octets = claims.pack_digits(found.imsi, 8)
    orders = select(event.c.id, event.c.detail).where(event.c.card_id.is_(None), event.c.device_id.in_(known))
    for row in connection.execute(orders).all():
        kept = {name: value for name, value in row.detail.items() if subscriber_octets.hex() not in str(value)}
        if kept != row.detail:
            connection.execute(update(event).where(event.c.id == row.id).values(detail=kept))
            _forget(connection, (entry.c.kind == "event") & (entry.c.row_id == row.id))
    rotations = select(retired_key.c.kid, retired_key.c.message).where(retired_key.c.device_id.in_(known))
    for row in connection.execute(rotations).all():
        if subscriber_octets in row.message:
            connection.execute(update(retired_key).where(retired_key.c.kid == row.kid).values(message=b""))


def _forget(connection: Connection, which: ColumnElement[bool]) -> None:
    connection.execute(update(entry).where(which).values(salt=None))
