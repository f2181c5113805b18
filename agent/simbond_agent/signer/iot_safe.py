"""The key of an IoT SAFE applet: what it signs, the SIM has signed.

Source: GSMA IoT.05, IoT Security Applet Interface Description, as Orange's IoT SAFE APDU library and wolfSSL's port of
it have commands, tags and values. What a card answers differs in form: see raw_signature.
"""

import asyncio
from hashlib import sha256

from .. import claims, cose
from .error import SignerError
from .sim_channel import OK, SimChannel

AID = b"\xa0\x00\x00\x05\x59\x00\x10"

_SIGN_INIT = 0x2A
_SIGN_UPDATE = 0x2B
_READ_PUBLIC_KEY = 0xCD
_WRONG_CLASS = 0x6E00
_UNKNOWN_FORM = "the SIM's signature has an unknown form"
# Mode of operation: sign a hash that is given; hash: SHA-256; signature: ECDSA.
_ES256 = b"\xa1\x01\x03\x91\x02\x00\x01\x92\x01\x04"
_SESSION = 1


class IotSafeSigner:
    """A countersigner, and after open() a signer. Every coroutine raises SignerError.

    key_id: octets that name the private key, and the public one, too, if public_key_id does not. aid: the applet's,
    where the card's issuer has another than GSMA's.
    """

    protection = claims.KEY_SIM
    public_key = None
    kid = None

    def __init__(self, key_id=b"\x01", public_key_id=None, aid=AID):
        self._key_id = key_id
        self._public_key_id = public_key_id or key_id
        self._aid = aid
        self._lock = asyncio.Lock()
        self._sim = None
        self._class = 0

    def attach(self, modem):
        """modem: the modem.Modem, or whatever has the Transport as its channel. The same one again changes nothing."""
        if not self._sim or self._sim.transport is not modem.channel:
            self._sim = SimChannel(modem.channel, self._aid)

    async def open(self):
        """Reads the public key."""
        answer = await self._with_applet(self._read_public_key)
        # 34 { 49 { 86 { 04 x y } } }
        if answer[:1] != b"\x34" or answer[-67:-64] != b"\x86\x41\x04":
            raise SignerError("the SIM's key is no P-256 point")
        self.public_key = answer[-64:]
        self.kid = cose.kid(self.public_key)

    async def sign(self, message):
        """The ES256 signature of message (bytes), of which the card gets the hash: r and s, 64 octets."""
        return raw_signature(await self._with_applet(self._sign, sha256(message).digest()))

    async def _with_applet(self, work, *arguments):
        if not self._sim:
            raise SignerError("no modem is attached")
        async with self._lock, self._sim:
            return await work(*arguments)

    async def _read_public_key(self):
        return _checked(
            "the SIM has no such public key",
            *await self._apdu(_READ_PUBLIC_KEY, 0, 0, _tlv(0x85, self._public_key_id)),
        )

    async def _sign(self, digest):
        start = _tlv(0x84, self._key_id) + _ES256
        answer = await self._apdu(_SIGN_INIT, 0, _SESSION, start)
        if answer[1] != OK:
            # An earlier signature may have been broken off: its session is closed, by P1 1.
            await self._apdu(_SIGN_INIT, 1, _SESSION, b"")
            answer = await self._apdu(_SIGN_INIT, 0, _SESSION, start)
        _checked("the SIM has no such private key, or it may not sign", *answer)
        answer = await self._apdu(_SIGN_UPDATE, 0x80, _SESSION, _tlv(0x9E, digest))
        return _checked("the SIM does not sign", *answer)

    async def _apdu(self, instruction, p1, p2, data):
        command = (instruction, p1, p2, bytes((len(data),)) + data)
        answer = await self._sim.apdu(*command + (self._class,))
        if answer[1] == _WRONG_CLASS:  # some applets want the proprietary one
            self._class ^= 0x80
            answer = await self._sim.apdu(*command + (self._class,))
        return answer


def _checked(problem, answer, status):
    if status != OK:
        raise SignerError("%s (SIM status %04X)" % (problem, status))
    return answer


def _tlv(tag, value):
    return bytes((tag, len(value))) + value


def raw_signature(answer):
    """r and s, 64 octets, of the answer to COMPUTE SIGNATURE UPDATE: they stand in tag 33, raw or in DER.

    Its length has one octet, two, or BER's long form. Raises SignerError for anything else.
    """
    if answer[1:2] in (b"\x00", b"\x81"):
        answer = answer[:1] + answer[2:]
    value, rest = _value(0x33, answer)
    if len(value) != 64:
        body, more = _value(0x30, value)
        r, tail = _value(2, body)
        s, end = _value(2, tail)
        value = _octets(r) + _octets(s)
        rest += more + end
    if rest:
        raise SignerError(_UNKNOWN_FORM)
    return value


def _value(tag, octets):
    """The value at the start of octets, which begin with tag and its length, and what follows it."""
    end = 2 + octets[1] if len(octets) > 2 else 0
    if octets[:1] != bytes((tag,)) or not 2 < end <= len(octets):
        raise SignerError(_UNKNOWN_FORM)
    return octets[2:end], octets[end:]


def _octets(integer):
    """A positive DER INTEGER's content in 32 octets."""
    number = integer.lstrip(b"\0")
    if integer[0] > 127 or not 0 < len(number) <= 32:
        raise SignerError(_UNKNOWN_FORM)
    return b"\0" * (32 - len(number)) + number
