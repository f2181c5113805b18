"""From claims to results: signatures checked, decided, durable; many at a time (docs/adr/verifying-threads.md)."""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import structlog
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from sqlalchemy import Connection

from ..evidence import BadEvidence, Envelope, read_claims, verify
from ..store.group_commit import GroupCommit, StoreBusy, StoreUnavailable
from .decide import Result, Verified, refused

log = structlog.get_logger("simbond.ingest")

TOGETHER = 256
"""Messages that are settled in one go, about: as many as share a transaction."""
_WORTH_A_THREAD = 50  # a hop to a thread and back costs as much as some signatures
_AHEAD = 2  # chunks at the threads, so that they need not wait for the event loop

Decide = Callable[[Connection, list[Verified]], list[Result]]
Deliver = Callable[[list[Result] | Exception], None]


class Claim(NamedTuple):
    """A message whose key is known and whose signature is not checked yet."""

    envelope: Envelope
    key: EllipticCurvePublicKey
    message: bytes
    at: float


class _Part:
    """What one caller handed in, and is answered together."""

    __slots__ = ("checked", "claims", "deliver")

    def __init__(self, claims: list[Claim], deliver: Deliver) -> None:
        self.claims = claims
        self.deliver = deliver
        self.checked: list[Verified | Result] | None = None

    def check(self) -> list[Verified | Result]:
        if self.checked is None:
            self.checked = [_check(claim) for claim in self.claims]
        return self.checked


class Settling:
    """Settles claims in the order in which they came."""

    def __init__(self, writer: GroupCommit, decide: Decide, threads: int | None = None) -> None:
        """threads: that check signatures; as many as there are cores unless given. One is none: it would only take
        turns with the event loop."""
        self._writer = writer
        self._decide = decide
        self._threads = (len(os.sched_getaffinity(0)) if threads is None else threads) if _HAS_CORES else 1
        self._pool = ThreadPoolExecutor(self._threads, "verify") if self._threads > 1 else None
        self._parts: deque[_Part] = deque()
        self._weight = 0  # of the parts
        self._at_threads: deque[tuple[list[_Part], asyncio.Future[list[list[Verified | Result]]]]] = deque()
        self._called = False

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def require_room(self, weight: int) -> None:
        """Raises StoreBusy where so much would not be taken now."""
        self._writer.require_room(self._weight + weight)

    def submit(self, claims: list[Claim], deliver: Deliver) -> None:
        """deliver is called with a result for each, once they are durable, or with what kept them from that:
        StoreBusy, StoreUnavailable, or a fault of our own. Raises StoreBusy."""
        self.require_room(len(claims))
        self._parts.append(_Part(claims, deliver))
        self._weight += len(claims)
        if not self._called:
            # Everything that arrives within one turn of the loop goes on together.
            self._called = True
            asyncio.get_running_loop().call_soon(self._hand_on)

    def _hand_on(self) -> None:
        self._called = False
        while self._parts and len(self._at_threads) < _AHEAD:
            chunk, weight = self._next_chunk()
            if self._pool is None or (weight < _WORTH_A_THREAD and not self._at_threads):
                self._commit(chunk)
            else:
                self._check_in_threads(chunk, self._pool)

    def _next_chunk(self) -> tuple[list[_Part], int]:
        chunk: list[_Part] = []
        weight = 0
        while self._parts and weight < TOGETHER:
            part = self._parts.popleft()
            chunk.append(part)
            weight += len(part.claims)
        self._weight -= weight
        return chunk, weight

    def _check_in_threads(self, chunk: list[_Part], pool: ThreadPoolExecutor) -> None:
        claims = [claim for part in chunk for claim in part.claims]
        size = -(-len(claims) // self._threads)
        loop = asyncio.get_running_loop()
        slices = [claims[at : at + size] for at in range(0, len(claims), size)]
        done = asyncio.gather(*(loop.run_in_executor(pool, _check_all, some) for some in slices))
        self._at_threads.append((chunk, done))
        done.add_done_callback(self._checked)

    def _checked(self, _: object) -> None:
        while self._at_threads and self._at_threads[0][1].done():
            chunk, done = self._at_threads.popleft()
            found = iter([outcome for some in done.result() for outcome in some])
            for part in chunk:
                part.checked = [next(found) for _ in part.claims]
            self._commit(chunk)
        self._hand_on()

    def _commit(self, chunk: list[_Part]) -> None:
        try:
            future = self._writer.submit_item(self._settle, chunk, sum(len(part.claims) for part in chunk))
        except StoreBusy as e:
            _deliver(chunk, e)
        else:
            future.add_done_callback(partial(self._settled, chunk))

    def _settle(self, connection: Connection, chunks: list[list[_Part]]) -> list[list[list[Result]]]:
        """A handler of the group commit. Where there are no threads, signatures are checked here, one right after the
        other, because the tables of ECDSA then stay in the processor's cache: that is worth a third of the
        throughput."""
        good = [found for chunk in chunks for part in chunk for found in part.check() if type(found) is Verified]
        decided = iter(self._decide(connection, good))
        return [
            [[next(decided) if isinstance(found, Verified) else found for found in part.check()] for part in chunk]
            for chunk in chunks
        ]

    def _settled(self, chunk: list[_Part], future: "asyncio.Future[list[list[Result]]]") -> None:
        e = future.exception()
        if e is None:
            for part, results in zip(chunk, future.result(), strict=True):
                _deliver([part], results)
        elif len(chunk) == 1 or isinstance(e, StoreBusy | StoreUnavailable) or not isinstance(e, Exception):
            _deliver(chunk, e)
        else:  # each on its own, so that the guilty one fails alone
            for part in chunk:
                self._commit([part])


_HAS_CORES = hasattr(os, "sched_getaffinity")


def _check(claim: Claim) -> Verified | Result:
    envelope, key, message, at = claim
    try:
        verify(envelope, key)
        return Verified(read_claims(envelope), message, at)
    except BadEvidence as e:
        return refused(e.reason, e.kid)


def _check_all(claims: list[Claim]) -> list[Verified | Result]:
    return [_check(claim) for claim in claims]


def _deliver(parts: list[_Part], outcome: "list[Result] | BaseException") -> None:
    for part in parts:
        try:
            part.deliver(outcome if isinstance(outcome, list | Exception) else RuntimeError(str(outcome)))
        except Exception:  # whoever is next in line has no part in it
            log.exception("a result could not be delivered")
