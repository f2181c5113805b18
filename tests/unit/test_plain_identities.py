"""Identities are recognised by patterns of octets, which must never say anything else than the rules they stand for."""

import re
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simbond_agent import claims, identity
from simbond_verifier import evidence

NIBBLES = st.sampled_from("0123456789" * 3 + "abcdef")


def packed(octets: int, start: str) -> st.SearchStrategy[bytes]:
    """Octets, mostly of digits, often beginning as the identity does, often one digit over and over."""
    size = 2 * octets
    digits = st.lists(NIBBLES, min_size=size, max_size=size).map("".join)
    begun = digits.map(lambda text: (start + text)[:size])
    filled = begun.map(lambda text: text[:-1] + "f")
    same = st.tuples(st.sampled_from("0123456789abcdef"), st.sampled_from(["", start]), st.booleans()).map(
        lambda found: ((found[1] + found[0] * size)[:size])[: size - found[2]] + "f" * found[2]
    )
    return st.one_of(digits, begun, filled, same).map(bytes.fromhex)


def _matches(pattern: bytes, octets: bytes) -> bool:
    return re.fullmatch(pattern, octets, re.DOTALL) is not None


def _rule(digits: str, rule: Callable[[str], str | None]) -> bool:
    return rule(digits) == digits


@settings(max_examples=400)
@given(packed(7, "86"))
@example(bytes(7))
@example(bytes.fromhex("00000000000001"))
@example(bytes.fromhex("00123456789012"))
def test_imei(octets: bytes) -> None:
    if _matches(evidence._PLAIN_IMEI, octets):
        digits = claims.unpack_digits(octets)
        assert identity.imei(digits + "0") is not None
        assert evidence.read_imei(octets, b"") == digits


@settings(max_examples=400)
@given(packed(10, "8986"))
@example(bytes.fromhex("89" + "11" * 9))
@example(bytes.fromhex("8911111111111111111f"))
@example(bytes.fromhex("89" + "11" * 8 + "12"))
@example(bytes.fromhex("98" + "11" * 9))
def test_iccid(octets: bytes) -> None:
    if _matches(evidence._PLAIN_ICCID, octets):
        digits = claims.unpack_digits(octets)
        assert _rule(digits, identity.iccid)
        assert evidence._iccid(octets, b"") == digits


@settings(max_examples=400)
@given(packed(8, "460"))
@example(bytes.fromhex("222222222222222f"))
@example(bytes.fromhex("001010123456789f"))
@example(bytes.fromhex("4600012345678901"))
def test_imsi(octets: bytes) -> None:
    if _matches(evidence._PLAIN_IMSI, octets):
        digits = claims.unpack_digits(octets)
        assert _rule(digits, identity.imsi)
        assert evidence._imsi(octets, b"") == digits


@pytest.mark.parametrize(
    ("plain", "octets"),
    [
        (evidence._PLAIN_IMEI, "86123405000001"),
        (evidence._PLAIN_ICCID, "89860012340000000001"),
        (evidence._PLAIN_ICCID, "8986001234000000001f"),
        (evidence._PLAIN_IMSI, "460000000000001f"),
    ],
)
def test_the_ordinary_ones_are_recognised(plain: bytes, octets: str) -> None:
    assert _matches(plain, bytes.fromhex(octets))
