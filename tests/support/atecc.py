"""An ATECC608 on an I2C bus, written from Microchip's data sheets: what AteccSigner sees of a board.

Sources: ATECC508A complete data sheet (DS20005927) for the configuration zone and the commands; ATECC608B-TNGTLS data
sheet, chapters "General Command Information" (groups, CRC, status codes), "I2C Interface" (word addresses, wake, NAK
while busy, idle or asleep) and "AC Parameters"; execution times as CryptoAuthLib waits for them (ATECC608, clock M0).
"""

import asyncio
import os
from collections.abc import Callable
from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric import ec

from .es256 import public_octets, sign_digest

_WAKE_LOW_S = 60e-6  # tWLO
_WAKE_HIGH_S = 1.5e-3  # tWHI
WATCHDOG_S = 1.3
_EXECUTION_S = {0x30: 0.005, 0x02: 0.005, 0x1B: 0.023, 0x16: 0.020, 0x40: 0.115, 0x41: 0.115}
_WOKEN, _PARSE_ERROR, _EXECUTION_ERROR, _CRC_ERROR = 0x11, 0x03, 0x0F, 0xFF
NAK = OSError(19, "ENODEV")


class Clock:
    """Time that passes only while somebody sleeps or the bus is busy. longest: the bus's longest time in a row."""

    def __init__(self) -> None:
        self.now = 0.0
        self.longest = 0.0
        self._resumed = 0.0

    def spend(self, seconds: float) -> None:
        self.now += seconds

    async def sleep(self, seconds: float) -> None:
        self.longest = max(self.longest, self.now - self._resumed)
        self.now += seconds
        await asyncio.sleep(0)
        self._resumed = self.now

    def as_asyncio(self) -> SimpleNamespace:
        """What a module uses of asyncio, on this clock."""
        return SimpleNamespace(Lock=asyncio.Lock, sleep=self.sleep)


class Atecc:
    """machine.I2C with one chip on the bus, whose `slot` holds a P-256 private key.

    clock tells the time in seconds; spend is told how long each transfer takes.
    wire: called with the number of each transfer with the chip and its octets; returns what arrives, or raises NAK.
    statuses: by opcode, status codes that the next executions end with instead of executing.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        spend: Callable[[float], None] = lambda seconds: None,
        *,
        address: int = 0x60,
        slot: int = 0,
        revision: bytes = b"\x00\x00\x60\x03",
        locks: bytes = b"\x00\x00",
        frequency: int = 100_000,
        slowness: float = 1,
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.wire: Callable[[int, bytes], bytes] = lambda _, octets: octets
        self.statuses: dict[int, list[int]] = {}
        self.transfers = 0
        self.executed: list[int] = []
        self._clock = clock
        self._spend = spend
        self._address = address
        self._slot = slot
        self._revision = revision
        self._locks = locks
        self._frequency = frequency
        self._slowness = slowness
        self._sleep()

    # --- the chip's states ----------------------------------------------------------------------------------------

    def _sleep(self) -> None:
        self._awake = False
        self._temp_key: bytes | None = None
        self._put(b"")

    def _idle(self) -> None:
        self._awake = False

    def wake(self) -> None:
        """SDA was low for long enough. A chip that is awake takes no notice."""
        if not self.is_awake():
            self._awake = True
            self._woken_at = self._clock()
            self._put(bytes((_WOKEN,)), _WAKE_HIGH_S)

    def is_awake(self) -> bool:
        if self._awake and self._clock() - self._woken_at > WATCHDOG_S:
            self._sleep()
        return self._awake

    def _put(self, answer: bytes, seconds: float = 0) -> None:
        self._busy_until = self._clock() + seconds
        self._output = group(answer) if answer else b""
        self._position = 0

    # --- the bus --------------------------------------------------------------------------------------------------

    def writeto(self, address: int, octets: bytes) -> int:
        if address == 0 and 8 / self._frequency >= _WAKE_LOW_S:
            self.wake()
        octets = self._transfer(address, octets)
        match octets[0]:
            case 0x00:
                self._position = 0
            case 0x01:
                self._sleep()
            case 0x02:
                self._idle()
            case 0x03:
                self._command(octets[1:])
        return len(octets)

    def readfrom_into(self, address: int, buffer: bytearray) -> None:
        self._require(address)
        end = self._position + len(buffer)
        buffer[:] = self._transfer(address, self._output[self._position : end].ljust(len(buffer), b"\xff"))
        self._position = end

    def _require(self, address: int) -> None:
        if address != self._address or not self.is_awake() or self._clock() < self._busy_until:
            self._spend(10 / self._frequency)
            raise NAK

    def _transfer(self, address: int, octets: bytes) -> bytes:
        self._require(address)
        self._spend((len(octets) * 9 + 11) / self._frequency)
        self.transfers += 1
        return self.wire(self.transfers, bytes(octets))

    # --- commands -------------------------------------------------------------------------------------------------

    def _command(self, packet: bytes) -> None:
        if len(packet) < 7 or packet[0] != len(packet) or group(packet[1:-2]) != packet:
            self._put(bytes((_CRC_ERROR,)), 0.001)
            return
        opcode, p1, p2, data = packet[1], packet[2], int.from_bytes(packet[3:5], "little"), packet[5:-2]
        self.executed.append(opcode)
        status = self.statuses.get(opcode)
        answer = bytes((status.pop(0),)) if status else self._execute(opcode, p1, p2, data)
        self._put(answer, _EXECUTION_S.get(opcode, 0.001) * self._slowness)

    def _execute(self, opcode: int, p1: int, p2: int, data: bytes) -> bytes:
        match opcode, p1, p2, len(data):
            case 0x30, 0, 0, 0:
                return self._revision
            case 0x02, 0, 21, 0:  # the last word but ten of the configuration zone: bytes 84 to 87
                return b"\x00\x00" + self._locks
            case 0x1B, 0, 0, 0:
                return os.urandom(32)
            case 0x16, 3, 0, 32:
                self._temp_key = data
                return b"\x00"
            case 0x40, 0, self._slot, 0:
                return public_octets(self.key)
            case 0x41, 0x80, self._slot, 0 if self._temp_key:
                digest, self._temp_key = self._temp_key, None
                return sign_digest(self.key, digest)
            case 0x40 | 0x41, _, _, 0:
                return bytes((_EXECUTION_ERROR,))
        return bytes((_PARSE_ERROR,))


def group(packet: bytes) -> bytes:
    """A packet between its count and its CRC-16: reflected input, polynomial 0x8005, low octet first."""
    body = bytes((len(packet) + 3,)) + packet
    crc = 0
    for octet in body:
        crc ^= int(f"{octet:08b}"[::-1], 2) << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x8005 if crc & 0x8000 else 0)) & 0xFFFF
    return body + crc.to_bytes(2, "little")
