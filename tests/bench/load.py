"""A load generator for HTTP/1.1: requests made beforehand, kept-alive connections, nothing else."""

import asyncio
import sys
from time import perf_counter


class _Connection(asyncio.Protocol):
    def __init__(self, requests: list[bytes], done: asyncio.Future[None]) -> None:
        self.requests = requests
        self.done = done
        self.sent = 0
        self.buffer = b""
        self.good = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._next()

    def _next(self) -> None:
        if self.sent == len(self.requests):
            self.transport.close()
            self.done.set_result(None)
        else:
            self.transport.write(self.requests[self.sent])
            self.sent += 1

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, blank, body = self.buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) >= size:
            # Every result begins with a map whose first pair is 1: 2, affirming.
            self.good += body[:size].count(b"\xa4\x01\x02\x02\x80") if head.startswith(b"HTTP/1.1 200") else 0
            self.buffer = b""
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))


async def run(port: int, requests: list[list[bytes]]) -> tuple[float, int]:
    """Sends each list over a connection of its own. Returns the seconds it took and how many results affirm."""
    loop = asyncio.get_running_loop()
    connections = []
    start = perf_counter()
    for some in requests:
        done: asyncio.Future[None] = loop.create_future()
        connection = _Connection(some, done)
        connections.append(connection)
        await loop.create_connection(lambda c=connection: c, "127.0.0.1", port)
    await asyncio.gather(*(c.done for c in connections))
    return perf_counter() - start, sum(c.good for c in connections)


def request(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/eat+cwt\r\n"
    return head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body


if __name__ == "__main__":
    sys.exit("this is a module of the benchmark: make bench")
