"""Ingest over HTTP: one server process on one core, durable before acknowledged, the load from another core."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from simbond_verifier.freshness import issue
from simbond_verifier.server import nonce_secret
from simbond_verifier.store.database import Database
from support.attester import Attester

from . import load

DEVICES = 200
ROUNDS = int(os.environ.get('BENCH_ROUNDS', '40'))
CONNECTIONS = 64
BATCH = 100

SCENARIO = """
id = 1
name = "bench"
[reporting]
interval_s = 86400
[area]
plmn = ["46000"]
"""


def prepare(folder: Path, devices: int) -> tuple[list[Attester], bytes]:
    """A database with bound cards, straight through the store: what is measured is not the enrolment."""
    from simbond_verifier import fleet
    from simbond_verifier.card_import import Row
    from simbond_verifier.scenario import Scenarios, parse

    (folder / "scenarios").mkdir()
    (folder / "scenarios" / "bench.toml").write_text(SCENARIO)
    database = Database(folder / "bench.db")
    attesters = [
        Attester(imei=f"86123405{n:06}0", iccid=f"8986001234{n:010}", imsi=f"46000{n:010}") for n in range(devices)
    ]
    with database.write() as connection:
        secret = nonce_secret(connection)
        scenarios = Scenarios([parse(SCENARIO, "bench")])
        fleet.add_cards(
            connection, [Row(1, a.iccid, a.imsi, "bench", "", "") for a in attesters], actor="bench", now=time.time()
        )
        for a in attesters:
            fleet.enrol(
                connection,
                a.enrolment(),
                imei=None,
                label="",
                allow_duplicate_imei=False,
                actor="bench",
                now=time.time(),
            )
            fleet.bind(
                connection,
                a.iccid,
                a.kid.hex(),
                scenario=None,
                scenarios=scenarios,
                actor="bench",
                now=time.time(),
            )
    database.close()
    return attesters, secret


def serve(folder: Path, core: int) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-m", "simbond_tools.cli", "serve", "--db", folder / "bench.db"]
    command += ["--scenarios", folder / "scenarios", "--port", "0", "--json"]
    server = subprocess.Popen(
        [str(c) for c in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    assert server.stdout is not None
    line = server.stdout.readline()
    return server, int(line.rstrip().rstrip('"}').rpartition(":")[2])


def cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure() -> dict[str, float]:
    """Evidence a second: one a request, and in batches."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        attesters, secret = prepare(folder, DEVICES)
        server, port = serve(folder, cores[0])
        try:
            result = {}
            for path, size in (("/v1/evidence", 1), ("/v1/evidence/batch", BATCH)):
                now = time.time()
                messages = [a.evidence(issue(secret, a.kid, now)) for _ in range(ROUNDS) for a in attesters]
                bodies = [b"".join(messages[i : i + size]) for i in range(0, len(messages), size)]
                requests = [load.request(path, body) for body in bodies]
                # A device's messages stay in order: one device, one connection.
                lanes = CONNECTIONS if size == 1 else 2
                split = [
                    [requests[i] for i in range(len(requests)) if (i * size) % DEVICES % lanes == n]
                    for n in range(lanes)
                ]
                if size > 1:
                    split = [requests[0::2], requests[1::2]]
                before = cpu_s(server.pid)
                seconds, good = asyncio.run(load.run(port, split))
                print(path, 'cpu us/msg', (cpu_s(server.pid) - before) / len(messages) * 1e6)
                if good != len(messages):
                    raise RuntimeError(f"only {good} of {len(messages)} were affirmed")
                result[path] = len(messages) / seconds
        finally:
            server.terminate()
            server.wait()
            os.sched_setaffinity(0, set(cores))
    return {"single": result["/v1/evidence"], "batch": result["/v1/evidence/batch"]}


if __name__ == "__main__":
    print(measure())
