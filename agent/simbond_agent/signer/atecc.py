"""The key in a Microchip ATECC608 (or ATECC508A) on I2C: it signs, and nobody reads the key out of it.

Source: the data sheets of the ATECC508A (DS20005927) and the ATECC608B-TNGTLS: "I/O Transactions", "Status/Error
Codes", "I2C Interface" and the commands Info, Read, Random, Nonce, GenKey and Sign. How a chip is set up: docs/keys.md.
"""

import asyncio
from binascii import hexlify
from hashlib import sha256

from .. import claims, cose
from .error import SignerError

_ATTEMPTS = 4
_POLL_S = 0.005
_WAKE_POLLS = 8  # tWHI is 1.5 ms, 20 ms where the chip tests itself on waking
_POLLS = 240  # the watchdog (1.3 s) ends any command
_WOKEN = b"\x11"
_STATUS = {
    0x03: "command not understood",
    0x05: "ECC fault",
    0x07: "self-test failed",
    0x08: "random numbers failed their test",
    0x0F: "the slot holds no P-256 key that may do this: set up the chip (docs/keys.md)",
    0xEE: "watchdog about to expire",
    0xFF: "command arrived damaged",
}


class _Fault(Exception):
    """An exchange that failed, and may succeed when it is repeated."""


class AteccSigner:
    """The P-256 key in one slot. i2c: a machine.I2C at 100 kHz, the speed at which the chip can be woken.

    address: 7 bits, 0x60 as delivered blank, 0x35 for Trust&GO (TNGTLS), 0x36 for TrustFLEX (TFLXTLS).
    lock: held during an exchange; whoever else talks to the chip holds it, too, for the digest waits in the chip.
    """

    protection = claims.KEY_SECURE_ELEMENT
    public_key = None
    kid = None

    def __init__(self, i2c, address=0x60, slot=0):
        self.lock = asyncio.Lock()
        self._i2c = i2c
        self._address = address
        self._slot = slot

    async def open(self):
        """Checks the chip and reads the public key. Raises SignerError; called again, it starts anew."""
        revision = await self._run((0x30, 0, 0, b"", 4))
        if revision[2] >> 4 not in (5, 6):
            raise self._error("is no ATECC608 or ATECC508A: revision " + hexlify(revision).decode())
        # Bytes 84 to 87 of the configuration zone: UserExtra, UserExtraAdd, LockValue, LockConfig.
        locks = await self._run((0x02, 0, 84 // 4, b"", 4))
        if locks[2] or locks[3]:
            raise self._error("is not locked, so its keys are not safe: set up the chip (docs/keys.md)")
        self.public_key = bytes(await self._run((0x40, 0, self._slot, b"", 64)))
        self.kid = cose.kid(self.public_key)

    async def sign(self, message):
        """The ES256 signature of message (bytes): r and s, 64 octets. Raises SignerError."""
        return bytes(
            await self._run(
                (0x1B, 0, 0, b"", 32),  # Random: a fresh seed of its generator for the signature's nonce
                (0x16, 3, 0, sha256(message).digest(), 1),  # Nonce, passed through to TempKey
                (0x41, 0x80, self._slot, b"", 64),  # Sign what is in TempKey
            )
        )

    async def _run(self, *commands):
        """Wakes the chip, has it do commands in a row, sends it to sleep. Returns the answer to the last."""
        async with self.lock:
            for _ in range(_ATTEMPTS):
                try:
                    await self._wake()
                    for command in commands:
                        answer = await self._execute(*command)
                    return answer
                except (_Fault, OSError) as e:
                    fault = e
                finally:
                    # Clears TempKey and the answer: neither outlives the exchange it was made for.
                    self._write(self._address, b"\x01")
        raise self._error(str(fault))

    def _error(self, text):
        return SignerError("secure element at 0x%02x: %s" % (self._address, text))

    async def _wake(self):
        # The zero bits of this address hold SDA low for 80 us at 100 kHz; nobody acknowledges it.
        self._write(0, b"\0")
        if await self._answer(1, _WAKE_POLLS) != _WOKEN:
            raise _Fault("does not wake")

    def _write(self, address, octets):
        try:
            self._i2c.writeto(address, octets)
        except OSError:
            pass

    async def _execute(self, opcode, p1, p2, data, size):
        """Sends one command and returns its answer, size octets."""
        packet = bytes((len(data) + 7, opcode, p1, p2, 0)) + data
        self._i2c.writeto(self._address, b"\x03" + packet + _crc(packet))
        answer = await self._answer(size, _POLLS)
        if len(answer) != size or (size == 1 and answer[0]):
            raise _Fault(_STATUS.get(answer[0], "unexpected answer") + ", status %d" % answer[0])
        return answer

    async def _answer(self, size, polls):
        """What the chip has to say: size octets, or one status octet."""
        group = bytearray(size + 3)
        for _ in range(polls):
            await asyncio.sleep(_POLL_S)
            try:
                self._i2c.readfrom_into(self._address, group)
            except OSError:
                continue  # busy, or not there
            count = group[0]
            if count not in (4, size + 3) or _crc(group[: count - 2]) != group[count - 2 : count]:
                raise _Fault("answer arrived damaged")
            return group[1 : count - 2]
        raise _Fault("no answer: check address, wiring, pull-ups and I2C speed (100 kHz)")


def _crc(octets):
    # CRC-16, polynomial 0x8005, from 0; every octet's lowest bit first, the result low octet first.
    crc = 0
    for octet in octets:
        for bit in range(8):
            crc = crc << 1 ^ (0x8005 if (crc >> 15 ^ octet >> bit) & 1 else 0)
            crc &= 0xFFFF
    return bytes((crc & 255, crc >> 8))
