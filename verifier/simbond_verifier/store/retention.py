"""Deletes what is kept no longer, a bounded piece at a time; the ledger stays valid (docs/privacy.md)."""

from typing import NamedTuple

from sqlalchemy import Connection, delete, select, update

from . import ledger
from .database import upsert
from .schema import accusation, event, evidence, observation, setting

AT_ONCE = 500
"""Rows that one unit of work deletes."""
_LOOKED_AT = 20_000
_DONE = "retention-evidence"


class Piece(NamedTuple):
    """Evidence to be emptied."""

    ids: tuple[int, ...]
    """Whose octets go."""
    up_to: int
    """Every Evidence up to this id was looked at."""
    more: bool
    """There may be more that is old enough."""


def find_evidence(connection: Connection, before: float) -> Piece | None:
    """The next Evidence received before a time that led to nothing; None: there is none. What an event or an
    accusation refers to is kept: an appeal may turn on it."""
    done = _done(connection)
    rows = connection.execute(
        select(evidence.c.id, evidence.c.at).where(evidence.c.id > done).order_by(evidence.c.id).limit(_LOOKED_AT)
    ).all()
    old = []
    for row in rows:
        if row.at >= before:
            break
        old.append(row.id)
    if not old:
        return None
    kept: set[int] = set()
    for table in (event, accusation):
        query = select(table.c.evidence_id).where(table.c.evidence_id.between(old[0], old[-1]))
        kept |= set(connection.execute(query).scalars())
    return Piece(tuple(i for i in old if i not in kept), old[-1], len(old) == _LOOKED_AT)


def empty_evidence(connection: Connection, ids: tuple[int, ...]) -> None:
    """Deletes the octets of Evidence and what ties them to the ledger: a unit of work."""
    connection.execute(update(evidence).where(evidence.c.id.in_(ids)).values(message=None))
    ledger.forget(connection, "evidence", ids)


def note_done(connection: Connection, up_to: int) -> None:
    """Notes how far the Evidence was looked at: a unit of work."""
    upsert(connection, setting, {"name": _DONE}, {"value": str(up_to).encode()})


def delete_observations(connection: Connection, before: float) -> int:
    """Deletes observations received before a time, the oldest first: a unit of work. Returns how many."""
    rows = connection.execute(
        select(observation.c.id, observation.c.received_at).order_by(observation.c.id).limit(AT_ONCE)
    ).all()
    old = []
    for row in rows:
        if row.received_at >= before:
            break
        old.append(row.id)
    if old:
        connection.execute(delete(observation).where(observation.c.id.in_(old)))
    return len(old)


def _done(connection: Connection) -> int:
    found = connection.execute(select(setting.c.value).where(setting.c.name == _DONE)).scalar()
    return 0 if found is None else int(bytes(found))
