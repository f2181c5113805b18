"""COSE_Sign1 with ES256 (RFC 9052 section 4.2), as the ledger's own messages are signed. `signing_key` makes them."""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from ..p256 import load_key
from . import cbor

_TAG = b"\xd2"  # 18
_ES256 = -7
ALG, TYP = 1, 16


class Sign1(NamedTuple):
    """A message taken apart; nothing of it is trusted yet."""

    protected: dict[Any, Any]
    unprotected: dict[Any, Any]
    payload: bytes | None
    head: bytes
    signature: bytes

    def is_signed_by(self, points: Iterable[bytes], detached: bytes | None = None, aad: bytes = b"") -> bool:
        """Whether one of these keys signed it. detached: the payload where the message does not carry it. aad: what is
        signed besides and carried nowhere (RFC 9052 section 4.3)."""
        payload = self.payload if detached is None else detached
        if payload is None or self.protected.get(ALG) != _ES256:
            return False
        digest = sha256(_sig_structure(self.head, aad, payload)).digest()
        return any(_key(point).is_signature(self.signature, digest) for point in points)

    @property
    def to_be_signed(self) -> bytes:
        """What the signature is over, where the message carries it. Names what was said: of one ES256 signature
        anybody makes a second one, with n - s for s."""
        return _sig_structure(self.head, b"", self.payload or b"")


def read(message: bytes) -> Sign1:
    """Raises cbor.Malformed."""
    if not message.startswith(_TAG):
        raise cbor.Malformed("no COSE_Sign1")
    parts = cbor.loads(message[1:])
    if not isinstance(parts, list) or [type(p) for p in parts[:2]] != [bytes, dict] or len(parts) != 4:
        raise cbor.Malformed("no COSE_Sign1")
    head, unprotected, payload, signature = parts
    protected = cbor.loads(head)
    fits = type(protected) is dict and type(payload) in (bytes, type(None)) and type(signature) is bytes
    if not fits or len(signature) != 64:
        raise cbor.Malformed("no COSE_Sign1 with ES256")
    return Sign1(protected, unprotected, payload, head, signature)


def _sig_structure(head: bytes, aad: bytes, payload: bytes) -> bytes:
    """RFC 9052 section 4.4."""
    return cbor.dumps(["Signature1", head, aad, payload])


_key = lru_cache(maxsize=64)(load_key)
