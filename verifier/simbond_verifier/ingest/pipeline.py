"""From a message's octets to its result: decode, verify, decide, durable; then answered."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from time import time
from typing import NamedTuple

import cbor2
import structlog
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from sqlalchemy import Connection

from simbond_agent import claims

from .. import freshness
from ..evidence import BadEvidence, Envelope, load_key, open_envelope, read_claims, read_rotation, verify
from ..metrics import Metrics
from ..reasons import Reason, Tier
from ..store.database import Database
from ..store.group_commit import GroupCommit
from .decide import UNBOUND_INTERVAL_S, Decider, Result, Verified, refused
from .rotate import rotate

log = structlog.get_logger("simbond.ingest")

_KEYS = 100_000
# A retired key proves nothing any more, but who signs with it is worth knowing.
_POINT = "SELECT point FROM device WHERE kid = ? UNION ALL SELECT point FROM retired_key WHERE kid = ?"
_TOGETHER = 256  # messages of a batch that are settled in one go


class _Claim(NamedTuple):
    """A message whose key is known and whose signature is not checked yet."""

    envelope: Envelope
    key: EllipticCurvePublicKey
    message: bytes
    at: float


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
        self._decide = decider.decide
        self._secret = secret
        self._metrics = metrics
        self._on_accusation = on_accusation
        self._on_change = on_change
        self._clock = clock
        self._reader = database.engine.raw_connection()
        self._keys: dict[bytes, EllipticCurvePublicKey] = {}

    def close(self) -> None:
        self._reader.close()

    async def one(self, message: bytes) -> Result:
        """The result of one message, durable. Raises StoreBusy and StoreUnavailable: then nothing was written."""
        try:
            claim = self._open(message, self._clock())
        except BadEvidence as e:
            return self.noted(refused(e.reason, e.kid))
        return self.noted(await self._writer.submit_item(self._settle, claim))

    async def many(self, messages: Sequence[bytes]) -> list[Result]:
        """The results of several messages, in their order, all durable. Raises as `one` does."""
        now = self._clock()
        results: list[Result | None] = []
        unproved: list[_Claim] = []
        for message in messages:
            try:
                unproved.append(self._open(message, now))
                results.append(None)
            except BadEvidence as e:
                results.append(refused(e.reason, e.kid))
        parts = [unproved[start : start + _TOGETHER] for start in range(0, len(unproved), _TOGETHER)]
        self._writer.require_room(len(unproved))
        settled = [self._writer.submit_item(self._settle_parts, part, len(part)) for part in parts]
        decided = iter([result for part in settled for result in await part])
        return [self.noted(next(decided) if r is None else r) for r in results]

    async def rotate(self, message: bytes) -> Result:
        """The result of a device's wish for its next key, durable. Raises as `one` does."""
        now = self._clock()
        try:
            envelope, key, _, _ = self._open(message, now)
            verify(envelope, key)
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

    def _open(self, message: bytes, now: float) -> _Claim:
        envelope = open_envelope(message)
        return _Claim(envelope, self._key(envelope.kid), message, now)

    def _settle(self, connection: Connection, unproved: list[_Claim]) -> list[Result]:
        """A handler of the group commit. Signatures are checked one right after the other, because the tables of ECDSA
        then stay in the processor's cache: that is worth a third of the throughput."""
        results: list[Result | None] = []
        good: list[Verified] = []
        for envelope, key, message, at in unproved:
            try:
                verify(envelope, key)
                good.append(Verified(read_claims(envelope), message, at))
                results.append(None)
            except BadEvidence as e:
                results.append(refused(e.reason, e.kid))
        decided = iter(self._decide(connection, good))
        return [next(decided) if r is None else r for r in results]

    def _settle_parts(self, connection: Connection, parts: list[list[_Claim]]) -> list[list[Result]]:
        """The same for parts of batches."""
        results = iter(self._settle(connection, [claim for part in parts for claim in part]))
        return [[next(results) for _ in part] for part in parts]

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

    def _key(self, kid: bytes) -> EllipticCurvePublicKey:
        key = self._keys.get(kid)
        if key is None:
            row = self._reader.cursor().execute(_POINT, (kid, kid)).fetchone()
            if row is None:
                raise BadEvidence(Reason.KEY_UNKNOWN, kid)
            if len(self._keys) >= _KEYS:
                self._keys.pop(next(iter(self._keys)))
            key = self._keys[kid] = load_key(row[0])
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
