"""The device endpoints as plain ASGI: this is the path of every Evidence, and a framework would cost as much as the
signature (docs/adr/plain-asgi-ingest.md).

    POST /v1/evidence        one COSE_Sign1                -> one result
    POST /v1/evidence/batch  a CBOR sequence of them       -> a CBOR sequence of results, in the same order
    POST /v1/challenge       the key id, 8 octets          -> a result with a nonce and no verdict
    POST /v1/rotation        the next key, endorsed by the present one -> a result with a nonce for the next key

A single message may come in base64 (ingest/text_form.py).
"""

from collections.abc import Awaitable, Callable

from starlette.types import Receive, Scope, Send

from simbond_agent import claims

from ..evidence import split
from ..ingest import text_form
from ..ingest.decide import Result, refused
from ..ingest.pipeline import Ingest
from ..reasons import Reason
from ..store.group_commit import StoreBusy, StoreUnavailable
from .patience import Patience
from .problems import Problem, send_problem

BATCH_MESSAGES = 1000
BATCH_OCTETS = 256 * 1024
PATIENCE_S = 30

_CBOR = (b"content-type", b"application/cbor")
_CBOR_SEQUENCE = (b"content-type", b"application/cbor-seq")
_TEXT = (b"content-type", b"text/plain")
PATHS = frozenset({"/v1/evidence", "/v1/evidence/batch", "/v1/challenge", "/v1/rotation"})


class DeviceApi:
    """The ASGI application for the paths in PATHS."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest
        self._patience = Patience(PATIENCE_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if scope["method"] != "POST":
            problem = Problem(405, "method-not-allowed", f"{path} takes POST only.", headers={"allow": "POST"})
            await send_problem(send, problem)
            return
        try:
            if path == "/v1/evidence":
                await self._message(self._ingest.one, receive, send)
            elif path == "/v1/rotation":
                await self._message(self._ingest.rotate, receive, send)
            elif path == "/v1/challenge":
                await self._challenge(receive, send)
            else:
                await self._batch(receive, send)
        except Problem as e:
            await send_problem(send, e)
        except StoreBusy as e:
            await send_problem(send, Problem(503, "busy", f"{e}; send it again later.", retry_after_s=2))
        except StoreUnavailable as e:
            problem = Problem(
                503, "store-unavailable", f"The database took nothing ({e}); send it again later.", retry_after_s=30
            )
            await send_problem(send, problem)

    async def _message(self, take: Callable[[bytes], Awaitable[Result]], receive: Receive, send: Send) -> None:
        body = await self._body(receive, text_form.MAX_OCTETS)
        message, as_text = (None, False) if body is None else text_form.read(body)
        if message is None or len(message) > claims.MAX_OCTETS:
            status, result = 413, self._ingest.noted(refused(Reason.OVERSIZED, None))
        else:
            status, result = 200, await take(message)
        answer = self._ingest.answer(result)
        await _answer(send, answer, as_text=as_text, status=status, message_id=result.message_id)

    async def _batch(self, receive: Receive, send: Send) -> None:
        body = await self._body(receive, BATCH_OCTETS)
        messages = [] if body is None else split(body)
        if body is None or len(messages) > BATCH_MESSAGES:
            raise Problem(
                413, "batch-too-large", f"A batch has at most {BATCH_MESSAGES} messages and {BATCH_OCTETS} octets."
            )
        results = await self._ingest.many(messages)
        await _answer(send, b"".join(map(self._ingest.answer, results)), media_type=_CBOR_SEQUENCE)

    async def _challenge(self, receive: Receive, send: Send) -> None:
        kid, as_text = text_form.read(await self._body(receive, text_form.MAX_OCTETS) or b"")
        if len(kid) != claims.KID_OCTETS:
            raise Problem(400, "kid-invalid", f"Send the key id, {claims.KID_OCTETS} octets, as the body.")
        await _answer(send, self._ingest.challenge(kid), as_text=as_text)

    async def _body(self, receive: Receive, limit: int) -> bytes | None:
        try:
            return await self._patience.wait(_whole_body(receive, limit))
        except TimeoutError:
            raise Problem(408, "too-slow", f"The message did not come within {PATIENCE_S} s.") from None


async def _whole_body(receive: Receive, limit: int) -> bytes | None:
    """The request's body, None when it is longer than the limit. Raises Problem when the client goes away."""
    event = await receive()
    body: bytes = event.get("body", b"")
    while event.get("more_body", False):
        if len(body) > limit:
            return None
        event = await receive()
        body += event.get("body", b"")
    if event["type"] != "http.request":
        raise Problem(400, "incomplete", "The connection ended before the message did.")
    return body if len(body) <= limit else None


async def _answer(
    send: Send,
    body: bytes,
    *,
    status: int = 200,
    media_type: tuple[bytes, bytes] = _CBOR,
    as_text: bool = False,
    message_id: str | None = None,
) -> None:
    body = text_form.write(body, as_text)
    headers = [_TEXT if as_text else media_type, (b"content-length", b"%d" % len(body))]
    if message_id is not None:
        headers.append((b"x-message-id", message_id.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
