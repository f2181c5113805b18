"""The verifier over HTTP/1.1, one connection a request, through MicroPython's own sockets.

https verifies the server's certificate and name, always. Plain http is for the bench and for links that are private
already. The name look-up blocks the event loop on most ports.
"""

import asyncio
import gc

from .. import codes
from . import UplinkError, bad_answer, parse_url

_MAX_RESPONSE = 2048
_READ = 256
_REQUEST = "POST {}/v1/{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n"


class HttpUplink:
    """board.url: http(s)://host[:port][/prefix]; board.ca: as tls.options takes it. Raises OSError, ValueError."""

    timeout_s = 30  # for one request, from look-up to answer

    def __init__(self, board, kid):
        is_tls, self._host, port, self._prefix = parse_url(board.url, ("http", "https"))
        self._port = port or (443 if is_tls else 80)
        self._options = {}
        if is_tls:
            from .tls import options

            self._options = options(board, self._host)

    async def close(self):
        pass

    async def send(self, kind, message):
        gc.collect()  # where TLS shares this heap, it wants 16 KiB in one piece
        try:
            exchange = self._exchange(kind, message)
            status, retry_after, answer = await asyncio.wait_for(exchange, self.timeout_s)
            if status == 200:
                return answer
        except asyncio.TimeoutError:
            raise UplinkError(codes.NO_ANSWER, "no answer within {} s".format(self.timeout_s))
        except (OSError, ValueError, MemoryError) as e:
            raise UplinkError(codes.CONNECTION, "{}: {}".format(self._host, e))
        raise UplinkError(codes.HTTP_STATUS, "{}: HTTP {}".format(self._host, status), retry_after)

    async def _exchange(self, kind, message):
        reader, writer = await asyncio.open_connection(self._host, self._port, **self._options)
        try:
            media_type = "application/octet-stream" if kind == "challenge" else "application/eat+cwt"
            host = "{}:{}".format(self._host, self._port)
            head = _REQUEST.format(self._prefix, kind, host, media_type, len(message))
            writer.write(head.encode() + message)
            await writer.drain()
            return await _response(reader)
        finally:
            writer.close()
            try:
                await writer.wait_closed()
            except OSError:
                pass


async def _response(reader):
    # Status code, Retry-After in seconds, body: so much is read and no more, whatever the server sends.
    octets = b""
    head = None
    while len(octets) < _MAX_RESPONSE:
        part = await reader.read(_READ)
        octets += part
        if head is None:
            end = octets.find(b"\r\n\r\n")
            if end >= 0:
                head = _parse_head(octets[:end])
                octets = octets[end + 4 :]
        if head is not None:
            status, retry_after, length = head
            if length is not None and len(octets) >= length:
                return status, retry_after, octets[:length]
            if not part and length is None:
                return status, retry_after, octets
        if not part:
            raise bad_answer("cut short")
    raise bad_answer("too long")


def _parse_head(head):
    lines = head.decode().split("\r\n")
    version, _, status = lines[0].partition(" ")
    if not version.startswith("HTTP/1.") or not status[:3].isdigit():
        raise bad_answer("no HTTP")
    length = None
    retry_after = 0
    for line in lines[1:]:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip()
        if name == "transfer-encoding":
            raise bad_answer("transfer encoding")
        if value.isdigit():  # Retry-After may be a date, too: that is left to the back-off
            if name == "content-length":
                length = int(value)
            elif name == "retry-after":
                retry_after = int(value)
    return int(status[:3]), retry_after, length
