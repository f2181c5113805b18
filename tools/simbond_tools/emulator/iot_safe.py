"""An IoT SAFE applet with one P-256 key, for signatures over a hash that is given.

As GSMA IoT.05 has it: COMPUTE SIGNATURE INIT and UPDATE, READ PUBLIC KEY. Cards differ in how the signature is put; the
forms here are those that are known: NTT's applet answers 33 40 r s, wolfSSL expects 33 00 40 r s, others sign in DER.
"""

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from .uicc import NOT_FOUND, OK, UNKNOWN_INSTRUCTION

AID = bytes.fromhex("A000000559001000")
WRONG_CLASS = 0x6E00
WRONG_DATA = 0x6A80
NOT_NOW = 0x6985
_PUBLIC_KEY_ID, _PRIVATE_KEY_ID, _FINAL_HASH = 0x85, 0x84, 0x9E
_ES256 = {0xA1: b"\x03", 0x91: b"\x00\x01", 0x92: b"\x04"}


class IotSafe:
    """The applet, selected. key_id: what names the key. own_class: the class that it takes, 0 or 0x80.

    der, long_length: the form of its signatures.
    """

    def __init__(
        self,
        key: ec.EllipticCurvePrivateKey,
        *,
        key_id: bytes = b"\x01",
        own_class: int = 0,
        der: bool = False,
        long_length: bool = False,
    ) -> None:
        self._key = key
        self._key_id = key_id
        self._own_class = own_class
        self._der = der
        self._length = b"\x00" if long_length else b""
        self._sessions: set[int] = set()

    def command(self, own_class: int, instruction: int, p1: int, p2: int, data: bytes) -> tuple[bytes, int]:
        if own_class != self._own_class:
            return b"", WRONG_CLASS
        fields = _fields(data)
        if fields is None:
            return b"", WRONG_DATA
        match instruction, p1:
            case 0x2A, 0:  # COMPUTE SIGNATURE INIT
                return b"", self._start(p2, fields)
            case 0x2A, 1:
                self._sessions.discard(p2)
                return b"", OK
            case 0x2B, 0x80:  # COMPUTE SIGNATURE UPDATE, last block
                return self._sign(p2, fields)
            case 0xCD, 0:  # READ PUBLIC KEY
                return self._public_key(fields)
        return b"", UNKNOWN_INSTRUCTION

    def _start(self, session: int, fields: dict[int, bytes]) -> int:
        if session in self._sessions:
            return NOT_NOW
        if fields.pop(_PRIVATE_KEY_ID, None) != self._key_id:
            return NOT_FOUND
        if fields != _ES256:
            return WRONG_DATA
        self._sessions.add(session)
        return OK

    def _sign(self, session: int, fields: dict[int, bytes]) -> tuple[bytes, int]:
        digest = fields.get(_FINAL_HASH, b"")
        if session not in self._sessions:
            return b"", NOT_NOW
        if len(digest) != 32:
            return b"", WRONG_DATA
        signature = self._key.sign(digest, ec.ECDSA(utils.Prehashed(SHA256())))
        if not self._der:
            r, s = utils.decode_dss_signature(signature)
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return b"\x33" + self._length + bytes((len(signature),)) + signature, OK

    def _public_key(self, fields: dict[int, bytes]) -> tuple[bytes, int]:
        if fields != {_PUBLIC_KEY_ID: self._key_id}:
            return b"", NOT_FOUND
        return b"\x34\x45\x49\x43\x86\x41" + public_point(self._key), OK


def public_point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key's point, uncompressed: 04, x, y."""
    numbers = key.public_key().public_numbers()
    return b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def _fields(data: bytes) -> dict[int, bytes] | None:
    """Tag, length, value, one after the other; None if they do not come out even."""
    fields: dict[int, bytes] = {}
    while data:
        end = 2 + data[1] if len(data) > 1 else 0
        if not 0 < end <= len(data):
            return None
        fields[data[0]], data = data[2:end], data[end:]
    return fields
