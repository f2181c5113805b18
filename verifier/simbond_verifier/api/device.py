"""The device endpoints without any transport: this is the path of every Evidence, and a framework would cost as much as
the signature (docs/adr/device-protocol.md).

    POST /v1/evidence        one COSE_Sign1                -> one result
    POST /v1/evidence/batch  a CBOR sequence of them       -> a CBOR sequence of results, in the same order
    POST /v1/challenge       the key id, 8 octets          -> a result with a nonce and no verdict
    POST /v1/rotation        the next key, endorsed by the present one -> a result with a nonce for the next key

A single message may come in base64 (ingest/text_form.py).
"""

import asyncio
import math
from collections.abc import Callable, Coroutine
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

import structlog

from simbond_agent import claims

from .. import traces
from ..envelope import key_id, split
from ..ingest import text_form
from ..ingest.pipeline import Ingest
from ..ingest.result import Result, refused
from ..metrics import Metrics
from ..policy import Limits
from ..reasons import Reason
from ..store.group_commit import StoreBusy, StoreUnavailable
from .limits import Throttle
from .problems import MEDIA_TYPE, Problem

log = structlog.get_logger("simbond.api")

BATCH_MESSAGES = 1000
BATCH_OCTETS = 256 * 1024

_CBOR = b"application/cbor"
_CBOR_SEQUENCE = b"application/cbor-seq"
_TEXT = b"text/plain"


class Answer(NamedTuple):
    """An HTTP response."""

    body: bytes
    status: int = 200
    media_type: bytes = _CBOR
    more: bytes = b""
    """Further header lines, each with its line end."""


Deliver = Callable[[Answer], None]


class _Endpoint(NamedTuple):
    longest: int
    """Of a body, octets."""
    post: Callable[[bytes | None, str, Deliver], None]


