"""A device made of the server's own libraries: signs Evidence with `cryptography` and `cbor2`, independently of the
agent's code, so that tests can make good messages and every kind of bad one."""

from dataclasses import dataclass, field, replace

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from simbond_verifier.signing_key import PublicKey

IMEI = "861234050000013"
ICCID = "89860012345678901237"
IMSI = "460001234567890"
CELL = {"rat": "LTE", "plmn": "46000", "tac": 29846, "cell_id": 251941991, "rsrp_dbm": -97}


def bcd(digits: str, octets: int) -> bytes:
    return bytes.fromhex(digits.ljust(2 * octets, "F"))


@dataclass
class Attester:
    """One key, its counters and what it reports."""

    imei: str = IMEI
    """Empty: the modem gives none."""
    iccid: str | None = ICCID
    imsi: str | None = IMSI
    cell: bytes | None = bytes.fromhex("64f00074962f04546761")
    scenario: int = 1
    status: int = 0
    bootcount: int = 1
    uptime: int = 0
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    sim: "Sim | None" = None
    """Signs the Evidence, too."""

    def __post_init__(self) -> None:
        self.point = point_of(self.key)
        self.kid = PublicKey(self.point).kid

    def binding(self) -> list[object]:
        return [
            bcd(self.imei[:14], 7) if self.imei else None,
            None if self.iccid is None else bcd(self.iccid, 10),
            None if self.imsi is None else bcd(self.imsi, 8),
            self.cell,
            self.scenario,
            self.status,
        ]

    def claims(self, nonce: bytes) -> dict[int, object]:
        """The claims of the next Evidence; uptime rises with each."""
        self.uptime += 1
        return {10: nonce, 261: self.uptime, 267: self.bootcount, -70001: self.binding()}

    def evidence(self, nonce: bytes) -> bytes:
        message = self.sign(cbor2.dumps(self.claims(nonce), canonical=True))
        return message if self.sim is None else self.sim.countersign(message)

    def rotation(self, nonce: bytes, request: bytes) -> bytes:
        """Its wish to sign with another key, whose enrolment request this is; uptime rises."""
        self.uptime += 1
        claims = {10: nonce, 261: self.uptime, 267: self.bootcount, -70003: request}
        return self.sign(cbor2.dumps(claims, canonical=True))

    def successor(self, **changes: object) -> "Attester":
        """The same device with another key, and that key's counters."""
        key = ec.generate_private_key(ec.SECP256R1())
        return replace(self, **({"key": key} | changes))  # type: ignore[arg-type]

    def enrolment(self) -> bytes:
        key = {1: 2, -1: 1, -2: self.point[1:33], -3: self.point[33:]}
        return self.sign(cbor2.dumps({8: {1: key}, -70001: self.binding()}, canonical=True))

    def sign(self, payload: bytes, *, header: dict[int, object] | None = None, tag: int = 18) -> bytes:
        protected = cbor2.dumps({1: -7, 4: self.kid} if header is None else header, canonical=True)
        signature = raw_signature(self.key, cbor2.dumps(["Signature1", protected, b"", payload]))
        return cbor2.dumps(cbor2.CBORTag(tag, [protected, {}, payload, signature]))


@dataclass
class Sim:
    """The key on a card."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.point = point_of(self.key)

    def countersign(self, message: bytes) -> bytes:
        """The message with a COSE_Countersignature0 (RFC 9338) over all of it."""
        protected, _, payload, signature = cbor2.loads(message).value
        covered = cbor2.dumps(["CounterSignature0V2", protected, b"", payload, [signature]])
        unprotected = {12: raw_signature(self.key, covered)}
        return cbor2.dumps(cbor2.CBORTag(18, [protected, unprotected, payload, signature]))


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key, uncompressed."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def raw_signature(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")
