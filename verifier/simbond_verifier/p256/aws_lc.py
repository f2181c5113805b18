"""The check of signatures by AWS-LC, through `awscrt`."""

from awscrt.crypto import EC  # type: ignore[import-untyped]

from . import der

# SubjectPublicKeyInfo { { id-ecPublicKey, prime256v1 }, BIT STRING } (RFC 5480 section 2) up to the point.
_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")


class Key:
    """See p256.Key."""

    __slots__ = ("_key",)

    def __init__(self, point: bytes) -> None:
        """point: uncompressed. Raises ValueError."""
        try:
            self._key = EC.new_key_from_der_data(_SPKI + point)
        except RuntimeError as e:
            raise ValueError("not on P-256") from e

    def is_signature(self, raw: bytes, digest: bytes) -> bool:
        return bool(self._key.verify(digest, der.encode(raw)))
