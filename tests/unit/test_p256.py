"""ES256 against RFC 6979 appendix A.2.5 and against `cryptography`, and where its comb meets special points."""

import random
from collections.abc import Generator
from hashlib import sha256
from itertools import product
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from simbond_agent import p256
from simbond_tools import p256_table

RFC_KEY = bytes.fromhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
RFC_POINT = (
    "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
)
RFC_SIGNATURES = {
    b"sample": "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
    b"test": "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
    "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
}
ROW = p256.COLUMNS * p256.BLOCKS
# The ends of the range, few and many bits, rows and blocks of the comb that are alike.
EDGES = [
    *(1, 2, 3, p256.N - 1, p256.N - 2, p256.N // 2, 1 << 255, (1 << 255) - 1, (1 << 128) - 1, p256.N - (1 << 128)),
    *(1 << p256.COLUMNS * i for i in range(1, 12)),
    *(sum(1 << i for i in range(0, 256, step)) % p256.N for step in (2, p256.COLUMNS, ROW)),
]
# What the comb adds in one block of a column, for every choice of digits. Twice that is where it doubles a point by
# adding it to itself.
COLUMN_SUMS = [
    sum(digit << ROW * row + p256.COLUMNS * block for row, digit in enumerate(digits)) % p256.N
    for block in range(p256.BLOCKS)
    for digits in product((1, -1), repeat=p256.ROWS)
]


def octets(n: int) -> bytes:
    return n.to_bytes(32, "big")


def public_point(private_key: bytes) -> ec.EllipticCurvePublicNumbers:
    return ec.derive_private_key(int.from_bytes(private_key, "big"), ec.SECP256R1()).public_key().public_numbers()


def check(private_key: bytes, message: bytes, signature: bytes) -> None:
    check_digest(private_key, sha256(message).digest(), signature)


def check_digest(private_key: bytes, digest: bytes, signature: bytes) -> None:
    assert len(signature) == 64
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    public_point(private_key).public_key().verify(der, digest, ec.ECDSA(Prehashed(hashes.SHA256())))


def run(steps: Generator[None, None, bytes]) -> bytes:
    while True:
        try:
            next(steps)
        except StopIteration as e:
            return e.value


def test_rfc_6979_public_key():
    assert p256.public_key(RFC_KEY).hex() == RFC_POINT


@pytest.mark.parametrize("message", RFC_SIGNATURES)
def test_rfc_6979_signatures(message):
    assert p256.sign(RFC_KEY, message).hex() == RFC_SIGNATURES[message]


@pytest.mark.parametrize("d", EDGES)
def test_edge_keys(d):
    key = octets(d)
    point = public_point(key)
    assert p256.public_key(key) == octets(point.x) + octets(point.y)
    check(key, b"edge", p256.sign(key, b"edge"))


@pytest.mark.parametrize("k", EDGES)
def test_edge_nonces(k, monkeypatch):
    monkeypatch.setattr(p256, "_nonces", lambda *_: iter([k]))
    check(RFC_KEY, b"edge", p256.sign(RFC_KEY, b"edge"))


def test_multiples_at_which_the_comb_adds_a_point_to_itself(monkeypatch):
    double, doublings = p256._double, []
    monkeypatch.setattr(p256, "_double", lambda *point: doublings.append(1) or double(*point))
    for d in [multiple * n % p256.N for n in COLUMN_SUMS for multiple in (1, 2)]:
        point = public_point(octets(d))
        assert p256.public_key(octets(d)) == octets(point.x) + octets(point.y)
    assert len(doublings) > p256.COLUMNS * 2 * len(COLUMN_SUMS)


def test_the_comb_never_adds_opposite_points():
    """They would add up to a multiple of the order, which the accumulator cannot hold before its end."""
    last = p256.ROWS * p256.BLOCKS

    def can_hold(n: int, columns: int, blocks: int, place: int = 0) -> bool:
        """After so many columns, the last only in its first blocks. place: the row and block that n begins with."""
        if place == last:
            return n == 0
        added = place % p256.BLOCKS < blocks
        low = n % (1 << p256.COLUMNS)
        return any(
            can_hold((n - part) >> p256.COLUMNS, columns, blocks, place + 1)
            for part in (low, low - (1 << p256.COLUMNS))
            # A sum of odd digits, or twice such a sum.
            if abs(part) < 1 << columns and (part % 2 == 1 if added else part % 4 == 2)
        )

    most = (1 << p256.COLUMNS * last) // p256.N
    multiples = [m * p256.N for m in range(-most, most + 1) if m]
    for columns, blocks in product(range(2, p256.COLUMNS + 1), range(1, p256.BLOCKS + 1)):
        at_the_end = columns == p256.COLUMNS and blocks == p256.BLOCKS
        assert any(can_hold(n, columns, blocks) for n in multiples) == at_the_end


def test_a_nonce_that_gives_no_signature_is_passed_over(monkeypatch):
    first, second = 12345, 67890
    r = public_point(octets(first)).x
    d = int.from_bytes(RFC_KEY, "big")
    digest = octets(-r * d % p256.N)  # with the first nonce s would be 0
    monkeypatch.setattr(p256, "_nonces", lambda *_: iter([first, second]))
    signature = run(p256.signing_digest(RFC_KEY, digest))
    assert int.from_bytes(signature[:32], "big") == public_point(octets(second)).x
    check_digest(RFC_KEY, digest, signature)


def test_nonces_out_of_range_are_passed_over(monkeypatch):
    hmacs = iter([b"K", b"V", b"K", b"V", octets(p256.N), b"K", b"V", octets(0), b"K", b"V", octets(7)])
    monkeypatch.setattr(p256, "_hmac", lambda *_: next(hmacs))
    assert next(p256._nonces(RFC_KEY, octets(1))) == 7


@pytest.mark.parametrize("modulus", [p256.P, p256.N])
def test_inversion_runs_on_a_random_multiple(modulus, monkeypatch):
    divided = []
    monkeypatch.setattr(p256, "divmod", lambda *pair: divided.append(pair) or divmod(*pair), raising=False)
    blinds = iter([octets(0), octets(modulus), octets(0xB11D)])  # what is 0 modulo the modulus blinds nothing
    monkeypatch.setattr(p256.os, "urandom", lambda _: next(blinds))
    assert p256._inverse(1 << 200, modulus) == pow(1 << 200, -1, modulus)
    assert divided[0] == (modulus, (1 << 200) * 0xB11D % modulus)


def test_signing_and_deriving_yield_between_slices_of_work():
    slices = list(p256.signing(RFC_KEY, b"sample"))
    assert len(slices) > p256.COLUMNS
    assert not any(slices)
    assert len(list(p256.deriving(RFC_KEY))) >= p256.COLUMNS


def test_random_keys_and_messages():
    rng = random.Random(256)
    for _ in range(300):
        key = octets(rng.randrange(1, p256.N))
        message = rng.randbytes(rng.randrange(100))
        check(key, message, p256.sign(key, message))


def test_short_r_and_s_keep_their_leading_zeros():
    rng = random.Random(8)
    signatures = [(m, p256.sign(RFC_KEY, m)) for m in (rng.randbytes(4) for _ in range(700))]
    short = [(m, s) for m, s in signatures if not s[0] or not s[32]]
    assert short
    for message, signature in short:
        assert len(signature) == 64
        check(RFC_KEY, message, signature)


@pytest.mark.parametrize("digest", [b"\x00" * 32, b"\xff" * 32, octets(p256.N), octets(p256.N - 1)])
def test_edge_digests(digest):
    check_digest(RFC_KEY, digest, run(p256.signing_digest(RFC_KEY, digest)))


@pytest.mark.parametrize(
    "key", [b"", b"\x01" * 31, b"\x01" * 33, octets(0), octets(p256.N), octets(p256.N + 1), b"\xff" * 32]
)
def test_what_is_no_private_key_is_refused(key):
    assert not p256.is_private_key(key)
    for use in (p256.public_key, lambda k: p256.sign(k, b"")):
        with pytest.raises(ValueError, match="private key"):
            use(key)


def test_the_table_is_what_its_generator_writes():
    assert Path(p256.__file__).with_name("p256_table.py").read_text() == p256_table.source()
