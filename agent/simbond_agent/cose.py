"""COSE_Sign1 (RFC 9052 section 4.2) with ES256, and the key's identifier."""

from hashlib import sha256

from . import cbor

_TAG_SIGN1 = 18
_ALG = 1
_KID = 4
_ES256 = -7


def public_cose_key(point):
    """The COSE_Key (RFC 9053 section 7.1) of a P-256 point (x and y, 64 octets), as a dict to encode."""
    return {1: 2, -1: 1, -2: point[:32], -3: point[32:]}


def kid(point):
    """The key identifier: the first 8 octets of the COSE Key Thumbprint with SHA-256 (RFC 9679)."""
    return sha256(cbor.encode(public_cose_key(point))).digest()[:8]


def sign1(signer, payload):
    """payload (bytes) in a tagged COSE_Sign1, encoded.

    signer: an object with kid (8 octets) and sign(message) -> 64 octets, r and s.
    """
    protected = cbor.encode({_ALG: _ES256, _KID: signer.kid})
    signature = signer.sign(cbor.encode(["Signature1", protected, b"", payload]))
    return cbor.encode(cbor.Tag(_TAG_SIGN1, [protected, {}, payload, signature]))
