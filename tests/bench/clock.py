"""What time does to a large fleet: a sweep that finds silent cards, and second checks that run out together; and how
long Evidence waits meanwhile."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, func, select, update

from simbond_verifier.freshness import issue
from simbond_verifier.ingest.decide import Decider
from simbond_verifier.ingest.pipeline import Ingest
from simbond_verifier.metrics import Metrics
from simbond_verifier.policy import BlastRadius, Policy
from simbond_verifier.scenario import Scenarios, parse
from simbond_verifier.store.database import Database, upsert
from simbond_verifier.store.group_commit import GroupCommit
from simbond_verifier.store.schema import card, device, event, setting
from simbond_verifier.workers import deadlines
from simbond_verifier.workers.deadlines import Deadlines
from simbond_verifier.workers.watch import Watch
from support.attester import Attester

from .fleet import SCENARIO

T = TypeVar("T")

SILENT = 1000
OVERDUE = 1000
MONTH_S = 30 * 86400.0
SCENARIOS = Scenarios([parse(SCENARIO + '[ladder]\nsilent = "alert"\n', "bench")])
POLICY = Policy(blast_radius=BlastRadius(number=10 * OVERDUE, total_number=10 * OVERDUE))


async def measure(folder: Path, attesters: list[Attester], secret: bytes, cards: int) -> dict[str, float]:
    """sweep_s and sweep_stall_ms, of a sweep that finds SILENT cards; sweep_again_s, of the next, which has nothing new
    to find; deadlines_s and deadlines_stall_ms, of OVERDUE suspensions; deadlines_look_ms, of a look that finds none,
    which happens once a second.

    folder: of the database, with so many cards. The attesters are none of the last.
    """
    database = Database(folder / "bench.db")
    with database.write() as connection:
        _let_pass(connection, silent=range(cards - SILENT - OVERDUE, cards - OVERDUE), overdue=_last(cards))
    writer = GroupCommit(database)
    writer.start()
    ingest = Ingest(database, writer, Decider(SCENARIOS, secret, POLICY), secret, Metrics())
    messages = _messages(attesters, secret)
    watch = Watch(database, writer, SCENARIOS, POLICY, lambda: None)
    watch._listens_since = time.time() - 2 * MONTH_S  # as if it had been up all the time
    timers = Deadlines(database, writer, SCENARIOS, lambda: None, policy=POLICY)
    found: dict[str, float] = {}
    try:
        silent = await _measured("sweep", watch.sweep(), ingest, messages, found)
        _require(silent, SILENT, "silent cards were found")
        _require(await _measured("sweep_again", watch.sweep(), ingest, messages, found), 0, "more")
        await _measured("deadlines", timers.catch_up(), ingest, messages, found)
        _require(await database.ask(_suspended), OVERDUE, "cards were suspended")
        await _measured("deadlines_look", database.ask(timers.pending), ingest, messages, found)
    finally:
        await writer.stop()
        ingest.close()
        database.close()
    found["deadlines_look_ms"] = 1000 * found.pop("deadlines_look_s")
    return found


def _last(cards: int) -> range:
    return range(cards - OVERDUE, cards)


def _let_pass(connection: Connection, silent: range, overdue: range) -> None:
    """The fleet has been at work for two months; some devices fell silent a month ago, and the checks of some cards run
    out now."""
    now = time.time()
    connection.execute(update(card).values(imported_at=now - 2 * MONTH_S, since=now - 2 * MONTH_S))
    connection.execute(update(event).values(at=now - 2 * MONTH_S))
    connection.execute(update(device).where(device.c.id.in_(silent)).values(seen_at=now - MONTH_S))
    checked = {"state": "warned", "since": now - 90_000, "deadline": now - 1}
    connection.execute(update(card).where(card.c.id.in_(overdue)).values(checked))
    upsert(connection, setting, {"name": deadlines._HEARD}, {"value": repr(now).encode()})


def _suspended(connection: Connection) -> int:
    return connection.execute(select(func.count()).where(card.c.state == "suspended")).scalar_one()


def _require(found: int, expected: int, what: str) -> None:
    if found != expected:
        raise RuntimeError(f"{found} {what}, not {expected}")


def _messages(attesters: list[Attester], secret: bytes) -> Iterator[bytes]:
    for attester in itertools.cycle(attesters):
        yield attester.evidence(issue(secret, attester.kid, time.time()))


async def _measured(
    name: str, work: Awaitable[T], ingest: Ingest, messages: Iterator[bytes], found: dict[str, float]
) -> T:
    """Notes how long the work took, and what the Evidence that came meanwhile waited."""
    waits: list[float] = []
    probing = asyncio.create_task(_probe(ingest, messages, waits.append))
    await asyncio.sleep(0.1)
    began = time.perf_counter()
    result = await work
    found[f"{name}_s"] = time.perf_counter() - began
    await asyncio.sleep(0.1)
    probing.cancel()
    await asyncio.gather(probing, return_exceptions=True)
    found[f"{name}_stall_ms"] = 1000 * max(waits)
    return result


async def _probe(ingest: Ingest, messages: Iterator[bytes], note: Callable[[float], None]) -> None:
    while True:
        message = next(messages)
        began = time.perf_counter()
        await ingest.one(message)
        note(time.perf_counter() - began)
        await asyncio.sleep(0.005)
