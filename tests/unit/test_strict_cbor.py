"""The decoder for strangers' octets: takes what the general one takes, in one encoding, and never explodes."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_verifier.envelope import BadEvidence, open_envelope
from simbond_verifier.reasons import Reason
from simbond_verifier.strict_cbor import Other, Tagged, Undecodable, decode, decode_all

keys = st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=8) | st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | keys,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def length_of_key(pair: tuple[object, object]) -> bytes:
    return cbor2.dumps(pair[0])


def canonical(value: object) -> bytes:
    """RFC 8949 section 4.2.1: cbor2's canonical mode orders keys by length first, as the older RFC did."""
    if isinstance(value, dict):
        ordered = dict(sorted(value.items(), key=length_of_key))
        head = cbor2.dumps(dict.fromkeys(range(len(ordered))))[: 1 if len(ordered) < 24 else 2]
        return head + b"".join(canonical(k) + canonical(v) for k, v in ordered.items())
    if isinstance(value, list):
        head = cbor2.dumps([None] * len(value))[: 1 if len(value) < 24 else 2]
        return head + b"".join(map(canonical, value))
    return cbor2.dumps(value)


@given(values.filter(lambda v: depth(v) < 8))
def test_a_value_comes_back(value: object) -> None:
    assert decode_all(canonical(value)) == value


@given(st.binary(max_size=200))
def test_what_is_taken_has_one_encoding(noise: bytes) -> None:
    try:
        value = decode_all(noise)
    except Undecodable:
        return
    if not isinstance(value, Tagged | Other) and b"Other" not in repr(value).encode() and "Tagged" not in repr(value):
        assert canonical(value) == noise


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        ("", Reason.TRUNCATED),
        ("18", Reason.TRUNCATED),
        ("4261", Reason.TRUNCATED),
        ("9bffffffffffffffff", Reason.TRUNCATED),
        ("1801", Reason.NOT_CANONICAL),
        ("190001", Reason.NOT_CANONICAL),
        ("5f41ff", Reason.NOT_CANONICAL),
        ("0000", Reason.NOT_CANONICAL),
        ("a202000100", Reason.NOT_CANONICAL),
        ("a201000100", Reason.DUPLICATE_KEY),
        ("a18000", Reason.MALFORMED),
        ("61ff", Reason.MALFORMED),
        ("1c", Reason.MALFORMED),
        ("ff", Reason.MALFORMED),
        ("81" * 20 + "80", Reason.MALFORMED),
    ],
)
def test_every_fault_has_its_reason(encoded: str, reason: Reason) -> None:
    with pytest.raises(Undecodable) as refused:
        decode_all(bytes.fromhex(encoded))
    assert refused.value.reason is reason


def test_what_is_only_not_canonical_still_has_an_end() -> None:
    """So that one bad message in a sequence does not take the next with it."""
    item = decode(bytes.fromhex("a201000100" + "00"))
    assert (item.end, item.fault) == (5, Reason.DUPLICATE_KEY)


def test_shared_references_do_not_expand() -> None:
    """Tags 28 and 29 let 300 octets stand for a tree of 2^40 leaves; here they are just tags."""
    nodes = b"\xd8\x1c\x81\x00" + b"".join(b"\xd8\x1c\x82" + (b"\xd8\x1d" + cbor2.dumps(i)) * 2 for i in range(40))
    protected = b"\xa1\x01\x98\x29" + nodes
    message = cbor2.dumps(cbor2.CBORTag(18, [protected, {}, b"x", bytes(64)]))
    with pytest.raises(BadEvidence, match="wrong-algorithm"):
        open_envelope(message)
