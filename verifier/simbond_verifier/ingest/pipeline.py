"""From a message's octets to its result: decode, verify, decide, durable; then answered."""

import asyncio
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from time import time
from typing import TypeVar

import cbor2
import structlog

from simbond_agent import claims

from .. import freshness
from ..enrolment import read_rotation
from ..envelope import BadEvidence, Envelope, open_envelope, verify
from ..metrics import Metrics
from ..p256 import load_key
from ..reasons import Reason, Tier
from ..store.database import Database
from ..store.group_commit import GroupCommit, StoreBusy
from ..store.lookup import Lookup
from .decide import Decider
from .result import UNBOUND_INTERVAL_S, Result, refused
from .rotate import rotate
from .settling import TOGETHER, Claim, Key, Settling

log = structlog.get_logger("simbond.ingest")

_KEYS = 100_000
# A retired key proves nothing any more, but who signs with it is worth knowing.
_POINT = "SELECT point FROM device WHERE kid = ? UNION ALL SELECT point FROM retired_key WHERE kid = ?"

T = TypeVar("T")


class Ingest:
    """Takes Evidence in. Every transport (HTTP, gateways, brokers) hands its messages to `one` or `many`."""

    def __init__(
        self,
        database: Database,
        writer: GroupCommit,
        decider: Decider,
        secret: bytes,
        metrics: Metrics,
        *,
        on_accusation: Callable[[], None] = lambda: None,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time,
    ) -> None:
        """on_accusation, on_change: called after the commit, when the network view or the outbox has work."""
        self._writer = writer
        self._settling = Settling(writer, decider.decide)
        self._fetching: set[asyncio.Task[None]] = set()
        self._secret = secret
        self._metrics = metrics
        self._on_accusation = on_accusation
        self._on_change = on_change
        self._clock = clock
        self._points = Lookup(database, _POINT)
        self._keys: dict[bytes, Key] = {}

    def close(self) -> None:
        self._settling.close()
        self._points.close()

    def take(self, message: bytes, deliver: Callable[[Result | Exception], None]) -> None:
        """deliver is called, now or later, with the result of the message, durable; or with StoreBusy,
        StoreUnavailable or a fault of our own: then nothing was written."""
        now = self._clock()
        try:
            envelope = open_envelope(message)
        except BadEvidence as e:
            deliver(self.noted(refused(e.reason, e.kid)))
            return
        key = self._keys.get(envelope.kid)
        if key is not None:
            self._submit(Claim(envelope, key, message, now), deliver)
            return
        # The key has to be fetched, perhaps from another host.
        task = asyncio.create_task(self._take_strange(envelope, message, now, deliver))
        self._fetching.add(task)
        task.add_done_callback(self._fetching.discard)

    async def _take_strange(
        self, envelope: Envelope, message: bytes, now: float, deliver: Callable[[Result | Exception], None]
    ) -> None:
        try:
            self._writer.require_room(len(self._fetching))
            self._submit(Claim(envelope, await self._key(envelope.kid), message, now), deliver)
        except BadEvidence as e:
            deliver(self.noted(refused(e.reason, e.kid)))
        except Exception as e:  # noqa: BLE001 - it belongs to whoever handed the message in
            deliver(e)

    def _submit(self, claim: Claim, deliver: Callable[[Result | Exception], None]) -> None:
        try:
            self._settling.submit([claim], partial(self._settled, deliver))
        except StoreBusy as e:
            deliver(e)

    def _settled(self, deliver: Callable[[Result | Exception], None], outcome: list[Result] | Exception) -> None:
        deliver(outcome if isinstance(outcome, Exception) else self.noted(outcome[0]))

    async def one(self, message: bytes) -> Result:
        """The same to wait for. Raises what `take` delivers."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.take(message, partial(_fulfil, future))
        return await future

    async def many(self, messages: Sequence[bytes]) -> list[Result]:
        """The results of several messages, in their order, all durable. Raises as `one` does."""
        now = self._clock()
        results: list[Result | None] = []
        unproved: list[Claim] = []
        for message in messages:
            try:
                envelope = open_envelope(message)
                key = self._keys.get(envelope.kid) or await self._key(envelope.kid)
                unproved.append(Claim(envelope, key, message, now))
                results.append(None)
            except BadEvidence as e:
                results.append(refused(e.reason, e.kid))
        self._settling.require_room(len(unproved))
        parts: list[asyncio.Future[list[Result]]] = []
        for start in range(0, len(unproved), TOGETHER):
            parts.append(asyncio.get_running_loop().create_future())
            self._settling.submit(unproved[start : start + TOGETHER], partial(_fulfil, parts[-1]))
        decided = iter([result for part in await asyncio.gather(*parts) for result in part])
        return [self.noted(next(decided) if r is None else r) for r in results]

    async def rotate(self, message: bytes) -> Result:
        """The result of a device's wish for its next key, durable. Raises as `one` does."""
        now = self._clock()
        try:
            envelope = open_envelope(message)
            key = await self._key(envelope.kid)
            verify(envelope, key.public)
            asked = read_rotation(envelope)
        except BadEvidence as e:
            return self.noted(refused(e.reason, e.kid))
        kid = envelope.kid
        result = await self._writer.submit(
            lambda connection: rotate(connection, self._secret, kid, asked, message, now)
        )
        if result.tier is Tier.AFFIRMING:
            self.forget(kid)
            log.info("key rotated", kid=kid.hex(), successor=asked.successor.kid.hex())
        return self.noted(result)

    def answer(self, result: Result) -> bytes:
        """A result as the device reads it (docs/evidence.cddl)."""
        fields = _fields(result.tier, result.reasons, result.interval_s, result.kid is not None)
        if result.kid is None:
            return fields
        return fields + freshness.issue(self._secret, result.kid, self._clock())

    def challenge(self, kid: bytes) -> bytes:
        """The answer to a challenge request: a nonce, and no verdict. It is the same for keys that nobody knows."""
        return self.answer(Result(Tier.NONE, (), UNBOUND_INTERVAL_S, kid))

    def forget(self, kid: bytes) -> None:
        """Drops a key from the cache, after it was revoked or rotated."""
        self._keys.pop(kid, None)

    async def _key(self, kid: bytes) -> Key:
        key = self._keys.get(kid)
        if key is None:
            row = await self._points.first(kid, kid)
            if row is None:
                raise BadEvidence(Reason.KEY_UNKNOWN, kid)
            if len(self._keys) >= _KEYS:
                self._keys.pop(next(iter(self._keys)))
            key = self._keys[kid] = Key(bytes(row[0]), load_key(row[0]))
        return key

    def noted(self, result: Result) -> Result:
        """Counts and logs a result, and wakes whoever has work from it."""
        self._metrics.count(result.tier, result.reasons)
        if result.tier is not Tier.AFFIRMING:
            log.info(
                "evidence",
                tier=result.tier.name.lower(),
                reasons=list(result.reasons),
                kid=result.kid.hex() if result.kid else None,
                evidence=result.evidence_id,
                message=result.message_id,
            )
        if result.accused:
            self._on_accusation()
        if result.changed:
            self._on_change()
        return result


@lru_cache(maxsize=4096)
def _fields(tier: Tier, reasons: tuple[Reason, ...], interval_s: int, with_nonce: bool) -> bytes:
    """A result up to its nonce: the same for most answers."""
    fields = {1: int(tier), 2: list(reasons), 4: interval_s}
    if not with_nonce:
        return cbor2.dumps(fields)
    return cbor2.dumps(fields | {claims.NONCE: bytes(claims.NONCE_OCTETS)})[: -claims.NONCE_OCTETS]


def _fulfil(future: "asyncio.Future[T]", outcome: T | Exception) -> None:
    if future.done():  # whoever waited has gone
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