class DeviceApi:
    """Requests in, answers out. Never raises for what a client sends."""

    def __init__(
        self,
        ingest: Ingest,
        metrics: Metrics,
        limits: Limits | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._ingest = ingest
        self._metrics = metrics
        self._throttle = Throttle(limits or Limits())
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self.origin = self._throttle.origin
        self._endpoints = {
            b"/v1/evidence": _Endpoint(text_form.MAX_OCTETS, self._evidence),
            b"/v1/evidence/batch": _Endpoint(BATCH_OCTETS, self._batch),
            b"/v1/challenge": _Endpoint(text_form.MAX_OCTETS, self._challenge),
            b"/v1/rotation": _Endpoint(text_form.MAX_OCTETS, self._rotation),
        }

    def longest(self, path: bytes) -> int | None:
        """Octets of a body that the path takes; None for a path that is not of the device API."""
        endpoint = self._endpoints.get(path)
        return None if endpoint is None else endpoint.longest

    def post(self, path: bytes, body: bytes | None, origin: str, deliver: Deliver) -> None:
        """Answers a request, now or later. body: None when it is longer than `longest`. origin: see Throttle.origin."""
        try:
            self._endpoints[path].post(body, origin, deliver)
        except Exception as e:  # noqa: BLE001 - `failed` tells ours from theirs
            deliver(self.failed(e))

    def failed(self, e: Exception) -> Answer:
        """The answer to a request that came to nothing."""
        if isinstance(e, Problem):
            problem = e
        elif isinstance(e, StoreBusy):
            problem = Problem(503, "busy", f"{e}; send it again later.", retry_after_s=2)
        elif isinstance(e, StoreUnavailable):
            words = f"The database took nothing ({e}); send it again later."
            problem = Problem(503, "store-unavailable", words, retry_after_s=30)
        else:
            log.error("request failed", exc_info=e)
            problem = Problem(500, "internal", "A fault of the verifier's own; its log has the details.")
        self._metrics.rejected.labels(problem.code).inc()
        return _problem(problem)

    def _evidence(self, body: bytes | None, origin: str, deliver: Deliver) -> None:
        message, as_text = self._message(body, origin)
        if message is None:
            deliver(self._oversized(origin, as_text))
        else:
            self._ingest.take(message, partial(self._settled, origin, as_text, deliver))

    def _settled(self, origin: str, as_text: bool, deliver: Deliver, outcome: Result | Exception) -> None:
        deliver(self.failed(outcome) if isinstance(outcome, Exception) else self._result(outcome, origin, as_text))

    def _rotation(self, body: bytes | None, origin: str, deliver: Deliver) -> None:
        message, as_text = self._message(body, origin)
        if message is None:
            deliver(self._oversized(origin, as_text))
        else:
            self._later(self._rotated(message, origin, as_text), deliver)

    async def _rotated(self, message: bytes, origin: str, as_text: bool) -> Answer:
        return self._result(await self._ingest.rotate(message), origin, as_text)

    def _challenge(self, body: bytes | None, origin: str, deliver: Deliver) -> None:
        self._require_address(origin)
        kid, as_text = text_form.read(body or b"")
        if len(kid) != claims.KID_OCTETS:
            raise Problem(400, "kid-invalid", f"Send the key id, {claims.KID_OCTETS} octets, as the body.")
        self._require_device(kid, origin)
        deliver(_in_form(self._ingest.challenge(kid), as_text))

    def _batch(self, body: bytes | None, origin: str, deliver: Deliver) -> None:
        messages = [] if body is None else split(body)
        if body is None or len(messages) > BATCH_MESSAGES:
            words = f"A batch has at most {BATCH_MESSAGES} messages and {BATCH_OCTETS} octets."
            raise Problem(413, "batch-too-large", words)
        self._require_address(origin, len(messages))
        self._later(self._batched(messages, origin), deliver)

    async def _batched(self, messages: list[bytes], origin: str) -> Answer:
        with traces.span("batch", messages=len(messages)):
            results = await self._ingest.many(messages)
        self._throttle.refused(origin, self._clock(), sum(result.message_id is not None for result in results))
        return Answer(b"".join(map(self._ingest.answer, results)), media_type=_CBOR_SEQUENCE)

    def _later(self, work: Coroutine[Any, Any, Answer], deliver: Deliver) -> None:
        task = asyncio.create_task(self._deliver(work, deliver))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, work: Coroutine[Any, Any, Answer], deliver: Deliver) -> None:
        try:
            answer = await work
        except Exception as e:  # noqa: BLE001 - as in `post`
            answer = self.failed(e)
        deliver(answer)

    def _message(self, body: bytes | None, origin: str) -> tuple[bytes | None, bool]:
        """The message, None when it is too long, and whether it came as text. Raises Problem when it is not its
        sender's turn."""
        self._require_address(origin)
        if body is None:
            return None, False
        message, as_text = text_form.read(body)
        if len(message) > claims.MAX_OCTETS:
            return None, as_text
        kid = key_id(message)
        if kid is not None:
            self._require_device(kid, origin)
        return message, as_text

    def _require_address(self, origin: str, messages: int = 1) -> None:
        if origin:
            wait_s = self._throttle.address_wait_s(origin, self._clock(), messages)
            if wait_s:
                raise _too_many("address-rate", "This address", wait_s)

    def _require_device(self, kid: bytes, origin: str) -> None:
        wait_s = self._throttle.device_wait_s(kid, origin, self._clock())
        if wait_s:
            raise _too_many("device-rate", "This device", wait_s)

    def _oversized(self, origin: str, as_text: bool) -> Answer:
        result = self._ingest.noted(refused(Reason.OVERSIZED, None))
        return self._result(result, origin, as_text)._replace(status=413)

    def _result(self, result: Result, origin: str, as_text: bool) -> Answer:
        answer = _in_form(self._ingest.answer(result), as_text)
        if result.message_id is None:
            return answer
        self._throttle.refused(origin, self._clock())
        return answer._replace(more=b"x-message-id: %b\r\n" % result.message_id.encode())


def _in_form(body: bytes, as_text: bool) -> Answer:
    return Answer(text_form.write(body, True), media_type=_TEXT) if as_text else Answer(body)


def _too_many(code: str, who: str, wait_s: float) -> Problem:
    return Problem(429, code, f"{who} sends too much; send it again later.", retry_after_s=math.ceil(wait_s))


def _problem(problem: Problem) -> Answer:
    response = problem.response()
    more = b"".join(
        b"%b: %b\r\n" % header
        for header in response.raw_headers
        if header[0] not in (b"content-length", b"content-type")
    )
    return Answer(bytes(response.body), problem.status, MEDIA_TYPE.encode(), more)
