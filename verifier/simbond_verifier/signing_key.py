"""The keys with which the verifier signs what others shall believe: attestation results, tree heads, receipts. Pure."""

import base64
from hashlib import sha256
from typing import Any, NamedTuple

import cbor2
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

KID_OCTETS = 8
ALG = 1
KID = 4
ES256 = -7
_SIGN1 = 18
_COORDINATE = 32


class InvalidSigningKey(ValueError):
    """What was given is no P-256 private key; the message says how to make one."""


class PublicKey(NamedTuple):
    """A key to check signatures with, of the verifier's own or any other P-256 key."""

    point: bytes
    """Uncompressed, 65 octets."""

    @property
    def kid(self) -> bytes:
        """The first 8 octets of the COSE Key Thumbprint with SHA-256 (RFC 9679), as devices name theirs."""
        return sha256(cbor2.dumps(self._required(), canonical=True)).digest()[:KID_OCTETS]

    def cose_key(self) -> dict[int, Any]:
        """A COSE_Key (RFC 9052 section 7, RFC 9053 section 7.1.1) for verifying with ES256 only."""
        return self._required() | {2: self.kid, 3: ES256, 4: [2]}

    def jwk(self) -> dict[str, str]:
        """The same as a JWK (RFC 7517, RFC 7518 section 6.2.1); its kid is the octets in hexadecimal."""
        x, y = self._coordinates()
        return {
            "kty": "EC",
            "crv": "P-256",
            "x": base64url(x),
            "y": base64url(y),
            "kid": self.kid.hex(),
            "alg": "ES256",
            "use": "sig",
        }

    def _required(self) -> dict[int, Any]:
        x, y = self._coordinates()
        return {1: 2, -1: 1, -2: x, -3: y}

    def _coordinates(self) -> tuple[bytes, bytes]:
        return self.point[1 : 1 + _COORDINATE], self.point[1 + _COORDINATE :]


class SigningKey:
    """One P-256 private key."""

    def __init__(self, key: EllipticCurvePrivateKey) -> None:
        self._key = key
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public = PublicKey(point)
        self.kid = self.public.kid

    @classmethod
    def generate(cls) -> "SigningKey":
        return cls(generate_private_key(SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes) -> "SigningKey":
        """Reads a PKCS #8 or SEC 1 PEM without a password. Raises InvalidSigningKey."""
        try:
            key = load_pem_private_key(pem, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as e:
            raise InvalidSigningKey(f"no unencrypted private key in PEM ({e}); {_HOW}") from None
        if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
            raise InvalidSigningKey(f"a key of another kind than P-256; {_HOW}")
        return cls(key)

    def to_pem(self) -> bytes:
        """PKCS #8, not encrypted."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, message: bytes) -> bytes:
        """The ES256 signature over a message: r and s, 32 octets each (RFC 9053 section 2.1, RFC 7518 section 3.4)."""
        r, s = decode_dss_signature(self._key.sign(message, _ECDSA))
        return r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big")

    def sign1(
        self,
        payload: bytes,
        protected: dict[int, Any] | None = None,
        unprotected: dict[int, Any] | None = None,
        *,
        detached: bool = False,
        aad: bytes = b"",
    ) -> bytes:
        """A tagged COSE_Sign1 (RFC 9052 section 4.2), encoded. The protected header names algorithm and key besides
        what is given. detached: the payload is signed but not carried (nil in its place). aad: what is signed besides
        and carried nowhere (section 4.3)."""
        head = cbor2.dumps({ALG: ES256, KID: self.kid, **(protected or {})}, canonical=True)
        signature = self.sign(cbor2.dumps(["Signature1", head, aad, payload]))
        carried = None if detached else payload
        return cbor2.dumps(cbor2.CBORTag(_SIGN1, [head, unprotected or {}, carried, signature]), canonical=True)


def base64url(octets: bytes) -> str:
    """Without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


_ECDSA = ECDSA(SHA256())
_HOW = "make one with: openssl ecparam -name prime256v1 -genkey -noout -out signing-key.pem"
