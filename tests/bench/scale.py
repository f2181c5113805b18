"""A large fleet: what an appraisal, a start, a sweep and a card cost where there are a million cards."""

import asyncio
import itertools
import os
import sqlite3
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import insert, select

from simbond_verifier.freshness import issue
from simbond_verifier.store.database import Database
from simbond_verifier.store.schema import card, device
from support import postgres
from support.attester import Attester

from . import clock, ingest
from .fleet import cores, prepare, serving

SMALL = 1024
LARGE = int(os.environ.get("SIMBOND_BENCH_CARDS", "1000000"))
ACTIVE = 1024
"""Devices that send, in both fleets as many; in the large one they are all over it, each on a page of its own."""
MESSAGES = 4096
MORE = 4096
"""Cards by which the size of one is told."""
ROUNDS = 16
SETTLE_S = 10
"""From the start until throughput is measured: the first sweep shares the core, and is measured by itself."""
_AT_ONCE = 20_000


def measure() -> dict[str, float]:
    """scale_ratio, start_s, bytes_per_card, bytes_per_card_postgresql, and what clock.py measures."""
    with tempfile.TemporaryDirectory() as small_name, tempfile.TemporaryDirectory() as large_name:
        small, large = Path(small_name), Path(large_name)
        few, few_secret = prepare(small, SMALL)
        many, many_secret = prepare(large, ACTIVE)
        _spread(large, LARGE // ACTIVE)
        _grow(large, LARGE)
        return {
            "bytes_per_card": _octets_of_a_card(_size(small)),
            **_on_postgresql(),
            **_throughput((small, few, few_secret), (large, many, many_secret)),
            **asyncio.run(clock.measure(large, many[:64], many_secret, LARGE)),
        }


def _octets_of_a_card(base: int) -> float:
    """What a card that is imported, enrolled and bound in the ordinary way takes, its history included."""
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name), SMALL + MORE)
        return (_size(Path(name)) - base) / MORE


def _on_postgresql() -> dict[str, float]:
    """The same there; nothing where it is not installed."""
    try:
        postgres.programs()
    except pytest.skip.Exception:
        return {}
    with postgres.PostgresServer() as server, tempfile.TemporaryDirectory() as name:
        sizes = []
        for devices in (SMALL, SMALL + MORE):
            url = server.new_database()
            prepare(Path(name) / str(devices), devices, url)
            sizes.append(_size_on_postgresql(url))
    return {"bytes_per_card_postgresql": (sizes[1] - sizes[0]) / MORE}


def _size_on_postgresql(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM")
        return int(connection.execute("SELECT pg_database_size(current_database())").fetchall()[0][0])


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
    """Taken in turns, and of each the best of several rounds: see ingest.py."""
    core, load_core = cores()
    everywhere = os.sched_getaffinity(0)
    best = [0.0, 0.0]
    ports, starts = [], []
    with ExitStack() as running:
        for folder, _, _ in fleets:
            began = time.perf_counter()
            ports.append(running.enter_context(serving(folder, core)))
            starts.append(time.perf_counter() - began)
            time.sleep(SETTLE_S)
        os.sched_setaffinity(0, {load_core})
        for _ in range(ROUNDS):
            for at, (_, attesters, secret) in enumerate(fleets):
                best[at] = max(best[at], _batches(ports[at], attesters, secret))
        os.sched_setaffinity(0, everywhere)
    return {"scale_ratio": best[1] / best[0], "start_small_s": starts[0], "start_s": starts[1]}


def _batches(port: int, attesters: list[Attester], secret: bytes) -> float:
    """Messages a second: as many of each fleet, every device in its turn."""
    now = time.time()
    messages = [a.evidence(issue(secret, a.kid, now)) for a in itertools.islice(itertools.cycle(attesters), MESSAGES)]
    return ingest.batch(port, messages)
