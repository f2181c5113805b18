"""A TCP connection to an IPA server (CTRL or GSUP), opened when it is needed and again after it was lost."""

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from .ipa import (
    STREAM_CCM,
    STREAM_OSMO,
    Ccm,
    Deframer,
    Extension,
    IpaError,
    frame,
    identity_response,
)
from .target import TargetError

log = logging.getLogger(__name__)


class IpaConnection(asyncio.Protocol):
    """One connection, from connect to loss: frames in, frames out, and the client's half of connection management.

    `ready` is done once requests may be sent: at once for a client without a `name` (CTRL), after the server asked
    for it for one with a name (GSUP), because before that the server cannot route answers back.
    """

    def __init__(
        self,
        extension: Extension,
        name: str | None,
        receive: Callable[[bytes], None],
        lost: Callable[[str], None],
    ) -> None:
        self.name = name
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._extension = extension
        self._receive = receive
        self._lost = lost
        self._deframer = Deframer()
        self._transport: asyncio.Transport | None = None
        self._pongs: list[asyncio.Future[None]] = []
        self._why = "the server closed the connection"

    @property
    def alive(self) -> bool:
        """Whether a payload may be sent; a peer that vanished without a word is found out by time-out only."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, payload: bytes) -> None:
        """Queue one payload of this connection's protocol. Lost silently, like anything, if the connection dies."""
        self._write(STREAM_OSMO, bytes([self._extension]) + payload)

    async def ping(self) -> None:
        """Return once the server has read everything that was sent so far. Raises IpaError when it is lost first."""
        pong: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self.alive:
            raise IpaError(self._why)
        self._pongs.append(pong)
        self._write(STREAM_CCM, bytes([Ccm.PING]))
        await pong

    def abort(self, why: str) -> None:
        """Close at once; whoever waits on this connection is told `why`."""
        self._why = why
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        # Not an isinstance check: uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        if self.name is None:
            self.ready.set_result(None)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        try:
            for stream, payload in self._deframer.feed(data):
                if stream == STREAM_CCM:
                    self._manage(payload)
                elif stream == STREAM_OSMO and payload[:1] == bytes([self._extension]):
                    self._receive(payload[1:])
        except IpaError as error:
            self.abort(str(error))

    def eof_received(self) -> None:
        """See asyncio.Protocol. A half-closed connection brings no more answers: give it up at once."""
        self.abort(self._why)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._transport = None
        why = self._why if exc is None else str(exc)
        if not self.ready.done():
            self.ready.set_exception(IpaError(why))
            self.ready.exception()  # seen, should nobody wait for it any more
        for pong in self._pongs:
            if not pong.done():
                pong.set_exception(IpaError(why))
        self._lost(why)

    def _manage(self, payload: bytes) -> None:
        if payload[:1] == bytes([Ccm.PING]):
            self._write(STREAM_CCM, bytes([Ccm.PONG]))
        elif payload[:1] == bytes([Ccm.PONG]) and self._pongs:
            pong = self._pongs.pop(0)
            if not pong.done():
                pong.set_result(None)
        elif payload[:1] == bytes([Ccm.IDENTITY_REQUEST]) and self.name is not None:
            self._write(STREAM_CCM, identity_response(payload, self.name))
            self._write(STREAM_CCM, bytes([Ccm.IDENTITY_ACK]))
            if not self.ready.done():
                self.ready.set_result(None)

    def _write(self, stream: int, payload: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frame(stream, payload))


class IpaClient:
    """Keeps at most one connection to a server and reopens it on demand.

    `receive` gets every payload of the protocol, `lost` the reason whenever a connection ends, `timeout` (s) bounds
    connecting. `new_name` is asked for the client's IPA name at every connect; None for servers that ask for none.
    """

    def __init__(
        self,
        host: str,
        port: int,
        extension: Extension,
        *,
        receive: Callable[[bytes], None],
        lost: Callable[[str], None],
        timeout: float,
        new_name: Callable[[], str] | None = None,
    ) -> None:
        self.peer = f"{extension.name} at {host}:{port}"
        self._host = host
        self._port = port
        self._extension = extension
        self._receive = receive
        self._lost = lost
        self._timeout = timeout
        self._new_name = new_name
        self._connection: IpaConnection | None = None
        self._connecting = asyncio.Lock()

    async def connection(self) -> IpaConnection:
        """The connection, opened first if need be. Raises TargetError."""
        if self._connection is not None and self._connection.alive:
            return self._connection
        try:
            async with asyncio.timeout(self._timeout), self._connecting:
                if self._connection is None or not self._connection.alive:
                    self._connection = await self._open()
                return self._connection
        except TimeoutError:
            reason = f"no answer within {self._timeout:g} s"
        except (OSError, IpaError) as error:
            reason = str(error)
        raise TargetError(
            f"cannot reach {self.peer}: {reason}. Is osmo-hlr running, and bound to this address and port?"
        )

    def answer(self, payload: bytes) -> None:
        """Send on the connection that is open now; without one there is nobody left who asked."""
        if self._connection is not None:
            self._connection.send(payload)

    async def close(self) -> None:
        """Drop the connection, if there is one."""
        if self._connection is not None:
            self._connection.abort("closed on our side")
            self._connection = None

    async def _open(self) -> IpaConnection:
        name = self._new_name() if self._new_name is not None else None
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: IpaConnection(self._extension, name, self._receive, self._lost), self._host, self._port
        )
        try:
            await connection.ready
        except BaseException:
            connection.abort("given up before it was ready")
            raise
        log.info("connected to %s", self.peer)
        return connection
