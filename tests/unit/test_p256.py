"""ES256 against RFC 6979 appendix A.2.5 and against `cryptography`."""

import random

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from simbond_agent import p256
from simbond_agent.p256_table import TABLE

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
# Scalars that empty rows, blocks or columns of the comb, or stand at the ends of the range.
EDGES = [1, 2, 3, 1 << 25, 1 << 26, 1 << 51, 1 << 52, (1 << 52) - 1, 1 << 208, 1 << 255, p256.N - 1, p256.N - 2]


def octets(n: int) -> bytes:
    return n.to_bytes(32, "big")


def public_point(private_key: bytes) -> ec.EllipticCurvePublicNumbers:
    return ec.derive_private_key(int.from_bytes(private_key, "big"), ec.SECP256R1()).public_key().public_numbers()


def check(private_key: bytes, message: bytes, signature: bytes) -> None:
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    public_point(private_key).public_key().verify(der, message, ec.ECDSA(hashes.SHA256()))


def test_rfc_6979_public_key():
    assert p256.public_key(RFC_KEY).hex() == RFC_POINT


@pytest.mark.parametrize("message", RFC_SIGNATURES)
def test_rfc_6979_signatures(message):
    assert p256.sign(RFC_KEY, message).hex() == RFC_SIGNATURES[message]


@pytest.mark.parametrize("d", [*EDGES, *(sum(1 << i for i in range(0, 256, step)) for step in (26, 52))])
def test_edge_keys(d):
    key = octets(d)
    point = public_point(key)
    assert p256.public_key(key) == octets(point.x) + octets(point.y)
    check(key, b"edge", p256.sign(key, b"edge"))


@pytest.mark.parametrize("k", EDGES)
def test_edge_nonces(k, monkeypatch):
    monkeypatch.setattr(p256, "_nonces", lambda *_: iter([k]))
    check(RFC_KEY, b"edge", p256.sign(RFC_KEY, b"edge"))


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
    signature = p256.sign_digest(RFC_KEY, digest)
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    public_point(RFC_KEY).public_key().verify(der, digest, ec.ECDSA(Prehashed(hashes.SHA256())))


@pytest.mark.parametrize(
    "key", [b"", b"\x01" * 31, b"\x01" * 33, octets(0), octets(p256.N), octets(p256.N + 1), b"\xff" * 32]
)
def test_what_is_no_private_key_is_refused(key):
    assert not p256.is_private_key(key)
    for use in (p256.public_key, lambda k: p256.sign(k, b"")):
        with pytest.raises(ValueError, match="private key"):
            use(key)


def test_the_table_is_what_its_docstring_says():
    entries = [TABLE[at : at + 64] for at in range(0, len(TABLE), 64)]
    assert len(entries) == p256.BLOCKS * 31
    for at, entry in enumerate(entries):
        block, index = divmod(at, 31)
        rows = [row for row in range(p256.ROWS) if (index + 1) >> row & 1]
        multiple = sum(1 << p256.COLUMNS * (p256.BLOCKS * row + block) for row in rows)
        point = public_point(octets(multiple))
        assert entry == octets(point.x) + octets(point.y)
