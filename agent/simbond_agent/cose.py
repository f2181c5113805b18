"""COSE_Sign1 (RFC 9052 section 4.2) with ES256, a countersignature on it (RFC 9338), and the key's identifier."""

from hashlib import sha256

from . import cbor

_TAG_SIGN1 = 18
_ALG = 1
_KID = 4
_ES256 = -7
_COUNTERSIGNATURE0 = 12


def public_cose_key(point):
    """The COSE_Key (RFC 9053 section 7.1) of a P-256 point (x and y, 64 octets), as a dict to encode."""
    return {1: 2, -1: 1, -2: point[:32], -3: point[32:]}


def kid(point):
    """The key identifier: the first 8 octets of the COSE Key Thumbprint with SHA-256 (RFC 9679)."""
    return sha256(cbor.encode(public_cose_key(point))).digest()[:8]


async def sign1(signer, payload, countersign=None):
    """payload (bytes) in a tagged COSE_Sign1, encoded.

    signer: see the package signer. countersign: coroutine, octets -> another key's signature or None; a
    Countersignature0 (RFC 9338 section 3.2) with it covers the whole message.
    """
    protected = cbor.encode({_ALG: _ES256, _KID: signer.kid})
    signature = await signer.sign(cbor.encode(["Signature1", protected, b"", payload]))
    unprotected = {}
    if countersign:
        statement = await countersign(cbor.encode(["CounterSignature0V2", protected, b"", payload, [signature]]))
        if statement:
            unprotected[_COUNTERSIGNATURE0] = statement
    return cbor.encode(cbor.Tag(_TAG_SIGN1, [protected, unprotected, payload, signature]))
