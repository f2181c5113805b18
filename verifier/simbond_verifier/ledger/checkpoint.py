"""Signed tree heads: what the verifier stands for at a moment, and cannot take back."""

from collections.abc import Iterable
from typing import NamedTuple

from ..signing_key import SigningKey
from . import cbor, cose
from .merkle import HASH_OCTETS

TYPE = "application/simbond-checkpoint+cbor"
"""In the protected header, so that nothing else that the key signs passes for a checkpoint."""
_MEMBERS = {"at": float, "origin": str, "root": bytes, "size": int}


class BadCheckpoint(ValueError):
    """A checkpoint that is none, or not by a key that is trusted; the message says which."""


class Checkpoint(NamedTuple):
    """A tree head."""

    origin: str
    """Which ledger."""
    size: int
    root: bytes
    at: float
    """When it was signed, seconds since the epoch."""

    def signed(self, key: SigningKey) -> bytes:
        """The message: a COSE_Sign1 over a map of these members."""
        payload = cbor.dumps(self._asdict() | {"at": float(self.at)})
        return key.sign1(payload, {cose.TYP: TYPE})


def verify(message: bytes, points: Iterable[bytes]) -> Checkpoint:
    """The tree head that a message states. points: the keys that are trusted. Raises BadCheckpoint."""
    try:
        found = cose.read(message)
        members = cbor.loads(found.payload or b"")
    except cbor.Malformed as e:
        raise BadCheckpoint(f"it is {e}") from None
    if found.protected.get(cose.TYP) != TYPE or type(members) is not dict:
        raise BadCheckpoint("it is a signed message of another kind")
    if not found.is_signed_by(points):
        raise BadCheckpoint("its signature is not by the given key")
    if {name: type(value) for name, value in members.items()} != _MEMBERS or len(members["root"]) != HASH_OCTETS:
        raise BadCheckpoint("its members are not those of a checkpoint")
    return Checkpoint(**members)
