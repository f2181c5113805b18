"""P-256 keys, and the check of ES256 signatures (RFC 9053 section 2.1): by AWS-LC where it is installed, or else by
OpenSSL (docs/adr/aws-lc.md). Pure."""

from collections.abc import Callable
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import openssl

POINT_OCTETS = 65
"""Of an uncompressed point (SEC 1 section 2.3.3)."""


class Key(Protocol):
    """A public key that is on the curve."""

    def is_signature(self, raw: bytes, digest: bytes) -> bool:
        """Whether r and s, 32 octets each, are the key's signature over what has this SHA-256 digest."""
        ...


LIBRARY = "OpenSSL"
"""That checks signatures here."""
_Key: Callable[[bytes], Key] = openssl.Key
try:
    from . import aws_lc

    LIBRARY, _Key = "AWS-LC", aws_lc.Key
except ImportError:  # a technician's laptop checks a few signatures a day
    pass


def load_key(point: bytes) -> Key:
    """A key from its uncompressed point. Raises ValueError when that is none, or is not on the curve."""
    if len(point) != POINT_OCTETS or point[0] != 4:
        raise ValueError("no uncompressed point of P-256")
    return _Key(point)


def compress(point: bytes) -> bytes:
    """33 octets (SEC 1 section 2.3.3) of an uncompressed point."""
    return bytes([2 + (point[-1] & 1)]) + point[1:33]


def decompress(point: bytes) -> bytes:
    """The uncompressed point of a compressed one; also of itself. Raises ValueError when it is none on the curve."""
    key = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
