"""One connection of the device API: whatever octets come, in whatever pieces, well-formed answers go out, none of them
a fault of the verifier's own, and no exception reaches the event loop."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httptools
import uvicorn
from uvicorn.server import ServerState

from simbond_verifier.api.device import DeviceApi
from simbond_verifier.api.protocol import speaking_for
from simbond_verifier.ingest.result import Result
from simbond_verifier.metrics import Metrics
from simbond_verifier.policy import Limits
from simbond_verifier.reasons import Tier

_TURNS = 8  # of the event loop: enough for the application to read a body and answer


def seeds() -> Iterator[bytes]:
    post = b"POST /v1/evidence HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n\xff1234"
    yield from (post, post * 3, post.replace(b"1.1", b"1.0"))
    yield post.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n")
    yield b"POST /v1/challenge?x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n8\r\n12345678\r\n0\r\n\r\n" + post
    yield b"GET /v1/rotation HTTP/1.1\r\n\r\nGET /elsewhere HTTP/1.1\r\nhost: x\r\n\r\n" + post
    yield b"POST http://x/v1/evidence/batch HTTP/1.1\r\nconnection: close\r\ncontent-length: 1\r\n\r\n\x80"
    yield b"PUT /elsewhere HTTP/1.1\r\nupgrade: websocket\r\nconnection: upgrade\r\ncontent-length: 3\r\n\r\nabc"


def one(octets: bytes) -> None:
    sent = _LOOP.run_until_complete(_converse(octets))
    for answer in sent:
        assert answer < 500, answer


class _Ingest:
    """In place of the real one: takes everything."""

    def take(self, message: bytes, deliver: Callable[[Result | Exception], None]) -> None:
        deliver(Result(Tier.AFFIRMING, (), len(message)))

    async def rotate(self, message: bytes) -> Result:
        return Result(Tier.AFFIRMING, (), len(message))

    async def many(self, messages: list[bytes]) -> list[Result]:
        return [Result(Tier.AFFIRMING, (), len(message)) for message in messages]

    def noted(self, result: Result) -> Result:
        return result

    def answer(self, result: Result) -> bytes:
        return b"\xa0"

    def challenge(self, kid: bytes) -> bytes:
        return bytes(8)


async def _application(_: Any, receive: Any, send: Any) -> None:
    while (event := await receive()).get("more_body"):
        pass
    if event["type"] != "http.disconnect":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


class _Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 1), "sockname": ("192.0.2.2", 2)})
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        assert not self.closed
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None:
        """Everything is there already."""

    resume_reading = pause_reading


class _Answers:
    """Reads what was written as a client does."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.parser = httptools.HttpResponseParser(self)

    def on_headers_complete(self) -> None:
        self.statuses.append(self.parser.get_status_code())


logging.disable()  # uvicorn says of every input that it is no request
_LOOP = asyncio.new_event_loop()
_CONFIG = uvicorn.Config(_application, log_config=None, lifespan="off", ws="none")
_CONFIG.load()
_SPEAK = speaking_for(DeviceApi(_Ingest(), Metrics(), Limits(address_burst=10_000_000, address_per_s=1e6)))  # type: ignore[arg-type]


async def _converse(octets: bytes) -> list[int]:
    """Statuses of the answers. What ends in a line feed comes in pieces, whose size follows from its length."""
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    protocol: Any = _SPEAK(_CONFIG, ServerState(), {})  # type: ignore[call-arg]
    transport = _Transport()
    protocol.connection_made(transport)
    step = len(octets) % 61 + 1 if octets[-1:] == b"\n" else len(octets) or 1
    for at in range(0, len(octets), step):
        if transport.closed:
            break
        protocol.data_received(octets[at : at + step])
        for _ in range(_TURNS):
            await asyncio.sleep(0)
    protocol.connection_lost(None)
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    assert not faults, faults
    answers = _Answers()
    answers.parser.feed_data(transport.written)
    return answers.statuses
