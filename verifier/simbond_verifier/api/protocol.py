"""HTTP/1.1 on one connection: the device API answered here, everything else handed to the application as ASGI.

A scope, a task and two channels for each message would cost a quarter of the throughput (docs/adr/device-protocol.md).
Parsing is llhttp's, as in the protocol of uvicorn that this one extends. What is added for every request: bounds of its
head, and of the time that its client takes.
"""

import asyncio
from collections import deque
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Any, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from .. import traces
from .device import Answer, DeviceApi
from .patience import Patience, Waits
from .problems import Problem

HEAD_OCTETS = 16 * 1024
"""Of a request's head. What is over it by less than one read may pass."""
_PIPELINED = 32  # requests that wait for their answers before the connection is read any further


def speaking_for(device: DeviceApi, waits: Waits | None = None) -> type[asyncio.Protocol]:
    """What uvicorn.Config takes as `http`."""
    patience = Patience(waits or Waits())
    return cast("type[asyncio.Protocol]", partial(DeviceProtocol, device, patience))


class _Exchange:
    """A device's request and its answer, which waits for the answers to the requests before it."""

    __slots__ = ("answer", "body", "keep_alive", "longest", "path", "protocol")

    def __init__(self, protocol: "DeviceProtocol", path: bytes, longest: int, keep_alive: bool) -> None:
        self.protocol = protocol
        self.path = path
        self.longest = longest
        self.keep_alive = keep_alive
        self.body: bytes | None = b""
        self.answer: Answer | None = None

    def deliver(self, answer: Answer) -> None:
        self.answer = answer
        self.protocol.write_answers()


