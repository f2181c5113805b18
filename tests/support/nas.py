"""A gateway's side of RADIUS: a listener for Disconnect- and CoA-Requests that answers as a test says, and packets to
ask a verifier with. Made of pyrad with FreeRADIUS' names, so that the project's own dictionary is not trusted."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from io import StringIO
from typing import Any

from pyrad import packet
from pyrad.dictionary import Dictionary

SECRET = b"a secret of a test's own"

DICTIONARY = Dictionary(
    StringIO("""
ATTRIBUTE User-Name 1 string
ATTRIBUTE NAS-IP-Address 4 ipaddr
ATTRIBUTE Framed-IP-Address 8 ipaddr
ATTRIBUTE Filter-Id 11 string
ATTRIBUTE Reply-Message 18 string
ATTRIBUTE Called-Station-Id 30 string
ATTRIBUTE Calling-Station-Id 31 string
ATTRIBUTE Proxy-State 33 octets
ATTRIBUTE Acct-Status-Type 40 integer
ATTRIBUTE Acct-Delay-Time 41 integer
ATTRIBUTE Acct-Session-Id 44 string
ATTRIBUTE Acct-Session-Time 46 integer
ATTRIBUTE Event-Timestamp 55 integer
ATTRIBUTE Error-Cause 101 integer
VENDOR 3GPP 10415
BEGIN-VENDOR 3GPP
ATTRIBUTE 3GPP-IMSI 1 string
ATTRIBUTE 3GPP-SGSN-MCC-MNC 18 string
ATTRIBUTE 3GPP-IMEISV 20 octets
ATTRIBUTE 3GPP-User-Location-Info 22 octets
END-VENDOR 3GPP
""")
)

START, STOP, INTERIM, ON, OFF = 1, 2, 3, 7, 8


def access_request(secret: bytes = SECRET, *, signed: bool = True, **attributes: Any) -> packet.AuthPacket:
    """Access-Request; attributes by their names with _ for -, a leading _3GPP for 3GPP."""
    return _with(packet.AuthPacket(packet.AccessRequest, secret=secret, dict=DICTIONARY), attributes, signed)


def status_server(secret: bytes = SECRET, *, signed: bool = True) -> packet.AuthPacket:
    return _with(packet.AuthPacket(packet.StatusServer, secret=secret, dict=DICTIONARY), {}, signed)


def accounting_request(status: int, secret: bytes = SECRET, *, signed: bool = False, **attributes: Any) -> Any:
    """Accounting-Request of a status."""
    made = packet.AcctPacket(secret=secret, dict=DICTIONARY, Acct_Status_Type=status)
    return _with(made, attributes, signed)


def _with(made: Any, attributes: Mapping[str, Any], signed: bool) -> Any:
    if signed:
        made.add_message_authenticator()
    for name, value in attributes.items():
        made.AddAttribute(name.lstrip("_").replace("_", "-"), value)
    return made


class Conversation(asyncio.DatagramProtocol):
    """A gateway's socket towards one port of a verifier."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, _addr: object) -> None:
        self.received.put_nowait(data)

    async def ask(self, request: Any) -> Any:
        """The verifier's reply to a request, checked as a careful gateway does."""
        raw = request.RequestPacket()
        self.transport.sendto(raw)
        async with asyncio.timeout(60):
            data = await self.received.get()
        reply = request.CreateReply(packet=data)
        assert request.VerifyReply(reply, data, enforce_ma=True)
        return reply

    async def silence(self, *datagrams: bytes) -> bool:
        """Whether datagrams are answered by nothing: a request that is sent after them is answered first."""
        for datagram in datagrams:
            self.transport.sendto(datagram)
        await self.ask(status_server())
        return self.received.empty()


@asynccontextmanager
async def conversation(port: int, host: str = "127.0.0.1") -> AsyncIterator[Conversation]:
    transport, made = await asyncio.get_running_loop().create_datagram_endpoint(Conversation, remote_addr=(host, port))
    made.transport = transport
    try:
        yield made
    finally:
        transport.close()


class Nas(asyncio.DatagramProtocol):
    """Listens for requests about its sessions. `requests` are those that it got, each once; `deaf` how many it takes
    without an answer."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.copies = 0
        self.deaf = 0
        self.answers: dict[int, tuple[int, int | None]] = {
            packet.DisconnectRequest: (packet.DisconnectACK, None),
            packet.CoARequest: (packet.CoAACK, None),
        }
        """Code and Error-Cause by the request's code."""

    def refuse(self, code: int, cause: int) -> None:
        """Answers requests of a code by NAK from now on."""
        self.answers[code] = (code + 2, cause)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.copies += 1
        request = packet.CoAPacket(packet=data, secret=SECRET, dict=DICTIONARY)
        assert request.VerifyCoARequest()
        assert request.verify_message_authenticator()
        if self.deaf:
            self.deaf -= 1
            return
        self.requests.append(request)
        reply = request.CreateReply()
        reply.code, cause = self.answers[request.code]
        if cause is not None:
            reply.AddAttribute("Error-Cause", cause)
        self._transport.sendto(reply.ReplyPacket(), addr)


@asynccontextmanager
async def nas(host: str = "127.0.0.1") -> AsyncIterator[tuple[Nas, int]]:
    """A gateway that listens, and its port."""
    transport, made = await asyncio.get_running_loop().create_datagram_endpoint(Nas, local_addr=(host, 0))
    try:
        yield made, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
