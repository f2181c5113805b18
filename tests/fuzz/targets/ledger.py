"""Exports of a ledger, checkpoints and receipts: nothing but what was signed is found good."""

import io
from collections.abc import Iterator
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

from simbond_verifier.ledger import cbor, checkpoint, export, receipt
from simbond_verifier.ledger.audit import audit
from simbond_verifier.ledger.checkpoint import BadCheckpoint, Checkpoint
from simbond_verifier.ledger.merkle import Frontier, leaf_hash
from simbond_verifier.ledger.receipt import BadReceipt, Seal
from simbond_verifier.signing_key import SigningKey

KEY = SigningKey(derive_private_key(7, SECP256R1()))
BODIES = [cbor.dumps(["event", number, {"kind": "bind", "at": 1.5}]) for number in range(3)]
STRANGER = leaf_hash(b"never in the ledger")
LEAVES = [leaf_hash(body) for body in BODIES]


def _root(leaves: list[bytes]) -> bytes:
    tree = Frontier()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


HEAD = Checkpoint("fuzz", len(LEAVES), _root(LEAVES), 1.0)


def seeds() -> Iterator[bytes]:
    signed = HEAD.signed(KEY)
    whole = [export.entry(number, LEAVES[number], body) for number, body in enumerate(BODIES)]
    yield export.header("fuzz") + b"".join(whole) + export.frame(signed)
    gone = [whole[0], export.deleted(1, LEAVES[1], "evidence", 7), whole[2]]
    yield export.header("fuzz") + b"".join(gone) + export.frame(signed)
    yield signed
    yield Seal(KEY, HEAD.root).inclusion(3, 2, [_root(LEAVES[:2])])
    yield Seal(KEY, HEAD.root).consistency(2, 3, [LEAVES[2]])


def one(octets: bytes) -> None:
    points = [KEY.public.point]
    report = audit(io.BytesIO(octets), points)
    if report.good:
        assert report.last == HEAD
        assert report.entries == len(LEAVES)
    with suppress(BadCheckpoint):
        assert checkpoint.verify(octets, points) == HEAD
    with suppress(BadReceipt):
        assert receipt.verify_inclusion(octets, LEAVES[2], points) == (3, 2, HEAD.root)
    with suppress(BadReceipt):
        assert receipt.verify_consistency(octets, _root(LEAVES[:2]), points) == (2, 3, HEAD.root)
    with pytest.raises(BadReceipt):
        receipt.verify_inclusion(octets, STRANGER, points)
