"""A node that serves cards, as far as an HLR can tell: an SGSN (PS) or an MSC/VLR (CS) that speaks GSUP.

The demo, the tests and the benchmarks attach cards through it and see what a suspension does to them.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Self

from simbond_verifier.enforcement.gsup import (
    Domain,
    GsupError,
    Ie,
    Message,
    MessageType,
    decode,
    encode_digits,
    encode_name,
)
from simbond_verifier.enforcement.ipa import Extension
from simbond_verifier.enforcement.ipa_client import IpaClient
from simbond_verifier.enforcement.osmo_hlr import GSUP_PORT
from simbond_verifier.enforcement.target import TargetError


@dataclass(frozen=True, slots=True)
class Answer:
    """What the HLR decided: `cause` is None when it accepted, else the GMM cause (3GPP TS 24.008, 10.5.5.14)."""

    cause: int | None

    @property
    def accepted(self) -> bool:
        """Whether the HLR accepted."""
        return self.cause is None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A LocationCancelRequest as it came in; `at` is time.monotonic() in seconds."""

    imsi: str
    domain: int | None
    cancel_type: int | None
    source: str | None
    at: float


class OnCancel(Enum):
    """How the node answers a LocationCancelRequest after it dropped the card."""

    TO_SENDER = "to sender"  # through the HLR to whoever sent it, as the request's source name asks
    TO_HLR = "to HLR"  # without a destination, as osmo-msc and osmo-sgsn do: the sender never hears it
    REFUSE = "refuse"  # with an error
    SILENT = "silent"


class ServingNode:
    """One node with one connection to the HLR; use it as an asynchronous context manager.

    `serving` holds the IMSIs that are attached here, `cancelled` queues every LocationCancelRequest.
    """

    def __init__(
        self,
        host: str,
        name: str,
        domain: Domain,
        *,
        port: int = GSUP_PORT,
        on_cancel: OnCancel = OnCancel.TO_SENDER,
        timeout: float = 5.0,
    ) -> None:
        self.name = name
        self.domain = domain
        self.on_cancel = on_cancel
        self.serving: set[str] = set()
        self.cancelled: asyncio.Queue[Cancelled] = asyncio.Queue()
        self._timeout = timeout
        self._client = IpaClient(
            host,
            port,
            Extension.GSUP,
            receive=self._received,
            lost=self._failed,
            timeout=timeout,
            new_name=lambda: name,
        )
        self._waiting: dict[tuple[str, int], asyncio.Future[Message]] = {}

    async def __aenter__(self) -> Self:
        """Connect. Raises TargetError."""
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self._client.close()

    async def connect(self) -> None:
        """Connect, again after the HLR went away: a node must be connected to hear a cancel. Raises TargetError."""
        await self._client.connection()

    async def update_location(self, imsi: str) -> Answer:
        """Attach a card here: UpdateLocation, the HLR's InsertSubscriberData, and the result. Raises TargetError."""
        answer = await self._ask(MessageType.UPDATE_LOCATION_REQUEST, imsi)
        if answer.accepted:
            self.serving.add(imsi)
        else:
            self.serving.discard(imsi)
        return answer

    async def purge(self, imsi: str) -> Answer:
        """Tell the HLR that the card's record was deleted here after long silence. Raises TargetError."""
        self.serving.discard(imsi)
        return await self._ask(MessageType.PURGE_MS_REQUEST, imsi)

    async def check_imei(self, imsi: str, imei: str) -> Answer:
        """Report the IMEI that a card was seen with; the HLR takes the first 14 digits. Raises TargetError."""
        number = encode_digits(imei[:14])
        return await self._ask(MessageType.CHECK_IMEI_REQUEST, imsi, (Ie.IMEI, bytes([len(number)]) + number))

    async def _ask(self, request: MessageType, imsi: str, *ies: tuple[int, bytes]) -> Answer:
        connection = await self._client.connection()
        key = (imsi, request >> 2)
        answer = self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            connection.send(Message(request, imsi, ((Ie.CN_DOMAIN, bytes([self.domain])), *ies)).encode())
            async with asyncio.timeout(self._timeout):
                message = await answer
        except TimeoutError:
            raise TargetError(f"{self._client.peer} did not answer {request.name} in {self._timeout:g} s") from None
        finally:
            self._waiting.pop(key, None)
        return Answer(None if message.type == request + 2 else message.cause or 0)

    def _received(self, payload: bytes) -> None:
        with contextlib.suppress(GsupError):
            self._handle(decode(payload))

    def _handle(self, message: Message) -> None:
        if message.type == MessageType.INSERT_DATA_REQUEST:
            self._client.answer(Message(MessageType.INSERT_DATA_RESULT, message.imsi).encode())
        elif message.type == MessageType.LOCATION_CANCEL_REQUEST:
            self._cancel(message)
        else:
            answer = self._waiting.get((message.imsi, message.type >> 2))
            if answer is not None and not answer.done():
                answer.set_result(message)

    def _cancel(self, request: Message) -> None:
        self.serving.discard(request.imsi)
        cancel_type = (request.get(Ie.CANCEL_TYPE) or b"")[:1]
        self.cancelled.put_nowait(
            Cancelled(
                request.imsi,
                request.domain,
                cancel_type[0] if cancel_type else None,
                request.source,
                time.monotonic(),
            )
        )
        if self.on_cancel is OnCancel.SILENT:
            return
        refuse = self.on_cancel is OnCancel.REFUSE
        ies: list[tuple[int, bytes]] = [(Ie.CAUSE, b"\x02")] if refuse else []
        if self.on_cancel is not OnCancel.TO_HLR and request.source is not None:
            ies += [(Ie.SOURCE_NAME, encode_name(self.name)), (Ie.DESTINATION_NAME, encode_name(request.source))]
        kind = MessageType.LOCATION_CANCEL_ERROR if refuse else MessageType.LOCATION_CANCEL_RESULT
        self._client.answer(Message(kind, request.imsi, tuple(ies)).encode())

    def _failed(self, why: str) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(TargetError(f"lost {self._client.peer}: {why}"))
