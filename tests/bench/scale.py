"""A large fleet: what an appraisal, a start, a sweep and a card cost where there are a million cards."""

import asyncio
import itertools
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from simbond_verifier.freshness import issue
from simbond_verifier.ingest.decide import Decider
from simbond_verifier.ingest.pipeline import Ingest
from simbond_verifier.metrics import Metrics
from simbond_verifier.policy import Policy
from simbond_verifier.scenario import Scenarios, parse
from simbond_verifier.store.database import Database
from simbond_verifier.store.group_commit import GroupCommit
from simbond_verifier.store.schema import card, device, event
from simbond_verifier.workers.watch import Watch
from support.attester import Attester

from .fleet import SCENARIO, cores, prepare, serving
from .ingest import _run
from .load import request

SMALL = 1024
LARGE = int(os.environ.get("SIMBOND_BENCH_CARDS", "1000000"))
ACTIVE = 1024
"""Devices that send, in both fleets as many; in the large one they are all over it, each on a page of its own."""
MESSAGES = 4096
MORE = 4096
"""Cards by which the size of one is told."""
SILENT = 1000
SILENCE = (
    SCENARIO
    + """
[ladder]
silent = "alert"
"""
)
ROUNDS = 6
SETTLE_S = 10
"""From the start until throughput is measured: the first sweep shares the core, and is measured by itself."""
BATCH = 512
_AT_ONCE = 20_000


def measure() -> dict[str, float]:
    """scale_ratio, start_s, sweep_s, sweep_stall_ms, bytes_per_card."""
    with tempfile.TemporaryDirectory() as small_name, tempfile.TemporaryDirectory() as large_name:
        small, large = Path(small_name), Path(large_name)
        few, few_secret = prepare(small, SMALL)
        many, many_secret = prepare(large, ACTIVE)
        _spread(large, LARGE // ACTIVE)
        _grow(large, LARGE)
        return {
            "bytes_per_card": _octets_of_a_card(_size(small)),
            **_throughput((small, few, few_secret), (large, many, many_secret)),
            **asyncio.run(_sweep(large, many[:64], many_secret)),
        }


def _octets_of_a_card(base: int) -> float:
    """What a card that is imported, enrolled and bound in the ordinary way takes, its history included."""
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name), SMALL + MORE)
        return (_size(Path(name)) - base) / MORE


def _size(folder: Path) -> int:
    """Of the database, in octets, with nothing left in its write-ahead log."""
    with closing(sqlite3.connect(folder / "bench.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return (folder / "bench.db").stat().st_size


def _spread(folder: Path, step: int) -> None:
    """Moves the devices and cards apart: only every `step`th id is one of theirs."""
    with closing(sqlite3.connect(folder / "bench.db")) as connection, connection:
        connection.execute("UPDATE device SET id = -id * ?", (step,))
        connection.execute("UPDATE card SET id = -id * ?, device_id = device_id * ?", (step, step))
        connection.execute("UPDATE event SET card_id = card_id * ?", (step,))
        connection.execute("UPDATE device SET id = -id")
        connection.execute("UPDATE card SET id = -id")


def _grow(folder: Path, total: int) -> None:
    """Fills up with devices and their cards, copies of the first but for what names them; no history."""
    database = Database(folder / "bench.db")
    with database.write() as connection:
        a_device = dict(connection.execute(select(device).limit(1)).mappings().one())
        a_card = dict(connection.execute(select(card).limit(1)).mappings().one())
    now = time.time()
    with database.write() as connection:
        connection.execute(device.update().values(seen_at=now))
    numbers = (n for n in range(1, total + 1) if n % (total // ACTIVE))
    while some := list(itertools.islice(numbers, _AT_ONCE)):
        devices = [
            a_device
            | {"id": n, "kid": os.urandom(8), "point": b"\x04" + os.urandom(64), "imei": f"35{n:012}", "seen_at": now}
            for n in some
        ]
        cards_ = [a_card | {"id": n, "iccid": f"8986009{n:013}", "imsi": f"46001{n:010}", "device_id": n} for n in some]
        with database.write() as connection:
            connection.execute(insert(device), devices)
            connection.execute(insert(card), cards_)
    database.close()


def _throughput(*fleets: tuple[Path, list[Attester], bytes]) -> dict[str, float]:
    core, load_core = cores()
    everywhere = os.sched_getaffinity(0)
    best = [0.0, 0.0]
    starts = []
    for at, (folder, attesters, secret) in enumerate(fleets):
        began = time.perf_counter()
        with serving(folder, core) as port:
            starts.append(time.perf_counter() - began)
            time.sleep(SETTLE_S)
            os.sched_setaffinity(0, {load_core})
            for _ in range(ROUNDS):
                best[at] = max(best[at], _batches(port, attesters, secret))
            os.sched_setaffinity(0, everywhere)
    return {"scale_ratio": best[1] / best[0], "start_small_s": starts[0], "start_s": starts[1]}


def _batches(port: int, attesters: list[Attester], secret: bytes) -> float:
    """Messages a second: as many of each fleet, every device in its turn."""
    now = time.time()
    messages = [a.evidence(issue(secret, a.kid, now)) for a in itertools.islice(itertools.cycle(attesters), MESSAGES)]
    lane = [
        request("/v1/evidence/batch", b"".join(messages[start : start + BATCH]))
        for start in range(0, len(messages), BATCH)
    ]
    return _run(port, [lane], len(messages))


async def _sweep(folder: Path, attesters: list[Attester], secret: bytes) -> dict[str, float]:
    """One sweep for silence over the fleet, some of it silent, and what Evidence waits meanwhile."""
    scenarios = Scenarios([parse(SILENCE, "bench")])
    database = Database(folder / "bench.db")
    with database.write() as connection:
        long_ago = time.time() - 30 * 86400
        a_bind = dict(connection.execute(select(event).where(event.c.kind == "bind").limit(1)).mappings().one())
        del a_bind["id"]
        silent = range(LARGE - SILENT, LARGE)
        connection.execute(insert(event), [a_bind | {"at": long_ago, "card_id": n} for n in silent])
        connection.execute(device.update().where(device.c.id.in_(silent)).values(seen_at=long_ago))
    writer = GroupCommit(database)
    writer.start()
    ingest = Ingest(database, writer, Decider(scenarios, secret), secret, Metrics())
    watch = Watch(database, writer, scenarios, Policy(), lambda: None)
    watch._listens_since = 0.0  # as if it had been up all the time
    waits: list[float] = []
    probing = asyncio.create_task(_probe(ingest, itertools.cycle(attesters), secret, waits.append))
    began = time.perf_counter()
    found = await watch.sweep()
    seconds = time.perf_counter() - began
    probing.cancel()
    await asyncio.gather(probing, return_exceptions=True)
    await writer.stop()
    ingest.close()
    database.close()
    waits.sort()
    return {
        "sweep_s": seconds,
        "sweep_found": float(found),
        "sweep_ingest_p99_ms": 1000 * waits[len(waits) * 99 // 100],
        "sweep_stall_ms": 1000 * waits[-1],
    }


async def _probe(ingest: Ingest, attesters: Any, secret: bytes, note: Callable[[float], None]) -> None:
    while True:
        device_ = next(attesters)
        message = device_.evidence(issue(secret, device_.kid, time.time()))
        began = time.perf_counter()
        await ingest.one(message)
        note(time.perf_counter() - began)
        await asyncio.sleep(0.005)
