"""The check of signatures by OpenSSL, through `cryptography`."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from . import der

_ES256 = ECDSA(Prehashed(SHA256()))  # hashlib's digest costs less than one of OpenSSL's provider interface


class Key:
    """See p256.Key."""

    __slots__ = ("_key",)

    def __init__(self, point: bytes) -> None:
        """point: uncompressed. Raises ValueError."""
        self._key = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)

    def is_signature(self, raw: bytes, digest: bytes) -> bool:
        try:
            self._key.verify(der.encode(raw), digest, _ES256)
        except InvalidSignature:
            return False
        return True
