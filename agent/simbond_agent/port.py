"""The board's modem: opened when it is needed, watched for another card, lent to the application."""

import asyncio
import gc

from . import codes
from .at import BOOT, Channel
from .modem import probe

# A card that was just inserted, or a modem that was just started, may take so long to read it.
_SIM_READY_S = 20
# A modem that starts, or stumbles, says for a moment that there is no card.
_ABSENT_S = 5
_POLL_S = 5
_HURRY_S = 1


class ModemError(Exception):
    """The modem is silent, or its port failed."""

    code = codes.MODEM_SILENT


class Port:
    """Held by `async with`, which gives the Transport (at.Channel) of the modem.

    Whoever holds it has the modem alone; after close() of the Transport nobody reads the stream until the next command.
    uptime: a clock.Uptime. on_change: called when the modem announces another card, or its own restart. modem: the
    modem.Modem, once it was opened. Entering raises ModemError.
    """

    def __init__(self, board, uptime, on_change):
        self.modem = None
        self._board = board
        self._seconds = uptime.seconds
        self._on_change = on_change
        self._lock = asyncio.Lock()
        self._stream = None
        self._channel = None
        self._own_channel = None
        self._stale = False
        self._hurry_until = 0

    async def __aenter__(self):
        await self._lock.acquire()
        try:
            if self._stale:
                self.close()
            if hasattr(self._board, "wake"):
                await self._board.wake()
            if self.modem is None:
                await self._open()
        except BaseException:
            self._lock.release()
            raise
        return self._channel

    async def __aexit__(self, *_):
        self._lock.release()

    def renew(self):
        """Has the modem opened and set up anew, by whoever takes it next: it may have been reset."""
        self._stale = True

    async def _open(self):
        board = self._board
        try:
            if hasattr(board, "at_transport"):
                self._channel = board.at_transport(self._on_urc)
            else:
                self._stream = board.at_stream()
                stream = asyncio.StreamReader(self._stream)
                if self._own_channel:
                    self._own_channel.attach(stream, stream)
                else:
                    self._own_channel = Channel(stream, stream, self._on_urc)
                self._channel = self._own_channel
            modem = await probe(self._channel)
            await modem.setup()
            if hasattr(board, "set_time"):
                now = await modem.time()
                if now:
                    board.set_time(now)
        except OSError as e:
            self.close()
            raise ModemError(str(e))
        self.modem = modem
        gc.collect()  # what stays for good is to lie together

    def close(self):
        self.modem = None
        self._stale = False
        if self._channel:
            self._channel.close()
            self._channel = None
        if self._stream:
            if hasattr(self._stream, "close"):  # a UART has none
                self._stream.close()
            self._stream = None

    async def settled_identity(self):
        """The identity, once the modem has read the card and itself, or will not. Raises ModemError."""
        start = present = self._seconds()
        while True:
            identity = await self.identity()
            now = self._seconds()
            sim = identity.get("sim")
            if sim != "absent":
                present = now
            settled = sim == "pin" or "iccid" in identity or now - present >= _ABSENT_S
            if (settled and "imei" in identity) or now - start >= _SIM_READY_S:
                return identity
            await asyncio.sleep(_HURRY_S)

    async def identity(self):
        """The identity as the modem states it now. Raises ModemError."""
        identity = await self.modem.identity()
        if not identity:
            raise ModemError("the modem does not answer")
        return identity

    def poll_s(self):
        """Seconds until the next look at the card; None where the board wants none."""
        if self._seconds() < self._hurry_until:
            return _HURRY_S
        return getattr(self._board, "sim_poll_s", _POLL_S) or None

    def _on_urc(self, line):
        if line.upper() in BOOT:
            self.renew()
        elif not (self.modem and self.modem.sim_urc(line)):
            return
        self._hurry_until = self._seconds() + _SIM_READY_S
        self._on_change()


def moved(claimed, identity):
    """Whether the modem reports another card, tray or IMEI than was claimed."""
    if not claimed:
        return False  # nothing was said yet: the next attempt reads it anyway
    if differ(identity, "imei", claimed.get("imei")):
        return True
    if identity.get("iccid"):
        return identity["iccid"] != claimed.get("iccid")
    # No ICCID: a card that is not readable yet is waited for.
    sim = identity.get("sim")
    return sim in ("absent", "pin") and sim != claimed.get("sim")


def differ(identity, key, known):
    return identity.get(key) and known and identity[key] != known
