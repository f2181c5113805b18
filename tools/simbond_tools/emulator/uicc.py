"""The running card as a smart card: logical channels and the applications on them, APDU by APDU.

As ETSI TS 102 221 has it, over T=0: clauses 7.3.1.1 (61xx, 6Cxx and GET RESPONSE), 10.1 (the channel in the class),
10.2 (status words), 11.1.1 (SELECT by application identifier) and 11.1.17 (MANAGE CHANNEL).
"""

from collections.abc import Callable, Mapping
from typing import Protocol

OK = 0x9000
WRONG_LENGTH = 0x6700
NO_CHANNEL = 0x6881
NOT_FOUND = 0x6A82
NO_FREE_CHANNEL = 0x6A81
WRONG_P1_P2 = 0x6A86
UNKNOWN_INSTRUCTION = 0x6D00
_MANAGE_CHANNEL, _SELECT, _GET_RESPONSE = 0x70, 0xA4, 0xC0


class Application(Protocol):
    """What is selected on a channel, from SELECT until the channel is closed."""

    def command(self, own_class: int, instruction: int, p1: int, p2: int, data: bytes) -> tuple[bytes, int]:
        """Answer data and status word. own_class: 0x80 for a command of the proprietary class, else 0."""
        ...


class _Channel:
    def __init__(self) -> None:
        self.application: Application | None = None
        self.waiting = b""  # for GET RESPONSE


class Uicc:
    """A card from its reset on. applications: what makes one, by application identifier."""

    def __init__(self, applications: Mapping[bytes, Callable[[], Application]], *, channels: int = 4) -> None:
        self._applications = applications
        self._limit = channels
        self._open = {0: _Channel()}

    @property
    def channels(self) -> list[int]:
        """The numbers of the open channels; 0 always is."""
        return sorted(self._open)

    def open_channel(self) -> int | None:
        """The number of a new channel; None if all are taken."""
        free = next((n for n in range(1, self._limit) if n not in self._open), None)
        if free is not None:
            self._open[free] = _Channel()
        return free

    def close_channel(self, number: int) -> bool:
        """False if it was not open, and for the basic channel, which cannot be closed."""
        return number != 0 and self._open.pop(number, None) is not None

    def select(self, number: int, aid: bytes) -> bool:
        """Select, on an open channel, the application whose identifier begins with `aid`. False if there is none."""
        for known, make in self._applications.items():
            if aid and known.startswith(aid):
                self._open[number].application = make()
                return True
        return False

    def exchange(self, apdu: bytes, channel: int | None = None) -> bytes:
        """The answer to a command APDU: data and two octets of status. channel: in place of the one in the class."""
        if len(apdu) < 4:
            return _answer(WRONG_LENGTH)
        number = channel if channel is not None else _channel_of(apdu[0])
        if number not in self._open:
            return _answer(NO_CHANNEL)
        instruction, p1, p2 = apdu[1:4]
        if instruction == _GET_RESPONSE:
            return self._get_response(self._open[number], apdu)
        self._open[number].waiting = b""
        if instruction == _MANAGE_CHANNEL:
            return self._manage(p1, p2)
        if len(apdu) > 5 and len(apdu) - 5 != apdu[4]:
            return _answer(WRONG_LENGTH)
        data, status = self._command(number, apdu[0] & 0x80, instruction, p1, p2, apdu[5:])
        if not data:
            return _answer(status)
        self._open[number].waiting = data
        return _answer(0x6100 | len(data) & 0xFF)

    def _command(
        self, number: int, own_class: int, instruction: int, p1: int, p2: int, data: bytes
    ) -> tuple[bytes, int]:
        if instruction == _SELECT and p1 == 4:
            return (b"\x6f\x02\x84\x00", OK) if self.select(number, data) else (b"", NOT_FOUND)
        application = self._open[number].application
        if application is None:
            return b"", UNKNOWN_INSTRUCTION
        return application.command(own_class, instruction, p1, p2, data)

    def _manage(self, p1: int, p2: int) -> bytes:
        if p1 == 0x80:
            return _answer(OK if self.close_channel(p2) else NO_CHANNEL)
        if (p1, p2) != (0, 0):
            return _answer(WRONG_P1_P2)
        number = self.open_channel()
        return _answer(NO_FREE_CHANNEL) if number is None else bytes((number,)) + _answer(OK)

    @staticmethod
    def _get_response(channel: _Channel, apdu: bytes) -> bytes:
        wanted = (apdu[4] or 256) if len(apdu) == 5 else 0
        if not channel.waiting or not wanted:
            return _answer(WRONG_LENGTH)
        if wanted > len(channel.waiting) and apdu[4]:
            return _answer(0x6C00 | len(channel.waiting))
        data, channel.waiting = channel.waiting[:wanted], channel.waiting[wanted:]
        return data + _answer(0x6100 | len(channel.waiting) & 0xFF if channel.waiting else OK)


def _channel_of(cla: int) -> int:
    return (cla & 0x0F) + 4 if cla & 0x40 else cla & 0x03


def _answer(status: int) -> bytes:
    return status.to_bytes(2, "big")