class DeviceProtocol(HttpToolsProtocol):
    """One connection. Device requests may be pipelined, and so may others; a client that mixes the two gets what it
    asked for up to there, and then the connection's end (RFC 9112 section 9.3.2 has it ask again)."""

    def __init__(
        self,
        device: DeviceApi,
        patience: Patience,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._device = device
        self._patience = patience
        self._exchanges: deque[_Exchange] = deque()
        self._receiving: _Exchange | None = None
        self._in_head = False
        self._head_octets = 0
        self._ending = False  # nothing more is read: what is outstanding is answered, and that is the end
        self._origin = ""
        self._since = self.loop.time()
        self._stuck_since: float | None = None  # a client that does not read its answers
        self._answered = False

    # The transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As the class below does it, but for what only ASGI asks for: see _hand_over."""
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self.client = get_remote_addr(transport)
        self.scheme = "https" if is_ssl(transport) else "http"
        if self.client is not None:
            self._origin = self._device.origin(self.client[0])
        self._patience.watch(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._patience.forget(self)
        self._exchanges.clear()
        self._receiving = None

    def data_received(self, data: bytes) -> None:
        if self._ending:
            return
        super().data_received(data)
        if self._in_head:
            self._head_octets += len(data)
            if self._head_octets > HEAD_OCTETS:
                self._refuse(Problem(431, "head-too-large", f"A request's head has at most {HEAD_OCTETS} octets."))

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client may close its half and still read the answers; over TLS there are no halves."""
        if self.scheme == "https" or not self._is_owed_an_answer():
            return False
        self._end()
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        self.flow.pause_reading()
        self._stuck_since = self.loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.flow.resume_reading()
        self._stuck_since = None

    def shutdown(self) -> None:
        if self._exchanges:
            self._exchanges[-1].keep_alive = False
        else:
            super().shutdown()

    def look(self, now: float) -> None:
        """See Watched."""
        waits = self._patience.waits
        waited = now - self._since
        if self._stuck_since is not None:
            if now - self._stuck_since > waits.request:
                self.transport.abort()
        elif self._in_head or self._receiving is not None:
            if waited > waits.request:
                self._refuse(Problem(408, "too-slow", f"The request did not come within {waits.request:g} s."))
        elif self._is_owed_an_answer():
            pass  # the verifier's own work
        elif self.cycle is not None and not self.cycle.response_complete:
            if waited > waits.upload:
                self.transport.abort()
        elif waited > (waits.idle if self._answered else waits.request):
            self.transport.close()

    # The parser

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._in_head = True
        self._head_octets = 0
        self._since = self.loop.time()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._ending:
            return
        path = self._path()
        longest = self._device.longest(path)
        if longest is None:
            self._hand_over()
        elif self.cycle is not None and not self.cycle.response_complete:
            self._end()
        else:
            self._begin(path, longest)

    def on_body(self, body: bytes) -> None:
        exchange = self._receiving
        if exchange is None:
            if not self._ending:
                super().on_body(body)
        elif exchange.answer is None and exchange.body is not None:
            exchange.body += body
            if len(exchange.body) > exchange.longest:
                exchange.body = None  # answered at once; what still comes of it is read and dropped
                self._device.post(exchange.path, None, self._origin, exchange.deliver)

    def on_message_complete(self) -> None:
        exchange = self._receiving
        if exchange is None:
            if not self._ending:
                super().on_message_complete()
            return
        self._receiving = None
        if not exchange.keep_alive:
            self._ending = True
        if exchange.answer is None and exchange.body is not None:
            with traces.within(self.headers):
                self._device.post(exchange.path, exchange.body, self._origin, exchange.deliver)
            if len(self._exchanges) >= _PIPELINED:
                self.flow.pause_reading()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._since = self.loop.time()
        self._answered = True

    def send_400_response(self, msg: str) -> None:
        self._refuse(Problem(400, "not-http", msg))

    # Requests

    def _path(self) -> bytes:
        url = self.url
        if url.startswith(b"/"):
            return url.partition(b"?")[0]
        try:
            return httptools.parse_url(url).path or b""
        except httptools.HttpParserInvalidURLError:
            return b""

    def _hand_over(self) -> None:
        """The request is the application's."""
        if self._exchanges:
            self._end()
            return
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        if self.server is None:
            self.server = get_local_addr(self.transport)
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect
        self.headers += headers
        super().on_headers_complete()

    def _begin(self, path: bytes, longest: int) -> None:
        parser = self.parser
        is_1_0 = parser.get_http_version() == "1.0"
        exchange = _Exchange(self, path, longest, not is_1_0 and parser.should_keep_alive())
        self._exchanges.append(exchange)
        self._receiving = exchange
        problem = self._objection(path)
        if problem is not None:
            exchange.deliver(self._device.failed(problem))
        elif self.expect_100_continue and not is_1_0 and len(self._exchanges) == 1:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _objection(self, path: bytes) -> Problem | None:
        if self.parser.get_method() != b"POST":
            return Problem(405, "method-not-allowed", f"{path.decode()} takes POST only.", headers={"allow": "POST"})
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            return Problem(503, "connections", "Too many clients are connected; try again later.", retry_after_s=5)
        return None

    # Answers

    def write_answers(self) -> None:
        """Writes the answers whose turn it is."""
        if self.transport.is_closing():
            self._exchanges.clear()
            return
        exchanges = self._exchanges
        while exchanges and (answer := exchanges[0].answer) is not None:
            exchange = exchanges.popleft()
            head = _head(answer.status, answer.media_type, len(answer.body), exchange.keep_alive)
            self.transport.write(b"%b%b\r\n%b" % (head, answer.more, answer.body))
            self.server_state.total_requests += 1
            if not exchange.keep_alive:
                self.transport.close()
                return
        if not exchanges:
            if self._receiving is None and not self._in_head:
                self._since = self.loop.time()
            self._answered = True
            if self._stuck_since is None:
                self.flow.resume_reading()

    def _refuse(self, problem: Problem) -> None:
        """An answer for what is no request, or will be none, after those that are owed; then the connection's end."""
        if self._ending or self.transport.is_closing():
            return
        self._ending = True
        exchange = self._receiving
        if self.cycle is not None and not self.cycle.response_complete:
            if self.cycle.more_body:  # which will not come
                self.transport.close()
            self.cycle.keep_alive = False
        elif exchange is None:
            exchange = _Exchange(self, b"", 0, False)
            self._exchanges.append(exchange)
            exchange.deliver(self._device.failed(problem))
        elif exchange.answer is None:
            exchange.keep_alive = False
            exchange.deliver(self._device.failed(problem))
        elif exchange in self._exchanges:
            exchange.keep_alive = False
        else:
            self.transport.close()

    def _is_owed_an_answer(self) -> bool:
        """Whether a request came whole, and is worked on."""
        if self._exchanges:
            return self._receiving is None
        return self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body

    def _end(self) -> None:
        """The outstanding answers are the last."""
        self._ending = True
        if self._exchanges:
            self._exchanges[-1].keep_alive = False
        elif self.cycle is not None:
            self.cycle.keep_alive = False


@lru_cache(maxsize=4096)
def _head(status: int, media_type: bytes, octets: int, keep_alive: bool) -> bytes:
    """A response's head up to its further header lines."""
    start = b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n"
    head = start % (status, HTTPStatus(status).phrase.encode(), media_type, octets)
    return head if keep_alive else head + b"connection: close\r\n"
