"""MQTT 3.1.1 packets, written out here so that the tests do not trust the code under test."""

import asyncio
from typing import NamedTuple

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, DISCONNECT = 1, 2, 3, 4, 8, 9, 14

ACCEPTED = b"\x20\x02\x00\x00"
GRANTED = b"\x90\x03\x00\x01\x01"


class Packet(NamedTuple):
    """kind: one of the numbers above. octets: the whole packet."""

    kind: int
    flags: int
    body: bytes
    octets: bytes

    def strings(self, at: int) -> list[bytes]:
        """The length-prefixed strings from there to the end."""
        found = []
        while at < len(self.body):
            end = at + 2 + int.from_bytes(self.body[at : at + 2], "big")
            found.append(self.body[at + 2 : end])
            at = end
        return found

    @property
    def topic(self) -> str:
        """Of a PUBLISH."""
        return self.body[2 : 2 + int.from_bytes(self.body[:2], "big")].decode()

    @property
    def mid(self) -> bytes:
        """Of a PUBLISH at QoS 1."""
        at = 2 + len(self.topic)
        return self.body[at : at + 2]

    @property
    def payload(self) -> bytes:
        """Of a PUBLISH at QoS 1."""
        return self.body[4 + len(self.topic) :]


async def read_packet(reader: asyncio.StreamReader) -> Packet:
    """Raises asyncio.IncompleteReadError."""
    head = await reader.readexactly(1)
    size, shift = 0, 0
    while True:
        octet = await reader.readexactly(1)
        head += octet
        size |= (octet[0] & 127) << shift
        shift += 7
        if octet[0] < 128:
            break
    body = await reader.readexactly(size)
    return Packet(head[0] >> 4, head[0] & 15, body, head + body)


def packet(head: int, body: bytes) -> bytes:
    length, octets = len(body), bytes((head,))
    while length > 127:
        octets += bytes((length & 127 | 128,))
        length >>= 7
    return octets + bytes((length,)) + body


def publish(topic: str, payload: bytes, mid: bytes = b"\x00\x07") -> bytes:
    """At QoS 1."""
    return packet(0x32, len(topic).to_bytes(2, "big") + topic.encode() + mid + payload)
