"""A modem with an IoT SAFE card, without a serial line: AT commands in, the card's answers out.

The applet and the card's logical channels are the emulator's (simbond_tools.emulator.iot_safe and uicc, whose sources
stand there); here stand the ways in which modems and cards differ, and what can go wrong between them.
"""

import asyncio
import re
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec

from simbond_tools.emulator.iot_safe import AID, IotSafe
from simbond_tools.emulator.uicc import Uicc

Reply = tuple[str | None, list[str]]


class SimModem:
    """The Transport of a modem.Modem (its `channel` is itself).

    has_ccho: whether the modem knows +CCHO, +CGLA and +CCHC; it always knows +CSIM. bare: it answers as the older
    releases of TS 27.007 do, without name and quotes. fetches: it sends GET RESPONSE itself. pending: the card has a
    proactive command waiting all the time. fault: called with the number of each command and its reply; returns the
    reply that arrives.
    """

    def __init__(
        self,
        *,
        key: ec.EllipticCurvePrivateKey | None = None,
        aid: bytes = AID,
        channels: int = 4,
        has_ccho: bool = True,
        bare: bool = False,
        fetches: bool = False,
        pending: bool = False,
        **applet: object,
    ) -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.channel = self
        self.commands: list[str] = []
        self.fault: Callable[[int, Reply], Reply] = lambda _, reply: reply
        self._make_card = lambda: Uicc({aid: lambda: IotSafe(self.key, **applet)}, channels=channels)  # type: ignore[arg-type]
        self._has_ccho = has_ccho
        self._bare = bare
        self._fetches = fetches
        self._pending = pending
        self.reset()

    def reset(self) -> None:
        self.card = self._make_card()

    async def command(self, line: str, timeout_ms: int = 3000) -> Reply:
        self.commands.append(line)
        await asyncio.sleep(0)
        return self.fault(len(self.commands), self._execute(line))

    def _execute(self, line: str) -> Reply:
        if line.startswith("AT+CSIM="):
            length, apdu = re.fullmatch(r'AT\+CSIM=(\d+),"([0-9A-F]*)"', line).groups()
            return self._apdu("+CSIM", length, apdu, None)
        if self._has_ccho and line.startswith("AT+CGLA="):
            session, length, apdu = re.fullmatch(r'AT\+CGLA=(\d+),(\d+),"([0-9A-F]*)"', line).groups()
            if int(session) in self.card.channels:
                return self._apdu("+CGLA", length, apdu, int(session))
        elif self._has_ccho and line.startswith("AT+CCHO="):
            channel = self.card.open_channel()
            if channel is not None and self.card.select(channel, bytes.fromhex(line[9:-1])):
                return "OK", [str(channel) if self._bare else f"+CCHO: {channel}"]
            self.card.close_channel(channel or 0)
        elif self._has_ccho and line.startswith("AT+CCHC=") and self.card.close_channel(int(line[8:])):
            return "OK", []
        return "ERROR", []

    def _apdu(self, name: str, length: str, apdu: str, channel: int | None) -> Reply:
        assert int(length) == len(apdu)
        command = bytes.fromhex(apdu)
        answer = self.card.exchange(command, channel)
        if self._fetches and answer[-2] == 0x61:
            answer = self.card.exchange(bytes((command[0] & 0x7F, 0xC0, 0, 0, answer[-1])), channel)
        if self._pending and answer[-2:] == b"\x90\x00":
            answer = answer[:-2] + b"\x91\x0b"
        text = answer.hex().upper()
        return "OK", [f"{name}: {len(text)},{text}" if self._bare else f'{name}: {len(text)},"{text}"']
