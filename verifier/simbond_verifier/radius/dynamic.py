"""Asks a gateway to end or to change a session: the client side of RFC 5176."""

import asyncio
from typing import NamedTuple

from .packet import Answer, Ask, Code, Values

REPEATED_AFTER_S = (0.5, 1.0, 2.0)
"""How long each sending is waited for; then the same octets go out again (RFC 5080 section 2.2.1)."""


class Gateway(NamedTuple):
    """Where a gateway listens for requests, and its secret."""

    host: str
    port: int
    secret: bytes


class Unanswered(Exception):
    """The gateway is away, or does not listen; the message says which address."""


class _Replies(asyncio.DatagramProtocol):
    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _addr: object) -> None:
        found = self._ask.answer(data)
        if found is not None and not self.answer.done():
            self.answer.set_result(found)

    def error_received(self, exc: Exception) -> None:
        """The port is closed: perhaps the gateway starts just now, so it is asked again all the same."""


async def ask(gateway: Gateway, code: Code, values: Values) -> Answer:
    """The gateway's answer. Raises Unanswered, after the sum of REPEATED_AFTER_S at the latest."""
    asked = Ask(code, gateway.secret, values)
    loop = asyncio.get_running_loop()
    try:
        transport, replies = await loop.create_datagram_endpoint(
            lambda: _Replies(asked), remote_addr=(gateway.host, gateway.port)
        )
    except OSError as e:
        raise Unanswered(f"{gateway.host} port {gateway.port}: {e.strerror or e}") from None
    try:
        for wait in REPEATED_AFTER_S:
            transport.sendto(asked.datagram)
            done, _ = await asyncio.wait({replies.answer}, timeout=wait)
            if done:
                return replies.answer.result()
    finally:
        transport.close()
    raise Unanswered(f"{gateway.host} did not answer on port {gateway.port}")
