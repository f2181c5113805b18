"""ES256 by `cryptography`, on raw signatures (r and s, 32 octets each) and points (x and y)."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

_DIGEST = ec.ECDSA(utils.Prehashed(SHA256()))


def sign_digest(key: ec.EllipticCurvePrivateKey, digest: bytes) -> bytes:
    return b"".join(n.to_bytes(32, "big") for n in utils.decode_dss_signature(key.sign(digest, _DIGEST)))


def public_octets(key: ec.EllipticCurvePrivateKey) -> bytes:
    numbers = key.public_key().public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def is_signature(key: ec.EllipticCurvePrivateKey, signature: bytes, message: bytes) -> bool:
    """Whether signature is one on message by key."""
    assert len(signature) == 64
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    try:
        key.public_key().verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
