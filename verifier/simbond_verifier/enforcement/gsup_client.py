"""Tells serving nodes, through the HLR's own routing, that a card is no longer to be served."""

import asyncio
import logging
import secrets
from dataclasses import dataclass
from enum import Enum

from .gsup import (
    CancelType,
    Domain,
    GsupError,
    Ie,
    Message,
    MessageType,
    decode,
    encode_name,
)
from .ipa import Extension, IpaError
from .ipa_client import IpaClient, IpaConnection
from .target import TargetError

log = logging.getLogger(__name__)


class Cancel(Enum):
    """What became of a LocationCancelRequest."""

    CONFIRMED = "confirmed"  # the node says that it serves the card no longer
    SENT = "sent"  # the HLR passed it on; the node's answer did not reach us, which is usual (see the ADR)
    REFUSED = "refused"  # the node answers with an error: in practice, that it does not know the card
    NOT_CONNECTED = "not connected"  # the HLR has no connection to that node now


_ANSWERS: dict[int, Cancel] = {
    MessageType.LOCATION_CANCEL_RESULT: Cancel.CONFIRMED,
    MessageType.LOCATION_CANCEL_ERROR: Cancel.REFUSED,
    MessageType.ROUTING_ERROR: Cancel.NOT_CONNECTED,
}


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    imsi: str
    domain: Domain
    node: str
    answer: asyncio.Future[Cancel]

    def matches(self, message: Message) -> bool:
        """Nodes need not repeat the domain, so the name and the domain each rule out only where they are given."""
        return (
            message.imsi == self.imsi
            and message.source in (None, self.node)
            and message.domain in (None, self.domain)
            and not self.answer.done()
        )


class GsupClient:
    """A GSUP peer beside the SGSNs and MSCs; safe to use from many tasks of one event loop at once.

    Each connection takes a new IPA name: osmo-hlr ignores a second connection with a name that it still has, for
    example from a connection whose loss it has not noticed, and would send the answers there.
    """

    def __init__(self, host: str, port: int, *, timeout: float) -> None:
        self._client = IpaClient(
            host,
            port,
            Extension.GSUP,
            receive=self._received,
            lost=self._failed,
            timeout=timeout,
            new_name=_new_name,
        )
        self._timeout = timeout
        self._waiting: list[_Waiting] = []

    async def cancel_location(self, imsi: str, domain: Domain, node: str, *, wait: float) -> Cancel:
        """Ask `node` to drop the card and wait up to `wait` seconds for what becomes of it.

        Raises TargetError when the HLR's GSUP port cannot be reached or the connection breaks meanwhile.
        """
        connection = await self._client.connection()
        assert connection.name is not None
        request = Message(
            MessageType.LOCATION_CANCEL_REQUEST,
            imsi,
            (
                (Ie.CANCEL_TYPE, bytes([CancelType.SUBSCRIPTION_WITHDRAWN])),
                (Ie.CN_DOMAIN, bytes([domain])),
                (Ie.SOURCE_NAME, encode_name(connection.name)),
                (Ie.DESTINATION_NAME, encode_name(node)),
            ),
        )
        waiting = _Waiting(imsi, domain, node, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            connection.send(request.encode())
            async with asyncio.timeout(wait):
                return await waiting.answer
        except TimeoutError:
            await self._prove(connection)
            return Cancel.SENT
        finally:
            self._waiting.remove(waiting)

    async def _prove(self, connection: IpaConnection) -> None:
        """Tell a silent node from a dead connection, on which the request never arrived. Raises TargetError."""
        try:
            async with asyncio.timeout(self._timeout):
                await connection.ping()
        except TimeoutError:
            connection.abort("no answer to a ping")
            raise TargetError(f"{self._client.peer} does not answer a ping; reconnecting at the next request") from None
        except IpaError as error:
            raise TargetError(f"lost {self._client.peer}: {error}") from None

    async def close(self) -> None:
        """Drop the connection; requests under way fail with TargetError."""
        await self._client.close()

    def _received(self, payload: bytes) -> None:
        try:
            message = decode(payload)
        except GsupError as error:
            log.warning("ignored a message from %s: %s", self._client.peer, error)
            return
        outcome = _ANSWERS.get(message.type)
        waiting = next((each for each in self._waiting if each.matches(message)), None)
        if outcome is not None and waiting is not None:
            waiting.answer.set_result(outcome)

    def _failed(self, why: str) -> None:
        for waiting in self._waiting:
            if not waiting.answer.done():
                waiting.answer.set_exception(TargetError(f"lost {self._client.peer}: {why}"))


def _new_name() -> str:
    return f"simbond-{secrets.token_hex(4)}"
