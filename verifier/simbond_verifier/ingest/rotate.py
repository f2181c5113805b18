"""A device's next key in place of its present one: endorsed by the present one, proved by itself, taken once
(docs/adr/key-rotation.md)."""

from sqlalchemy import Connection, RowMapping, select

from .. import freshness
from ..enrolment import Rotation
from ..reasons import Reason, Tier
from ..store import retired_keys
from ..store.schema import device
from .result import UNBOUND_INTERVAL_S, Result, refused

SHORTEST_S = 3600
"""Between two rotations of one device: a stolen key must not fill the table, and nobody needs it more often."""
_NONCE_AGE_S = 86400


def rotate(connection: Connection, secret: bytes, kid: bytes, asked: Rotation, message: bytes, now: float) -> Result:
    """Gives the device of this kid the key that it asks for, all in the connection's transaction.

    The signature is good already. secret: the key of the nonces. message: the request itself, kept as the proof. The
    result names the new key where the request was taken, now or before: an answer may be lost.
    """
    found = connection.execute(select(device).where(device.c.kid == kid)).mappings().first()
    if found is None:
        return _again(connection, kid, asked)
    reason = _objection(connection, secret, found, asked, now)
    if reason is not None:
        # A rotation that came late is simply made anew; whatever else is wrong does not mend itself in a hurry.
        return refused(reason, kid, 0 if reason is Reason.LATE else UNBOUND_INTERVAL_S)
    successor = asked.successor
    retired_keys.replace(connection, found["id"], successor.kid, successor.point, message, now)
    return _taken(successor.kid)


def _objection(connection: Connection, secret: bytes, found: RowMapping, asked: Rotation, now: float) -> Reason | None:
    """Why the device does not get this key."""
    if found["revoked_at"] is not None:
        return Reason.KEY_REVOKED
    disorder = freshness.order(asked.bootcount, asked.uptime, found["bootcount"], found["uptime"])
    if disorder is not None:
        return disorder
    issued = freshness.check(secret, found["kid"], asked.nonce, now, _NONCE_AGE_S)
    if isinstance(issued, Reason):
        return issued
    # Enrolment requests are no secret: without its IMEI, one device could take another's key for its own.
    if asked.successor.imei != found["imei"]:
        return Reason.NEXT_KEY_INVALID
    if found["rotated_at"] is not None and now - found["rotated_at"] < SHORTEST_S:
        return Reason.ROTATION_TOO_SOON
    return Reason.NEXT_KEY_USED if _is_used(connection, asked.successor.kid) else None


def _is_used(connection: Connection, kid: bytes) -> bool:
    enrolled = connection.execute(select(device.c.id).where(device.c.kid == kid)).first()
    return enrolled is not None or retired_keys.find(connection, kid) is not None


def _again(connection: Connection, kid: bytes, asked: Rotation) -> Result:
    """The key is no device's now. Where it was rotated to the one that it asks for, the device did not hear of it."""
    retired = retired_keys.find(connection, kid)
    if retired is None:
        return refused(Reason.KEY_UNKNOWN, kid)
    successor = asked.successor
    query = select(device.c.id).where(device.c.kid == successor.kid, device.c.revoked_at.is_(None))
    if retired.successor != successor.kid or connection.execute(query).first() is None:
        return refused(Reason.KEY_REVOKED, kid)
    return _taken(successor.kid)


def _taken(kid: bytes) -> Result:
    """The nonce of this answer is the new key's: the device attests with it, which shows that it has it."""
    return Result(Tier.AFFIRMING, (), UNBOUND_INTERVAL_S, kid)
