"""From claims to results: signatures checked, decided, durable; many at a time (docs/adr/verifying-processes.md)."""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from .. import p256
from ..envelope import BadEvidence, Envelope, digest
from ..evidence import read_claims
from ..reasons import Reason
from ..store.group_commit import GroupCommit, StoreBusy, StoreUnavailable
from .checkers import Checkers
from .result import Result, Verified, refused

log = structlog.get_logger("simbond.ingest")

TOGETHER = 256
"""Messages that are settled in one go, about: as many as share a transaction."""
_WORTH_ASKING = 50  # the way to another process and back costs as much as some signatures
_SOME = 16  # signatures between two looks at whether something else has to be done
_AHEAD = 3  # chunks at the other processes, so that they need not wait for the event loop

Decide = Callable[[Connection, list[Verified]], list[Result]]
Deliver = Callable[[list[Result] | Exception], None]


class Key(NamedTuple):
    """A device's key, twice."""

    point: bytes
    """Uncompressed, 65 octets."""
    public: p256.Key


class Claim(NamedTuple):
    """A message whose key is known and whose signature is not checked yet."""

    envelope: Envelope
    key: Key
    message: bytes
    at: float


class _Part:
    """What one caller handed in, and is answered together."""

    __slots__ = ("claims", "deliver", "found")

    def __init__(self, claims: list[Claim], deliver: Deliver) -> None:
        self.claims = claims
        self.deliver = deliver
        self.found: list[Verified | Result] = []
        """What the claims came to, as many of them as are checked."""

    def check(self, at_most: int) -> int:
        begin = len(self.found)
        found = [_read(claim, _is_signed(claim)) for claim in self.claims[begin : begin + at_most]]
        self.found += found
        return len(found)


class _Chunk:
    """Parts that are settled together."""

    __slots__ = ("_unchecked", "parts", "weight")

    def __init__(self, parts: list[_Part]) -> None:
        self.parts = parts
        self.weight = sum(len(part.claims) for part in parts)
        self._unchecked = deque(parts)

    def check(self, at_most: int | None = None) -> int:
        """Checks signatures that are not checked yet: one right after the other, because the tables of ECDSA then stay
        in the processor's cache, which is worth a third of the throughput. Returns how many."""
        left = most = self.weight if at_most is None else at_most
        while left and self._unchecked:
            part = self._unchecked[0]
            left -= part.check(left)
            if len(part.found) == len(part.claims):
                self._unchecked.popleft()
        return most - left

    def records(self) -> list[bytes]:
        """For another process: see checker.py."""
        return [_record(claim) for part in self.parts for claim in part.claims]

    def take(self, answer: bytes) -> None:
        """What the other process said."""
        good = iter(answer)
        for part in self.parts:
            part.found = [_read(claim, next(good) == 1) for claim in part.claims]
        self._unchecked.clear()


class Settling:
    """Settles claims in the order in which they came."""

    def __init__(self, writer: GroupCommit, decide: Decide, processes: int | None = None) -> None:
        """processes: that check signatures; unless given as many as there are cores, and on one core none, which
        would only take turns with this one."""
        self._writer = writer
        self._decide = decide
        self._checkers = Checkers(_worth_having() if processes is None else processes)
        self._parts: deque[_Part] = deque()
        self._weight = 0  # of the parts
        self._asked: deque[tuple[_Chunk, asyncio.Future[bytes]]] = deque()
        self._called = False

    def close(self) -> None:
        self._checkers.close()

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
        while self._parts and len(self._asked) < _AHEAD:
            chunk = self._next_chunk()
            if self._asked or (chunk.weight >= _WORTH_ASKING and self._checkers.are_ready()):
                self._ask(chunk)
            else:
                self._commit(chunk)

    def _next_chunk(self) -> _Chunk:
        parts: list[_Part] = []
        weight = 0
        while self._parts and weight < TOGETHER:
            part = self._parts.popleft()
            parts.append(part)
            weight += len(part.claims)
        self._weight -= weight
        return _Chunk(parts)

    def _ask(self, chunk: _Chunk) -> None:
        answer = asyncio.ensure_future(self._checkers.check(chunk.records()))
        self._asked.append((chunk, answer))
        answer.add_done_callback(self._answered)

    def _answered(self, _: object) -> None:
        while self._asked and self._asked[0][1].done():
            chunk, answer = self._asked.popleft()
            if not answer.cancelled() and answer.exception() is None:
                with suppress(Exception):  # `_settle` meets it again, and tells it to whom it belongs
                    chunk.take(answer.result())
            self._commit(chunk)
        self._hand_on()

    def _commit(self, chunk: _Chunk) -> None:
        try:
            future = self._writer.submit_item(self._settle, chunk, chunk.weight, _check_some)
        except StoreBusy as e:
            _deliver(chunk.parts, e)
        else:
            future.add_done_callback(partial(self._settled, chunk))

    def _settle(self, connection: Connection, chunks: list[_Chunk]) -> list[list[list[Result]]]:
        """A handler of the group commit. What nobody has checked yet is checked here."""
        for chunk in chunks:
            chunk.check()
        parts = [part for chunk in chunks for part in chunk.parts]
        good = [found for part in parts for found in part.found if type(found) is Verified]
        decided = iter(self._decide(connection, good))
        return [
            [[next(decided) if isinstance(found, Verified) else found for found in part.found] for part in chunk.parts]
            for chunk in chunks
        ]

    def _settled(self, chunk: _Chunk, future: "asyncio.Future[list[list[Result]]]") -> None:
        e = future.exception()
        if e is None:
            for part, results in zip(chunk.parts, future.result(), strict=True):
                _deliver([part], results)
        elif len(chunk.parts) == 1 or isinstance(e, StoreBusy | StoreUnavailable) or not isinstance(e, Exception):
            _deliver(chunk.parts, e)
        else:  # each on its own, so that the guilty one fails alone
            for part in chunk.parts:
                self._commit(_Chunk([part]))


def _check_some(chunk: _Chunk) -> bool:
    """Begins with what `_settle` would do: see GroupCommit.submit_item."""
    try:
        return chunk.check(_SOME) > 0
    except Exception:  # noqa: BLE001 - `_settle` meets it again, and tells it to whom it belongs
        return False


def _worth_having() -> int:
    if not hasattr(os, "sched_getaffinity"):  # nor is every way to another process there
        return 0
    cores = len(os.sched_getaffinity(0))
    return cores if cores > 1 else 0


def _record(claim: Claim) -> bytes:
    """See checker.py."""
    return b"%b%b%b" % (claim.key.point, claim.envelope.signature, digest(claim.envelope))


def _is_signed(claim: Claim) -> bool:
    return claim.key.public.is_signature(claim.envelope.signature, digest(claim.envelope))


def _read(claim: Claim, is_signed: bool) -> Verified | Result:
    envelope, _, message, at = claim
    if not is_signed:
        return refused(Reason.SIGNATURE_INVALID, envelope.kid)
    try:
        return Verified(read_claims(envelope), message, at)
    except BadEvidence as e:
        return refused(e.reason, e.kid)


def _deliver(parts: list[_Part], outcome: "list[Result] | BaseException") -> None:
    for part in parts:
        try:
            part.deliver(outcome if isinstance(outcome, list | Exception) else RuntimeError(str(outcome)))
        except Exception:  # whoever is next in line has no part in it
            log.exception("a result could not be delivered")
