"""IPA multiplex framing, which Osmocom puts under CTRL and GSUP. Pure: bytes in, frames out.

A frame is a two-octet length of the payload, a stream number, and the payload. Stream 0xee carries Osmocom's own
protocols, told apart by the payload's first octet; stream 0xfe carries connection management (CCM): ping, and the
question who the client is. Source: Osmocom's user manuals, chapter "Osmocom Control Interface", and libosmocore's
`protocol/ipaccess.h`.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum

STREAM_OSMO = 0xEE
STREAM_CCM = 0xFE

# Far above anything that an HLR answers, far below what could hurt: the length field alone would allow 64 KiB.
MAX_PAYLOAD = 8192

_HEADER = struct.Struct(">HB")


class Extension(IntEnum):
    """First payload octet on the Osmocom stream."""

    CTRL = 0x00
    GSUP = 0x05


class Ccm(IntEnum):
    """First payload octet on the CCM stream."""

    PING = 0x00
    PONG = 0x01
    IDENTITY_REQUEST = 0x04
    IDENTITY_RESPONSE = 0x05
    IDENTITY_ACK = 0x06


class IdTag(IntEnum):
    """What an identity request asks for. osmo-hlr routes GSUP messages by the serial number."""

    SERIAL_NUMBER = 0x00
    UNIT_NAME = 0x01
    MAC_ADDRESS = 0x07
    UNIT_ID = 0x08


class IpaError(Exception):
    """The peer does not speak IPA, or not within our bounds; the stream cannot be resynchronised."""


def frame(stream: int, payload: bytes) -> bytes:
    """One frame, ready to send. Raises IpaError for a payload that a peer of ours would refuse."""
    if len(payload) > MAX_PAYLOAD:
        raise IpaError(f"an IPA payload of {len(payload)} octets is over our bound of {MAX_PAYLOAD}")
    return _HEADER.pack(len(payload), stream) + payload


class Deframer:
    """Cuts a byte stream, however it was split, into (stream, payload)."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield every frame that is complete now. Raises IpaError once a frame announces more than MAX_PAYLOAD."""
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            length, stream = _HEADER.unpack_from(self._buffer)
            if length > MAX_PAYLOAD:
                raise IpaError(f"a frame of {length} octets: this is not a CTRL or GSUP port")
            end = _HEADER.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[_HEADER.size : end])
            del self._buffer[:end]
            yield stream, payload


def identity_response(request: bytes, name: str) -> bytes:
    """CCM payload that answers an identity request payload, for the tags that it asks for and no others.

    A request lists (length, tag) pairs; a response lists (two-octet length, tag, NUL-terminated value).
    Raises IpaError for a request that is cut short.
    """
    if len(request) % 2 != 1:
        raise IpaError("an identity request that is cut short")
    response = bytearray([Ccm.IDENTITY_RESPONSE])
    for tag in request[2::2]:
        value = _identity(tag, name).encode() + b"\0"
        response += struct.pack(">HB", len(value) + 1, tag) + value
    return bytes(response)


def _identity(tag: int, name: str) -> str:
    if tag in (IdTag.SERIAL_NUMBER, IdTag.UNIT_NAME):
        return name
    if tag == IdTag.UNIT_ID:
        return "0/0/0"
    if tag == IdTag.MAC_ADDRESS:
        return "00:00:00:00:00:00"
    return ""
