"""ECDSA signatures as ASN.1 has them (RFC 3279 section 2.2.3), in DER."""

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

# SEQUENCE { INTEGER r, INTEGER s } up to r, and between r and s, for 32 octets each; by the first bits of r and of s: a
# number that begins with a 1 has a zero in front of it.
_AROUND = {
    (r, s): (bytes([0x30, 68 + r + s, 0x02, 32 + r]) + bytes(r), bytes([0x02, 32 + s]) + bytes(s))
    for r in (0, 1)
    for s in (0, 1)
}


def encode(raw: bytes) -> bytes:
    """raw: r and s, 32 octets each."""
    if raw[0] and raw[32]:
        head, between = _AROUND[raw[0] >> 7, raw[32] >> 7]
        return b"%b%b%b%b" % (head, raw[:32], between, raw[32:])
    return encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
