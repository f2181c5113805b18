"""ECDSA over P-256 with SHA-256 (ES256), signing only, in pure Python for MicroPython.

Nonces are deterministic (RFC 6979). Scalar multiplication is a Lim-Lee comb of 5 rows and 2 blocks over the table in
p256_table.py: 25 doublings and at most 52 additions.

Not constant-time: the interpreter's integers are not. What leaks most, the inversions, runs on blinded values; still,
keep this signer away from an attacker who can time single signatures or probe the board, and use a secure element
where that matters.
"""

import os
from hashlib import sha256

from .p256_table import TABLE

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

ROWS = 5
BLOCKS = 2
COLUMNS = 26  # bits of one block: ROWS * BLOCKS * COLUMNS >= 256


def is_private_key(octets):
    """Whether octets are a private key: 32 octets, a big-endian number in [1, N-1]."""
    return len(octets) == 32 and 0 < int.from_bytes(octets, "big") < N


def public_key(private_key):
    """The public point of a private key (32 octets): x and y, 32 octets each, in one bytes object of 64."""
    x, y, z = _multiply_base(_scalar(private_key))
    z = _inverse(z, P)
    zz = z * z % P
    return _octets(x * zz % P) + _octets(y * zz * z % P)


def sign(private_key, message):
    """The ES256 signature of message (bytes): r and s, 32 octets each, in one bytes object of 64 (RFC 9053 2.1)."""
    return sign_digest(private_key, sha256(message).digest())


def sign_digest(private_key, digest):
    """As sign, of a SHA-256 digest (32 octets). Raises ValueError when private_key is none."""
    d = _scalar(private_key)
    e = int.from_bytes(digest, "big") % N
    for k in _nonces(private_key, _octets(e)):
        x, _, z = _multiply_base(k)
        z = _inverse(z, P)
        r = x * z * z % P % N
        s = _inverse(k, N) * (e + r * d) % N
        if r and s:
            return _octets(r) + _octets(s)


def _scalar(private_key):
    if not is_private_key(private_key):
        raise ValueError("not a P-256 private key")
    return int.from_bytes(private_key, "big")


def _octets(n):
    return n.to_bytes(32, "big")


def _hmac(key, *parts):
    # RFC 2104; the key is 32 octets, a SHA-256 block 64.
    inner = sha256(bytes([b ^ 0x36 for b in key]) + b"\x36" * 32)
    for part in parts:
        inner.update(part)
    return sha256(bytes([b ^ 0x5C for b in key]) + b"\x5c" * 32 + inner.digest()).digest()


def _nonces(private_key, digest):
    # RFC 6979 section 3.2, for SHA-256 and a 256-bit group order.
    key, v = b"\x00" * 32, b"\x01" * 32
    for separator in (b"\x00", b"\x01"):
        key = _hmac(key, v, separator, private_key, digest)
        v = _hmac(key, v)
    while True:
        v = _hmac(key, v)
        k = int.from_bytes(v, "big")
        if 0 < k < N:
            yield k
        key = _hmac(key, v, b"\x00")
        v = _hmac(key, v)


def _inverse(a, m):
    # 1/a modulo the prime m by Euclid, whose run time depends on its input: on a random multiple of a.
    blind = 0
    while not blind:
        blind = int.from_bytes(os.urandom(32), "big") % m
    u, v = a * blind % m, m
    x, y = 1, 0
    while u:
        q = v // u
        u, v = v - q * u, u
        x, y = y - q * x, x
    return y * blind % m


def _multiply_base(k):
    # k times the base point, 0 < k < N, in Jacobian coordinates; the curve has a = -3.
    #
    # The mixed addition knows no doubling and no opposite points, and meets none. Accumulator and table entry are
    # multiples of the base point by sums of distinct powers of two: together they never exceed k, which is below N, and
    # they differ, since the accumulator was just doubled and the entry holds the bits that it therefore lacks.
    p = P
    span = COLUMNS * BLOCKS
    table = memoryview(TABLE)
    x, y, z = 0, 1, 0
    for column in range(COLUMNS - 1, -1, -1):
        if z:
            # dbl-2001-b
            d = z * z % p
            g = y * y % p
            b = x * g % p
            a = 3 * (x - d) * (x + d) % p
            z = 2 * y * z % p
            x = (a * a - 8 * b) % p
            y = (a * (4 * b - x) - 8 * g * g) % p
        for block in range(BLOCKS):
            index = 0
            shift = column + COLUMNS * block
            for row in range(ROWS):
                index |= (k >> shift + span * row & 1) << row
            if not index:
                continue
            at = 64 * (31 * block + index - 1)
            x2 = int.from_bytes(table[at : at + 32], "big")
            y2 = int.from_bytes(table[at + 32 : at + 64], "big")
            if not z:
                x, y, z = x2, y2, 1
                continue
            # madd
            zz = z * z % p
            h = (x2 * zz - x) % p
            r = (y2 * zz * z - y) % p
            hh = h * h % p
            hhh = h * hh % p
            v = x * hh % p
            z = z * h % p
            x = (r * r - hhh - 2 * v) % p
            y = (r * (v - x) - y * hhh) % p
    return x, y, z
