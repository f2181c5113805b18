"""The processes that check signatures beside this one (docs/adr/verifying-processes.md)."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Sequence

import structlog

from . import checker
from .checker import HEAD, READY

log = structlog.get_logger("simbond.ingest")

_AGAIN_S = 10.0
"""From the end of a process that should not have ended until another is started."""


class _Process:
    """One of them, at work from `start` on until it breaks or is closed."""

    def __init__(self) -> None:
        """Raises OSError."""
        itself = [sys.executable, "-m", checker.__name__]
        self._socket, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(itself, stdin=theirs.fileno(), stdout=theirs.fileno())
            except OSError:
                self._socket.close()
                raise
        self._writer: asyncio.StreamWriter | None = None
        self._turns = asyncio.Lock()  # answers come in the order of the requests

    async def start(self) -> None:
        """Raises OSError, EOFError."""
        self._reader, self._writer = await asyncio.open_connection(sock=self._socket)
        await self._reader.readexactly(len(READY))

    async def check(self, records: Sequence[bytes]) -> bytes:
        """See checker.check. Raises OSError, EOFError."""
        assert self._writer is not None
        self._writer.write(b"".join((len(records).to_bytes(HEAD, "big"), *records)))
        async with self._turns:
            return await self._reader.readexactly(len(records))

    def close(self) -> None:
        # It has no state: there is nothing to wait for but its end.
        self._process.kill()
        self._process.wait()
        if self._writer is None:
            self._socket.close()
        else:
            self._writer.close()


class Checkers:
    """As many processes as are worth it; none until they are needed for the first time."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._processes: list[_Process] = []
        self._starting: asyncio.Task[None] | None = None

    def are_ready(self) -> bool:
        """Whether `check` has somebody to ask; if not, they are on their way."""
        if self._starting is None and self._number:
            self._starting = asyncio.create_task(self._start())
        return bool(self._processes)

    async def check(self, records: Sequence[bytes]) -> bytes:
        """An octet for each record, 1 for a good signature: shared out among the processes. Raises OSError and EOFError
        where one of them is gone; others are started then."""
        processes = self._processes
        if not processes:
            raise EOFError("no process to ask")
        size = -(-len(records) // len(processes))
        shares = (records[at : at + size] for at in range(0, len(records), size))
        asked = [process.check(share) for process, share in zip(processes, shares, strict=False)]
        try:
            return b"".join(await asyncio.gather(*asked))
        except (OSError, EOFError) as e:
            if processes is self._processes:
                log.warning("a process that checks signatures has ended; others are started", error=str(e))
                self._stop()
                self._starting = asyncio.create_task(self._start(_AGAIN_S))
            raise

    async def _start(self, after_s: float = 0.0) -> None:
        await asyncio.sleep(after_s)
        started: list[_Process] = []
        try:
            for _ in range(self._number):
                started.append(_Process())
            await asyncio.gather(*(process.start() for process in started))
        except (OSError, EOFError) as e:
            log.warning("no process can be started to check signatures; they are checked here", error=str(e))
            self._number = 0
        else:
            self._processes, started = started, []
        finally:
            for process in started:
                process.close()

    def close(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
        self._stop()

    def _stop(self) -> None:
        for process in self._processes:
            process.close()
        self._processes = []
