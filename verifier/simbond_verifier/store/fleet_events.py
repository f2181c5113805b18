"""Events that are about no single card: keys, scenarios, switches for the whole fleet."""

from typing import Any

from sqlalchemy import Connection, insert

from .schema import event


def record(
    connection: Connection, kind: str, *, at: float, actor: str, device_id: int | None = None, **detail: Any
) -> int:
    """Writes one line of the fleet's history. Returns the event's id."""
    line = insert(event).values(
        at=at, device_id=device_id, kind=kind, actor=actor, state="", access="", reasons="", detail=detail
    )
    added: int = connection.execute(line.returning(event.c.id)).scalar_one()
    return added
