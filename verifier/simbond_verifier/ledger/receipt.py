"""COSE Receipts over the ledger (RFC 9942, verifiable data structure RFC9162_SHA256): signed proofs that fit beside
what they are about. The root is the detached payload, so whoever checks one has to compute it."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ..signing_key import SigningKey
from . import cbor, cose, merkle
from .merkle import HASH_OCTETS, InvalidProof

_VDS, _RFC9162_SHA256 = 395, 1
_VDP, _INCLUSION, _CONSISTENCY = 396, -1, -2


class BadReceipt(ValueError):
    """A receipt that proves nothing; the message says why."""


class Seal:
    """The signature over one root, which all receipts of that tree share."""

    def __init__(self, key: SigningKey, root: bytes) -> None:
        signed = cose.read(key.sign1(root, {_VDS: _RFC9162_SHA256}, detached=True))
        self._head, self._signature = signed.head, signed.signature

    def inclusion(self, size: int, index: int, path: Sequence[bytes]) -> bytes:
        """The receipt that a leaf is in the tree (section 5.2). A tree of one leaf has an empty path."""
        return self._with(_INCLUSION, [size, index, list(path)])

    def consistency(self, first: int, second: int, path: Sequence[bytes]) -> bytes:
        """The receipt that the tree begins with an older one (section 5.3)."""
        return self._with(_CONSISTENCY, [first, second, list(path)])

    def _with(self, label: int, proof: list[Any]) -> bytes:
        return b"\xd2" + cbor.dumps([self._head, {_VDP: {label: [cbor.dumps(proof)]}}, None, self._signature])


class Included(NamedTuple):
    """What a receipt of inclusion proves."""

    size: int
    seq: int
    root: bytes


def verify_inclusion(receipt: bytes, leaf: bytes, points: Iterable[bytes]) -> Included:
    """Checks that a leaf, by its hash, is in the tree whose root one of the keys signed. Raises BadReceipt."""
    message, (size, index, path) = _open(receipt, _INCLUSION)
    try:
        root = merkle.root_by_inclusion(leaf, index, size, path)
    except InvalidProof as e:
        raise BadReceipt(f"its proof is none: {e}") from None
    if not message.is_signed_by(points, root):
        raise BadReceipt("no given key signed the root that it leads to")
    return Included(size, index, root)


def verify_consistency(receipt: bytes, first_root: bytes, points: Iterable[bytes]) -> tuple[int, int, bytes]:
    """Checks that a tree whose root one of the keys signed begins with the one with the first root. Returns both sizes
    and the newer root. Raises BadReceipt."""
    message, (first, second, path) = _open(receipt, _CONSISTENCY)
    try:
        old, new = merkle.roots_by_consistency(first, second, first_root, path)
    except InvalidProof as e:
        raise BadReceipt(f"its proof is none: {e}") from None
    if old != first_root:
        raise BadReceipt(f"the tree of {second} leaves does not begin with the known one of {first}")
    if not message.is_signed_by(points, new):
        raise BadReceipt("no given key signed the root that it leads to")
    return first, second, new


def _open(receipt: bytes, label: int) -> tuple[cose.Sign1, tuple[int, int, list[bytes]]]:
    try:
        message = cose.read(receipt)
        if message.protected.get(_VDS) != _RFC9162_SHA256:
            raise BadReceipt("it is over no tree of RFC 9162")
        proofs = message.unprotected.get(_VDP)
        if type(proofs) is not dict or type(proofs.get(label)) is not list or len(proofs[label]) != 1:
            raise BadReceipt("it does not hold one proof of the kind that is needed")
        (encoded,) = proofs[label]
        proof = cbor.loads(encoded) if type(encoded) is bytes else None
    except cbor.Malformed as e:
        raise BadReceipt(f"it is {e}") from None
    if type(proof) is not list or [type(p) for p in proof] != [int, int, list]:
        raise BadReceipt("its proof is none")
    one, other, path = proof
    if not all(type(h) is bytes and len(h) == HASH_OCTETS for h in path):
        raise BadReceipt("its proof is none")
    return message, (one, other, path)
