"""One UDP port: who asks, whether it is proved, whether it was asked before; then a handler's answer.

What cannot be proved gets no answer at all (RFC 2865 section 3, RFC 2866 section 3).
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any, NamedTuple, cast

import structlog

from .clients import Client, Clients
from .packet import Code, Dropped, Request, Values, read_request
from .replies import Exchange, Key, Replies
from .tally import Tally

log = structlog.get_logger("simbond.radius")

_AT_ONCE = 2048
"""Requests; what comes on top is dropped, and the gateway repeats it."""

_BUFFER_OCTETS = 4 << 20
"""For what comes at once after a gateway's restart; the system may allow less (net.core.rmem_max)."""


class Asked(NamedTuple):
    """A request and who sent it."""

    request: Request
    client: Client
    host: str


class Reply(NamedTuple):
    code: Code
    values: Values


Handler = Callable[[Asked], Awaitable[Reply]]
"""Raises Dropped where there is nothing to answer."""


class Endpoint(asyncio.DatagramProtocol):
    """Serves one port. handlers: what answers each code that may come here."""

    def __init__(self, clients: Clients, handlers: Mapping[Code, Handler], tally: Tally) -> None:
        self._clients = clients
        self._handlers = handlers
        self._tally = tally
        self._replies = Replies()
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_OCTETS)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        host, port = addr[:2]
        try:
            self._take(data, host, port, addr)
        except Dropped as e:
            self._tally.dropped(e.why, host)

    def error_received(self, exc: Exception) -> None:
        """A gateway's host said that nobody is listening any more: it does not matter."""

    async def close(self) -> None:
        """Stops; what is under way is not answered."""
        if self._transport is not None:
            self._transport.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self, data: bytes, host: str, port: int, addr: tuple[Any, ...]) -> None:
        client = self._clients.find(host)
        if client is None:
            raise Dropped("unknown-client")
        strict = client.section.require_message_authenticator
        request = read_request(data, client.secret, message_authenticator=strict)
        handler = self._handlers.get(request.code)
        if handler is None:
            raise Dropped("unexpected")
        key = Key(host, port, request.code, request.identifier)
        now = monotonic()
        before = self._replies.known(key, request.authenticator, now)
        if before is not None:
            if before.reply is None:
                raise Dropped("repeated")  # it is being answered
            self._send(before.reply, addr)
            return
        if len(self._tasks) >= _AT_ONCE:
            raise Dropped("busy")
        exchange = self._replies.begin(key, request.authenticator, now)
        task = asyncio.create_task(self._answer(Asked(request, client, host), handler, key, exchange, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(
        self, asked: Asked, handler: Handler, key: Key, exchange: Exchange, addr: tuple[Any, ...]
    ) -> None:
        try:
            reply = await handler(asked)
            exchange.reply = asked.request.reply(reply.code, reply.values)
        except Dropped as e:
            self._tally.dropped(e.why, asked.host)
        except Exception:
            log.exception("request failed", client=asked.host)
            self._tally.dropped("failed", asked.host)
        else:
            self._tally.answered(reply.code.name.lower())
            self._send(exchange.reply, addr)
        finally:
            if exchange.reply is None:
                self._replies.forget(key, exchange)

    def _send(self, reply: bytes, addr: tuple[Any, ...]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(reply, addr)
