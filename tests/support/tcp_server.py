"""A TCP server for one test, whose every connection is played by a coroutine of the test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def tcp_server(play: Play) -> AsyncIterator[int]:
    """Yield the loopback port. A connection is closed when its coroutine returns, or with the server."""
    plays: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        plays.add(task)
        try:
            await play(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the test's client left, or the test is over
        finally:
            plays.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(plays):
            task.cancel()
        await asyncio.gather(*plays, return_exceptions=True)


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """One IPA frame: stream and payload. Written out here, so that the tests do not trust the code under test."""
    header = await reader.readexactly(3)
    return header[2], await reader.readexactly(int.from_bytes(header[:2], "big"))


def ipa_frame(stream: int, payload: bytes) -> bytes:
    """The opposite of read_frame."""
    return len(payload).to_bytes(2, "big") + bytes([stream]) + payload
