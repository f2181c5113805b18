"""RADIUS packets: taken apart, proved and answered. Coding is pyrad's; it has no types and is lenient, so it stays in
here, behind checks of its own.
"""

from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any

from pyrad import packet as wire  # type: ignore[import-untyped]
from pyrad.dictionary import Dictionary  # type: ignore[import-untyped]

MAX_OCTETS = 4096
"""RFC 2865 section 3."""
_HEADER = 20
_MESSAGE_AUTHENTICATOR = 80
_PROXY_STATE = 33
_DICTIONARY = Dictionary(str(Path(__file__).with_name("dictionary")))

Values = Mapping[str, str | bytes | int]
"""Attributes by their names in the dictionary."""


class Code(IntEnum):
    ACCESS_REQUEST = 1
    ACCESS_ACCEPT = 2
    ACCESS_REJECT = 3
    ACCOUNTING_REQUEST = 4
    ACCOUNTING_RESPONSE = 5
    STATUS_SERVER = 12
    DISCONNECT_REQUEST = 40
    DISCONNECT_ACK = 41
    DISCONNECT_NAK = 42
    COA_REQUEST = 43
    COA_ACK = 44
    COA_NAK = 45


_SORTS = {
    Code.ACCESS_REQUEST: wire.AuthPacket,
    Code.STATUS_SERVER: wire.AuthPacket,
    Code.ACCOUNTING_REQUEST: wire.AcctPacket,
}


class Dropped(ValueError):
    """A packet that gets no answer; `why` is a word for logs and counters."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class _Attributes:
    """What a packet says. Attributes that are missing or of the wrong form are None: they say nothing."""

    def __init__(self, packet: Any) -> None:
        self._packet = packet
        self.code = Code(packet.code)

    def octets(self, name: str) -> bytes | None:
        """The first value of an attribute of type octets."""
        value = self._first(name)
        return value if isinstance(value, bytes) else None

    def number(self, name: str) -> int | None:
        value = self._first(name)
        return value if isinstance(value, int) else None

    def text(self, name: str) -> str | None:
        """Also an address."""
        value = self._first(name)
        return value if isinstance(value, str) else None

    def _first(self, name: str) -> object:
        try:
            values: list[object] = self._packet[name]
        except (KeyError, ValueError):
            return None
        return values[0] if values else None


class Request(_Attributes):
    """A request whose sender has proved that it knows the secret."""

    def __init__(self, packet: Any) -> None:
        super().__init__(packet)
        self.identifier: int = packet.id
        self.authenticator: bytes = packet.authenticator

    def reply(self, code: Code, values: Values) -> bytes:
        """The datagram to answer with. A reply to Access-Request and Status-Server begins with a Message-Authenticator,
        which is what defeats Blast-RADIUS (CVE-2024-3596)."""
        reply = self._packet.CreateReply()
        reply.code = int(code)
        for name, value in values.items():
            reply.AddAttribute(name, value)
        octets: bytes = reply.ReplyPacket()
        return octets


def read_request(datagram: bytes, secret: bytes, *, message_authenticator: bool = True) -> Request:
    """Takes a request apart and proves its sender. message_authenticator: whether an Access-Request must have one.

    Raises Dropped: `malformed`, `unexpected` for a code that is no request to a server, `unsigned` and `forged`."""
    attributes = _attributes(datagram)
    try:
        code = Code(datagram[0])
        sort = _SORTS[code]
    except (ValueError, KeyError):
        raise Dropped("unexpected") from None
    packet = _decode(sort, datagram, secret)
    signed = _MESSAGE_AUTHENTICATOR in attributes
    if signed and not packet.verify_message_authenticator():
        raise Dropped("forged")
    if code is Code.ACCOUNTING_REQUEST:
        if not packet.VerifyAcctRequest():
            raise Dropped("forged")
    # Unsigned, a Proxy-State may be what an attacker in the way adds to forge the reply.
    elif not signed and (code is Code.STATUS_SERVER or message_authenticator or _PROXY_STATE in attributes):
        raise Dropped("unsigned")
    return Request(packet)


class Ask:
    """A Disconnect-Request or CoA-Request (RFC 5176) on its way, to tell the answer by."""

    def __init__(self, code: Code, secret: bytes, values: Values) -> None:
        self._packet = wire.CoAPacket(
            int(code), wire.random_generator.randrange(256), secret, dict=_DICTIONARY, message_authenticator=True
        )
        for name, value in values.items():
            self._packet.AddAttribute(name, value)
        self.datagram: bytes = self._packet.RequestPacket()
        """The same octets every time that it is sent."""

    def answer(self, datagram: bytes) -> "Answer | None":
        """What the datagram answers; None when it is not the answer to this."""
        try:
            _attributes(datagram)
            reply = _decode(wire.CoAPacket, datagram, self._packet.secret)
            if not self._packet.VerifyReply(reply):
                return None
            return Answer(reply)
        except ValueError:
            return None


class Answer(_Attributes):
    """What a gateway said to an Ask."""

    @property
    def acknowledged(self) -> bool:
        return self.code in (Code.DISCONNECT_ACK, Code.COA_ACK)

    @property
    def error_cause(self) -> int | None:
        """Of a refusal (RFC 5176 section 3.5)."""
        return self.number("Error-Cause")


def _decode(sort: Any, datagram: bytes, secret: bytes) -> Any:
    try:
        return sort(packet=datagram, secret=secret, dict=_DICTIONARY)
    except (wire.PacketError, ValueError):
        raise Dropped("malformed") from None


def _attributes(datagram: bytes) -> set[int]:
    """The types of the attributes. Raises Dropped unless header and attributes add up exactly: pyrad takes attributes
    that are cut off."""
    if len(datagram) < _HEADER:
        raise Dropped("malformed")
    end = int.from_bytes(datagram[2:4], "big")
    if not _HEADER <= end <= min(len(datagram), MAX_OCTETS):
        raise Dropped("malformed")
    found: set[int] = set()
    at = _HEADER
    while at < end:
        size = datagram[at + 1] if at + 1 < end else 0
        if size < 2 or at + size > end:
            raise Dropped("malformed")
        if datagram[at] == _MESSAGE_AUTHENTICATOR and (size != 18 or _MESSAGE_AUTHENTICATOR in found):
            raise Dropped("malformed")
        found.add(datagram[at])
        at += size
    return found
