"""The verifier over HTTP/1.1, one connection a request, through MicroPython's own sockets.

https verifies the server's certificate and name, always. Plain http is for the bench and for links that are private
already. The name look-up blocks the event loop on most ports.
"""

import asyncio
import gc

from . import Answer, UplinkError

_MAX_RESPONSE = 2048
_READ = 256
_REQUEST = "POST {}{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n"


class HttpUplink:
    """url: http(s)://host[:port][/prefix]. ca: the certificate authority that vouches for the server, in DER: octets,
    or the path of a file, which is read anew for each connection and then costs no heap in between. timeout_s: for one
    request, from look-up to answer. Raises ValueError.
    """

    def __init__(self, url, ca=None, timeout_s=30):
        scheme, _, rest = url.partition("://")
        authority, slash, prefix = rest.partition("/")
        self._host, _, port = authority.partition(":")
        self._tls = scheme == "https"
        if scheme not in ("http", "https") or not self._host or not (port or "0").isdigit():
            raise ValueError("url is to be http(s)://host[:port][/prefix]: " + url)
        if self._tls and not ca:
            raise ValueError("https needs the CA of the server: set ca to its certificate in DER")
        self._port = int(port or (443 if self._tls else 80))
        self._authority = authority
        self._prefix = (slash + prefix).rstrip("/")
        self._ca = ca
        self._timeout_s = timeout_s

    async def challenge(self, kid):
        return await self._post("/v1/challenge", "application/octet-stream", kid)

    async def attest(self, evidence):
        return await self._post("/v1/evidence", "application/eat+cwt", evidence)

    async def _post(self, path, content_type, body):
        gc.collect()  # where TLS shares this heap, it wants 16 KiB in one piece
        try:
            exchange = self._exchange(path, content_type, body)
            status, retry_after, answer = await asyncio.wait_for(exchange, self._timeout_s)
            if status == 200:
                return Answer(answer)
        except asyncio.TimeoutError:
            raise UplinkError("no answer within {} s".format(self._timeout_s))
        except (OSError, ValueError, MemoryError) as e:
            raise UplinkError("{}: {}".format(self._host, e))
        raise UplinkError("{}: HTTP {}".format(self._host, status), retry_after)

    async def _exchange(self, path, content_type, body):
        tls = {"ssl": self._context(), "server_hostname": self._host} if self._tls else {}
        reader, writer = await asyncio.open_connection(self._host, self._port, **tls)
        try:
            head = _REQUEST.format(self._prefix, path, self._authority, content_type, len(body))
            writer.write(head.encode() + body)
            await writer.drain()
            return await _response(reader)
        finally:
            writer.close()
            try:
                await writer.wait_closed()
            except OSError:
                pass

    def _context(self):
        try:
            import tls
        except ImportError:
            import ssl as tls
        ca = self._ca
        if isinstance(ca, str):
            with open(ca, "rb") as f:
                ca = f.read()
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_REQUIRED
        try:
            context.load_verify_locations(cadata=ca)
        except TypeError:  # MicroPython takes it by position only
            context.load_verify_locations(ca)
        return context


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
            raise ValueError("the answer was cut short")
    raise ValueError("the answer is too long")


def _parse_head(head):
    lines = head.decode().split("\r\n")
    version, _, status = lines[0].partition(" ")
    if not version.startswith("HTTP/1.") or not status[:3].isdigit():
        raise ValueError("no HTTP answer")
    length = None
    retry_after = 0
    for line in lines[1:]:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip()
        if name == "transfer-encoding":
            raise ValueError("transfer encodings are not supported")
        if value.isdigit():  # Retry-After may be a date, too: that is left to the back-off
            if name == "content-length":
                length = int(value)
            elif name == "retry-after":
                retry_after = int(value)
    return int(status[:3]), retry_after, length
