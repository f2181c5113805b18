"""Octets that were damaged, and are never by chance what they were: a random octet is 0 already once in 256 times."""


def flipped(octets: bytes, at: int = -1, bits: int = 1) -> bytes:
    """The octets, where the one at this place has these bits turned (a mask, not 0)."""
    changed = bytearray(octets)
    changed[at] ^= bits
    return bytes(changed)


def with_bit_flipped(octets: bytes, number: int) -> bytes:
    """The octets with one bit turned, numbered from the lowest of the first octet."""
    return flipped(octets, number // 8, 1 << number % 8)
