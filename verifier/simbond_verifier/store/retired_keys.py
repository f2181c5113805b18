"""Keys that their devices have replaced (docs/adr/key-rotation.md): good for nothing, and remembered for ever."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from ..event_kinds import KEY_ROTATED
from . import cards, fleet_events
from .schema import card, device, retired_key


class RetiredKey(NamedTuple):
    """A key that a device had before its present one."""

    kid: bytes
    device_id: int
    at: float
    """When it was retired."""
    successor: bytes
    """The kid of the key that took its place."""
    used_at: float | None


_COLUMNS = (
    retired_key.c.kid,
    retired_key.c.device_id,
    retired_key.c.at,
    retired_key.c.successor,
    retired_key.c.used_at,
)


def find(connection: Connection, kid: bytes) -> RetiredKey | None:
    row = connection.execute(select(*_COLUMNS).where(retired_key.c.kid == kid)).first()
    return None if row is None else RetiredKey(*row)


def last_of(connection: Connection, device_id: int) -> RetiredKey | None:
    """The key that a device had before its present one."""
    query = select(*_COLUMNS).where(retired_key.c.device_id == device_id).order_by(retired_key.c.at.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else RetiredKey(*row)


def replace(connection: Connection, device_id: int, successor: bytes, point: bytes, message: bytes, at: float) -> None:
    """Gives a device its next key, whose counters begin anew, and tells its card's history.

    message: by which the present key endorsed it. point: uncompressed, 65 octets.
    """
    columns = (device.c.kid, device.c.point)
    before = connection.execute(select(*columns).where(device.c.id == device_id)).one()
    connection.execute(
        insert(retired_key).values(
            kid=before.kid, point=before.point, device_id=device_id, at=at, successor=successor, message=message
        )
    )
    connection.execute(
        update(device)
        .where(device.c.id == device_id)
        .values(kid=successor, point=point, bootcount=-1, uptime=-1, rotated_at=at)
    )
    keys = {"from_key": before.kid.hex(), "to_key": successor.hex()}
    _record(connection, device_id, KEY_ROTATED, at, **keys)
    fleet_events.record(
        connection,
        KEY_ROTATED,
        at=at,
        actor="verifier",
        device_id=device_id,
        message=message.hex(),
        **keys,
    )


def note_use(connection: Connection, retired: RetiredKey, at: float) -> None:
    """The key signed something after it was retired. Either the device does not know of the rotation, or somebody else
    ordered that: the card's history says so, once."""
    if retired.used_at is not None:
        return
    connection.execute(update(retired_key).where(retired_key.c.kid == retired.kid).values(used_at=at))
    _record(connection, retired.device_id, "retired-key-used", at, retired_key=retired.kid.hex())


def _record(connection: Connection, device_id: int, kind: str, at: float, **detail: Any) -> None:
    """A line in the history of the card that is bound to the device, where there is one."""
    bound = connection.execute(select(card.c.id).where(card.c.device_id == device_id)).scalar()
    if bound is not None:
        about = cards.by_id(connection, bound)
        cards.record(connection, about, kind, at=at, actor="verifier", device_id=device_id, **detail)
