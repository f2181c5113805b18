"""Keeps the verifier's signing keys: the one that signs, and the public ones of all that ever did.

What was signed must be checkable for as long as it is kept (tree heads: for good), so a key that no longer signs stays
published; only its private half is gone. One that was stolen is withdrawn.
"""

from typing import NamedTuple

import cbor2
from sqlalchemy import Connection, delete, insert, select, update

from ..signing_key import PublicKey, SigningKey
from .schema import setting

_PRIVATE = "signing-key"
_PUBLISHED = "published-keys"


class KeyNotFound(LookupError):
    """No such key is published, or it is the one that signs."""


class Published(NamedTuple):
    """A public key of the verifier and when it signed, in seconds since the epoch."""

    key: PublicKey
    since: float
    until: float | None
    """None: it signs now."""


class Keys(NamedTuple):
    """What the verifier signs with, and everything that others check with."""

    signing: SigningKey
    published: tuple[Published, ...]
    """The signing one first, then the newest."""


class Keyring:
    """The keys for a server at work: it sees at once what another process rotated or withdrew."""

    def __init__(self, given: SigningKey | None = None) -> None:
        """given: an operator's own key, which `load` has published."""
        self._given = given
        self._pem = b""
        self._stored: SigningKey | None = None

    def signing(self, connection: Connection) -> SigningKey:
        """What to sign with now. Raises KeyNotFound before the first `load`."""
        if self._given is not None:
            return self._given
        pem = _setting(connection, _PRIVATE)
        if pem is None:
            raise KeyNotFound("this database holds no signing key yet")
        if pem != self._pem or self._stored is None:
            self._stored, self._pem = SigningKey.from_pem(pem), pem
        return self._stored

    def published(self, connection: Connection) -> tuple[Published, ...]:
        """Every key that signatures may be checked with: the one that signs, then the newest."""
        return _published(connection)


def load(connection: Connection, now: float, given: SigningKey | None = None) -> Keys:
    """The keys of this database's verifiers. given: an operator's own key, which is never stored; without one, it is
    made at the first start. A change from one key to another is a rotation: the old public key stays published."""
    signing = given or _stored(connection) or _make(connection)
    return Keys(signing, _publish(connection, signing.public, now))


def rotate(connection: Connection, now: float) -> Keys:
    """Makes a new key and destroys the private half of the old one, which stays published. For keys in the database;
    an operator who brings the key rotates by bringing another."""
    connection.execute(delete(setting).where(setting.c.name == _PRIVATE))
    return load(connection, now)


def withdraw(connection: Connection, kid: bytes) -> None:
    """Publishes an old key no longer, because somebody else may have it. Raises KeyNotFound."""
    published = _published(connection)
    kept = tuple(p for p in published if p.until is None or p.key.kid != kid)
    if len(kept) == len(published):
        raise KeyNotFound(f"no key {kid.hex()} that stopped signing is published; rotate a key before you withdraw it")
    _write(connection, kept)


def _stored(connection: Connection) -> SigningKey | None:
    pem = _setting(connection, _PRIVATE)
    return None if pem is None else SigningKey.from_pem(pem)


def _make(connection: Connection) -> SigningKey:
    key = SigningKey.generate()
    connection.execute(insert(setting).values(name=_PRIVATE, value=key.to_pem()))
    return key


def _publish(connection: Connection, key: PublicKey, now: float) -> tuple[Published, ...]:
    published = _published(connection)
    if published and published[0].key == key and published[0].until is None:
        return published
    others = tuple(p._replace(until=p.until or now) for p in published if p.key != key)
    now_published = (Published(key, now, None), *others)
    _write(connection, now_published)
    return now_published


def _published(connection: Connection) -> tuple[Published, ...]:
    encoded = _setting(connection, _PUBLISHED)
    if encoded is None:
        return ()
    return tuple(Published(PublicKey(point), since, until) for point, since, until in cbor2.loads(encoded))


def _write(connection: Connection, published: tuple[Published, ...]) -> None:
    value = cbor2.dumps([[p.key.point, p.since, p.until] for p in published])
    changed = connection.execute(update(setting).where(setting.c.name == _PUBLISHED).values(value=value))
    if not changed.rowcount:
        connection.execute(insert(setting).values(name=_PUBLISHED, value=value))


def _setting(connection: Connection, name: str) -> bytes | None:
    found = connection.execute(select(setting.c.value).where(setting.c.name == name)).scalar()
    return None if found is None else bytes(found)
