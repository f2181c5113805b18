"""Osmocom's control interface (CTRL): named variables of a running program, read with GET and written with SET.

Requests carry an id that the answer repeats, so many may be under way on one connection. Source: OsmoHLR User
Manual, chapters "Osmocom Control Interface" and "Control interface".
"""

import asyncio
import itertools
from dataclasses import dataclass

from .ipa import Extension
from .ipa_client import IpaClient
from .target import TargetError


@dataclass(frozen=True, slots=True)
class Get:
    """Read a variable."""

    variable: str

    def line(self, request_id: int) -> str:
        """The request as it goes on the wire."""
        return f"GET {request_id} {self.variable}"


@dataclass(frozen=True, slots=True)
class Set:
    """Write a variable."""

    variable: str
    value: str

    def line(self, request_id: int) -> str:
        """The request as it goes on the wire."""
        return f"SET {request_id} {self.variable} {self.value}"


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request: the variable's value, or with `ok` False the program's reason for refusing."""

    ok: bool
    text: str


def parse_reply(line: str) -> tuple[int, Reply] | None:
    """Request id and reply in one CTRL message; None for a trap or anything else that answers no request."""
    kind, _, rest = line.partition(" ")
    request_id, _, rest = rest.partition(" ")
    if not (request_id.isascii() and request_id.isdigit()) or len(request_id) > 10:
        return None
    if kind == "ERROR":
        return int(request_id), Reply(ok=False, text=rest)
    if kind in ("GET_REPLY", "SET_REPLY"):
        _variable, _, value = rest.partition(" ")
        return int(request_id), Reply(ok=True, text=value)
    return None


class CtrlClient:
    """Asks one CTRL server; safe to use from many tasks of one event loop at once."""

    def __init__(self, host: str, port: int, *, timeout: float) -> None:
        self._client = IpaClient(host, port, Extension.CTRL, receive=self._received, lost=self._failed, timeout=timeout)
        self._timeout = timeout
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Reply]] = {}

    async def ask(self, *requests: Get | Set) -> list[Reply]:
        """Send all requests at once; the server carries them out in this order. Replies come in the same order.

        Raises TargetError when the server cannot be reached, goes away, or is slower than the time-out. After a
        time-out the connection is given up, since a peer that vanished is otherwise never noticed.
        """
        connection = await self._client.connection()
        waiting = {next(self._ids): request for request in requests}
        replies: list[asyncio.Future[Reply]] = [asyncio.get_running_loop().create_future() for _ in waiting]
        self._waiting.update(zip(waiting, replies, strict=True))
        try:
            for request_id, request in waiting.items():
                connection.send(request.line(request_id).encode(errors="surrogateescape"))
            async with asyncio.timeout(self._timeout):
                return await asyncio.gather(*replies)
        except TimeoutError:
            connection.abort("too slow")
            raise TargetError(
                f"no answer from {self._client.peer} within {self._timeout:g} s; if that persists, see whether it hangs"
            ) from None
        finally:
            for request_id in waiting:
                self._waiting.pop(request_id, None)

    async def close(self) -> None:
        """Drop the connection; requests under way fail with TargetError."""
        await self._client.close()

    def _received(self, payload: bytes) -> None:
        answer = parse_reply(payload.decode(errors="surrogateescape"))
        if answer is None:
            return
        request_id, reply = answer
        future = self._waiting.pop(request_id, None)
        if future is not None and not future.done():
            future.set_result(reply)

    def _failed(self, why: str) -> None:
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(TargetError(f"lost {self._client.peer} before it answered: {why}"))
