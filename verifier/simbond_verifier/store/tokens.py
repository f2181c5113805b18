"""Bearer tokens of operators: 256 random bits, of which only the SHA-256 is kept."""

import secrets
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from ..refusal import Conflict, NotFound
from .schema import token

_PREFIX = "sbt_"
VERIFIER = "verifier"
"""The actor of what nobody ordered; no token has this name."""


class Role(StrEnum):
    """What a token may do. docs/api.md has the table."""

    FEED = "feed"
    """Hands in observations and sees nothing."""
    STATION = "station"
    """Hands in logs of factory stations, which prove themselves, and sees what became of them."""
    VIEWER = "viewer"
    TECHNICIAN = "technician"
    OPERATOR = "operator"
    ADMIN = "admin"


class Holder(NamedTuple):
    """Whom a token stands for."""

    name: str
    role: Role


def create(connection: Connection, name: str, role: Role, now: float) -> str:
    """Makes a token and returns it: the only time that it can be seen. Raises Conflict when the name is taken."""
    if name == VERIFIER:
        raise Conflict("token-name", f"'{name}' is how the verifier itself is called; choose another name.")
    secret = _PREFIX + secrets.token_urlsafe(32)
    try:
        connection.execute(insert(token).values(name=name, role=role, digest=digest(secret), created_at=now))
    except IntegrityError:
        raise Conflict("token-name", f"There is a token named '{name}' already; names are used once.") from None
    return secret


def find(connection: Connection, digest: bytes) -> Holder | None:
    """Whom the token with this digest stands for; None when it is unknown or revoked."""
    # What timing could tell about a hash does not help to guess the token.
    query = select(token.c.name, token.c.role).where(token.c.digest == digest, token.c.revoked_at.is_(None))
    row = connection.execute(query).first()
    return None if row is None else Holder(row.name, Role(row.role))


def revoke(connection: Connection, name: str, now: float) -> None:
    """Ends a token. Raises NotFound."""
    result = connection.execute(
        update(token).where(token.c.name == name, token.c.revoked_at.is_(None)).values(revoked_at=now)
    )
    if result.rowcount == 0:
        raise NotFound("token-unknown", f"There is no token named '{name}' in force; see 'simbond token list'.")


def list_all(connection: Connection) -> list[dict[str, Any]]:
    """Every token without its secret, oldest first."""
    query = select(token.c.name, token.c.role, token.c.created_at, token.c.revoked_at).order_by(token.c.id)
    return [dict(row) for row in connection.execute(query).mappings()]


def digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
