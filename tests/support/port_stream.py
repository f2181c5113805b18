"""The port of an emulated modem, as the agent has its own."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager


class Stream:
    """Both sides of an asyncio stream on a port that never blocks, as MicroPython has it over a UART."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    async def read(self, size: int) -> bytes:
        await asyncio.sleep(0.001)
        return os.read(self._fd, size)

    def write(self, data: bytes) -> None:
        os.write(self._fd, data)

    async def drain(self) -> None: ...


@contextmanager
def opened(port: str) -> Iterator[Stream]:
    fd = os.open(port, os.O_RDWR | os.O_NOCTTY)
    try:
        yield Stream(fd)
    finally:
        os.close(fd)
