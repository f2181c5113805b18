"""ECDSA over P-256 with SHA-256 (ES256), signing only, in pure Python for MicroPython.

Nonces are deterministic (RFC 6979). Scalar multiplication is a comb of 4 rows and 3 blocks with digits 1 and -1, over
the table in p256_table.py: 22 doublings and 66 additions, whatever the scalar. docs/adr/p256-comb.md says why.

Not constant-time: the interpreter's integers are not. What leaks most, the inversions, runs on blinded values; still,
keep this signer away from an attacker who can time single signatures or probe the board, and use a secure element
where that matters.

signing and deriving are generators for whoever must not block: they yield None at least every 20 ms on a Cortex-M3 of
64 MHz, and return their result (StopIteration.value). sign and public_key run them to their end.
"""

import os
from hashlib import sha256

from .p256_table import TABLE

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
# In octets: an integer this large stands in .mpy as decimal digits.
N = int.from_bytes(
    b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"
    b"\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51",
    "big",
)

ROWS = 4
BLOCKS = 3
COLUMNS = 22  # digits of one row in one block: at least 257 in all


def is_private_key(octets):
    """Whether octets are a private key: 32 octets, a big-endian number in [1, N-1]."""
    return len(octets) == 32 and 0 < int.from_bytes(octets, "big") < N


def public_key(private_key):
    """The public point of a private key (32 octets): x and y, 32 octets each, in one bytes object of 64.

    Raises ValueError when private_key is none.
    """
    return _finish(deriving(private_key))


def deriving(private_key):
    """public_key as a generator."""
    x, y, zz, zzz = yield from _multiply_base(_scalar(private_key))
    inverse = _inverse(zzz, P)
    return _octets(x * pow(zz * inverse, 2, P) % P) + _octets(y * inverse % P)


def sign(private_key, message):
    """The ES256 signature of message (bytes): r and s, 32 octets each, in one bytes object of 64 (RFC 9053 2.1).

    Raises ValueError when private_key is none.
    """
    return _finish(signing(private_key, message))


def signing(private_key, message):
    """sign as a generator."""
    return signing_digest(private_key, sha256(message).digest())


def signing_digest(private_key, digest):
    """signing, of a SHA-256 digest (32 octets)."""
    d = _scalar(private_key)
    e = int.from_bytes(digest, "big") % N
    for k in _nonces(private_key, _octets(e)):
        x, _, zz, _ = yield from _multiply_base(k)
        r = x * _inverse(zz, P) % P % N
        yield
        s = _inverse(k, N) * (e + r * d) % N
        if r and s:
            return _octets(r) + _octets(s)


def _finish(steps):
    while True:
        try:
            next(steps)
        except StopIteration as e:
            return e.value


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
        q, r = divmod(v, u)
        u, v = r, u
        x, y = y - q * x, x
    return y * blind % m


def _multiply_base(k):
    """A generator: k times the base point, 0 < k < N, as (x, y, zz, zzz), which is (x / zz, y / zzz) in the plane."""
    # Digits 1 and -1 write odd numbers; N is odd. k = 2 m - (2**264 - 1): where m has a bit, the digit is 1, else -1.
    if not k & 1:
        k += N
    bits = ROWS * BLOCKS * COLUMNS
    digits = (k + (1 << bits) - 1 >> 1).to_bytes(33, "little")
    half = 1 << ROWS - 1
    x = y = zz = zzz = 0
    for column in range(COLUMNS - 1, -1, -1):
        x, y, zz, zzz = _double(x, y, zz, zzz)
        for block in range(BLOCKS):
            index = 0
            for bit in range(COLUMNS * block + column, bits, COLUMNS * BLOCKS):
                index = index >> 1 | (digits[bit >> 3] >> (bit & 7) & 1) << ROWS - 1
            # The table has the points for which the last row's digit is 1; the others are their opposites.
            opposite = index < half
            if opposite:
                index = 2 * half - 1 - index
            at = 64 * (half * (block - 1) + index)
            x2 = int.from_bytes(TABLE[at : at + 32], "big")
            y2 = int.from_bytes(TABLE[at + 32 : at + 64], "big")
            x, y, zz, zzz = _add(x, y, zz, zzz, x2, -y2 if opposite else y2)
        yield
    return x, y, zz, zzz


def _double(x, y, zz, zzz):
    # dbl-2008-s-1 of the Explicit-Formulas Database, "xyzz"; a = -3. zz = 0 is infinity, which it leaves as it is.
    p = P
    u = y << 1
    v = u * u % p
    w = u * v % p
    s = x * v % p
    m = 3 * (x - zz) * (x + zz) % p
    x = (m * m - (s << 1)) % p
    return x, (m * (s - x) - w * y) % p, v * zz % p, w * zzz % p


def _add(x, y, zz, zzz, x2, y2):
    # madd-2008-s: the other point is affine. A few scalars meet equal points; none meets opposite ones, since no sum
    # on the way is a multiple of N (a test looks for one).
    if not zz:
        return x2, y2, 1, 1
    p = P
    h = (x2 * zz - x) % p
    if not h:
        return _double(x, y, zz, zzz)
    r = (y2 * zzz - y) % p
    hh = h * h % p
    v = x * hh % p
    h = h * hh % p
    x = (r * r - h - (v << 1)) % p
    return x, (r * (v - x) - y * h) % p, zz * hh % p, zzz * h % p
