"""Freshness: stateless nonces and the order of (bootcount, uptime). Pure: the clock is an argument.

A nonce is the low 24 bits of the second it was issued in and 40 bits of a MAC over key id and whole second. Any
verifier node that shares the secret can check it; nobody else can make one, and no device can use another's. The MAC
key changes every day, by derivation. The MAC is keyed BLAKE2s (RFC 7693), a third of HMAC-SHA-256's time: two are made
for every Evidence. Nonces older than 2^24 s (194 days) are wrong rather than late.
"""

from functools import lru_cache
from hashlib import blake2s
from hmac import compare_digest

from .reasons import Reason

_DAY_S = 86400
_SKEW_S = 2
_MODULUS = 1 << 24
_NO_NONCE = bytes(8)
"""In place of a nonce: the device started offline and has none."""


@lru_cache(maxsize=512)
def _day_key(secret: bytes, day: int) -> bytes:
    return blake2s(day.to_bytes(4, "big"), key=secret, person=b"sb nonce").digest()


def _tag(secret: bytes, kid: bytes, second: int) -> bytes:
    key = _day_key(secret, second // _DAY_S)
    return blake2s(kid + second.to_bytes(8, "big"), key=key, digest_size=5).digest()


def issue(secret: bytes, kid: bytes, now: float) -> bytes:
    """A nonce of 8 octets for this key. now: seconds since the epoch."""
    second = int(now)
    return (second % _MODULUS).to_bytes(3, "big") + _tag(secret, kid, second)


def check(secret: bytes, kid: bytes, nonce: bytes, now: float, max_age_s: float) -> float | Reason:
    """When the nonce was issued (seconds since the epoch, rounded down), or why that does not count: LATE for one that
    has expired and for none, NONCE_WRONG for one that was never issued to this key."""
    # Another node's clock may be a little ahead of this one's.
    newest = int(now) + _SKEW_S
    second = newest - (newest - int.from_bytes(nonce[:3], "big")) % _MODULUS
    if second < 0 or not compare_digest(nonce[3:], _tag(secret, kid, second)):
        return Reason.LATE if nonce == _NO_NONCE else Reason.NONCE_WRONG
    return float(second) if now - second <= max_age_s else Reason.LATE


def order(bootcount: int, uptime: int, last_bootcount: int, last_uptime: int) -> Reason | None:
    """None when the pair is newer than the last one of this key."""
    if (bootcount, uptime) > (last_bootcount, last_uptime):
        return None
    return Reason.REPLAYED if (bootcount, uptime) == (last_bootcount, last_uptime) else Reason.COUNTER_BACK
