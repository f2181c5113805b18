"""IMSI, MSISDN and messages of devices at rest: in the clear, or sealed with a key that is not in the database.

Sealing is deterministic (AES-SIV, RFC 5297), so that a card is still found by its IMSI; who reads the database learns
which sealed values are alike, and nothing else. Columns of the types below seal and open by themselves; plain SQL does
it with `of(connection)`.
"""

import base64
import binascii
import json
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from sqlalchemy import JSON, Connection, Dialect, Engine, LargeBinary, String
from sqlalchemy.types import TypeDecorator

from .errors import StoreError

KEY_OCTETS = 64
"""Of AES-256-SIV: one half authenticates, the other encrypts."""
ERASED = "erased-"
_TEXT = "siv1:"
_OCTETS = b"\x01"  # no COSE message begins like this
_ATTRIBUTE = "simbond_identities"


class Identities(Protocol):
    """How identities are written, and read again. Nothing, and what stands for an erased IMSI, stay as they are."""

    @property
    def sealed(self) -> bool: ...

    def store(self, text: str) -> str: ...

    def read(self, text: str) -> str: ...

    def store_octets(self, octets: bytes) -> bytes: ...

    def read_octets(self, octets: bytes) -> bytes: ...

    def store_document(self, document: Any) -> Any: ...

    def read_document(self, document: Any) -> Any: ...


class Clear:
    """As they are. Raises StoreError for what somebody sealed."""

    sealed = False

    def store(self, text: str) -> str:
        return text

    def read(self, text: str) -> str:
        if text.startswith(_TEXT):
            raise StoreError(_NEEDS_KEY)
        return text

    def store_octets(self, octets: bytes) -> bytes:
        return octets

    def read_octets(self, octets: bytes) -> bytes:
        if octets.startswith(_OCTETS):
            raise StoreError(_NEEDS_KEY)
        return octets

    def store_document(self, document: Any) -> Any:
        return document

    def read_document(self, document: Any) -> Any:
        if isinstance(document, str):
            raise StoreError(_NEEDS_KEY)
        return document


class Sealed:
    """With a key. What was written before there was one is read as it is."""

    sealed = True

    def __init__(self, key: bytes) -> None:
        """key: 64 octets."""
        self._cipher = AESSIV(key)

    def store(self, text: str) -> str:
        return self._sealed(text) if text and not text.startswith(ERASED) else text

    def read(self, text: str) -> str:
        if not text.startswith(_TEXT):
            return text
        sealed = text[len(_TEXT) :]
        try:
            return self._open(base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise StoreError(_OTHER_KEY) from None

    def store_document(self, document: Any) -> Any:
        return self._sealed(json.dumps(document, ensure_ascii=False)) if document else document

    def read_document(self, document: Any) -> Any:
        return json.loads(self.read(document)) if isinstance(document, str) else document

    def _sealed(self, text: str) -> str:
        return _TEXT + base64.urlsafe_b64encode(self._cipher.encrypt(text.encode(), None)).rstrip(b"=").decode()

    def store_octets(self, octets: bytes) -> bytes:
        return _OCTETS + self._cipher.encrypt(octets, None)

    def read_octets(self, octets: bytes) -> bytes:
        return self._open(octets[len(_OCTETS) :]) if octets.startswith(_OCTETS) else octets

    def _open(self, sealed: bytes) -> bytes:
        try:
            return self._cipher.decrypt(sealed, None)
        except (InvalidTag, ValueError):
            raise StoreError(_OTHER_KEY) from None


CLEAR: Identities = Clear()


def use(engine: Engine, identities: Identities) -> None:
    """From now on whatever goes through this engine is stored and read so."""
    setattr(engine.dialect, _ATTRIBUTE, identities)


def of(connection: Connection) -> Identities:
    """For plain SQL, which goes past the types."""
    return _of(connection.dialect)


def _of(dialect: Dialect) -> Identities:
    found: Identities = getattr(dialect, _ATTRIBUTE, CLEAR)
    return found


def read_key(path: Path) -> Sealed:
    """A key file: 128 hexadecimal digits. Raises StoreError."""
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError):
        key = b""
    if len(key) != KEY_OCTETS:
        raise StoreError(
            f"{path} holds no identity key: {2 * KEY_OCTETS} hexadecimal digits; "
            f"make one with: openssl rand -hex {KEY_OCTETS} > {path}"
        )
    return Sealed(key)


class IdentityColumn(TypeDecorator[str]):
    """An IMSI, an MSISDN, or a name that has one in it: the text itself to whoever uses the column. Its length is that
    of the sealed text, which takes 26 characters more than four thirds of the octets."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _of(dialect).store(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _of(dialect).read(value)


class MessageColumn(TypeDecorator[bytes]):
    """A message of a device, which names card and subscriber."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else _of(dialect).store_octets(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        return None if value is None else _of(dialect).read_octets(bytes(value))


class DetailColumn(TypeDecorator[dict[str, Any]]):
    """A JSON object that may hold a message: text instead of an object where it is sealed."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: dict[str, Any] | None, dialect: Dialect) -> Any:
        return None if value is None else _of(dialect).store_document(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> dict[str, Any] | None:
        found: dict[str, Any] | None = None if value is None else _of(dialect).read_document(value)
        return found


_NEEDS_KEY = "the identities in this database are sealed: give the key with --identity-key"
_OTHER_KEY = "the identities in this database were sealed with another key than the one of --identity-key"
