"""Signatures checked by other processes: the same results in the same order, also where a process ends in the midst."""

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from simbond_verifier.envelope import Envelope, digest
from simbond_verifier.evidence import Evidence, read_claims
from simbond_verifier.ingest import checker, checkers
from simbond_verifier.ingest.result import Result
from simbond_verifier.ingest.settling import Claim, Settling
from simbond_verifier.reasons import Reason, Tier
from simbond_verifier.store.database import Database
from simbond_verifier.store.group_commit import GroupCommit
from support.claims import claim, tell

MANY = 120
UNREADABLE = claim()


def record(of: Claim) -> bytes:
    return of.key.point + of.envelope.signature + digest(of.envelope)


def settled(folder: Path, work: Callable[[Settling], Awaitable[None]]) -> None:
    """Runs work on a Settling with two processes, which affirms what is signed."""

    async def run() -> None:
        database = Database(folder / "simbond.db")
        writer = GroupCommit(database)
        writer.start()
        settling = Settling(
            writer, lambda _, good: [Result(Tier.AFFIRMING, (), 0, v.evidence.kid) for v in good], processes=2
        )
        try:
            await work(settling)
        finally:
            await writer.stop()
            settling.close()
            database.close()

    asyncio.run(run())


async def processes(settling: Settling) -> list[Any]:
    """Once they are at work."""
    async with asyncio.timeout(60):
        while not settling._checkers.are_ready():  # noqa: ASYNC110 - they tell nobody
            await asyncio.sleep(0.01)
    return settling._checkers._processes


def signed(results: list[Result]) -> list[bool]:
    assert all(r.tier is Tier.AFFIRMING or r.reasons == (Reason.SIGNATURE_INVALID,) for r in results)
    return [r.tier is Tier.AFFIRMING for r in results]


async def in_order(settling: Settling) -> None:
    await processes(settling)
    wanted = [[(n + chunk) % 7 != 0 for n in range(MANY)] for chunk in range(6)]
    order: list[int] = []

    async def one(number: int) -> None:
        assert signed(await tell(settling, [claim(good) for good in wanted[number]])) == wanted[number]
        order.append(number)

    await asyncio.gather(*map(one, range(6)))
    assert order == sorted(order)


async def one_ends(settling: Settling) -> None:
    before = list(await processes(settling))
    before[0]._process.kill()
    before[0]._process.wait()
    wanted = [n % 5 != 0 for n in range(MANY)]
    assert signed(await tell(settling, [claim(good) for good in wanted])) == wanted
    assert not set(before) & set(await processes(settling))
    assert signed(await tell(settling, [claim(good) for good in wanted])) == wanted


async def one_cannot_be_read(settling: Settling) -> None:
    await processes(settling)
    outcomes = await asyncio.gather(
        tell(settling, [claim() for _ in range(MANY)]), tell(settling, [UNREADABLE]), return_exceptions=True
    )
    assert signed(outcomes[0]) == [True] * MANY  # type: ignore[arg-type]
    assert isinstance(outcomes[1], LookupError)


async def none_can_start(settling: Settling) -> None:
    for _ in range(3):
        assert signed(await tell(settling, [claim() for _ in range(MANY)])) == [True] * MANY
    assert not settling._checkers.are_ready()


def test_results_come_in_order(tmp_path: Path) -> None:
    settled(tmp_path, in_order)


def test_nothing_is_lost_with_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkers, "_AGAIN_S", 0.0)
    settled(tmp_path, one_ends)


def test_a_fault_of_our_own_is_told_to_whom_it_belongs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(envelope: Envelope) -> Evidence:
        if envelope is UNREADABLE.envelope:
            raise LookupError
        return read_claims(envelope)

    monkeypatch.setattr("simbond_verifier.ingest.settling.read_claims", faulty)
    settled(tmp_path, one_cannot_be_read)


def test_where_no_process_can_be_started_signatures_are_checked_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    settled(tmp_path, none_can_start)


def test_the_process_itself() -> None:
    good, bad = record(claim()), record(claim(good=False))
    source = io.BytesIO(b"\x00\x00\x00\x03" + good + bad + good + b"\x00\x00\x00\x01" + bad)
    sink = io.BytesIO()
    checker.serve(source, sink)
    assert sink.getvalue() == checker.READY + b"\x01\x00\x01" + b"\x00"
