"""A fleet for the benchmarks: bound cards put straight into the database, since enrolling is not what is measured."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simbond_verifier import fleet
from simbond_verifier.assembly import nonce_secret
from simbond_verifier.card_import import Row
from simbond_verifier.scenario import Scenarios, parse
from simbond_verifier.store.database import Database
from support.attester import Attester

SCENARIO = """
id = 1
name = "bench"
[reporting]
interval_s = 86400
[area]
plmn = ["46000"]
"""


def prepare(folder: Path, devices: int, url: str | None = None) -> tuple[list[Attester], bytes]:
    """Devices, each bound to a card of its own, and the key of the nonces. url: of a database, else it is the
    folder's."""
    (folder / "scenarios").mkdir(parents=True)
    (folder / "scenarios" / "bench.toml").write_text(SCENARIO)
    scenarios = Scenarios([parse(SCENARIO, "bench")])
    attesters = [
        Attester(imei=f"86123405{n:06}0", iccid=f"8986001234{n:010}", imsi=f"46000{n:010}") for n in range(devices)
    ]
    now = time.time()
    database = Database(url or folder / "bench.db")
    with database.write() as connection:
        secret = nonce_secret(connection)
        rows = [Row(1, str(a.iccid), str(a.imsi), "bench", "", "") for a in attesters]
        fleet.add_cards(connection, rows, actor="bench", now=now)
        for a in attesters:
            fleet.enrol(
                connection, a.enrolment(), imei=None, label="", allow_duplicate_imei=False, actor="bench", now=now
            )
            kid, iccid = a.kid.hex(), str(a.iccid)
            fleet.bind(connection, iccid, kid, scenario=None, scenarios=scenarios, actor="bench", now=now)
    database.close()
    return attesters, secret


@contextmanager
def serving(folder: Path, core: int | str, *options: str) -> Iterator[int]:
    """`simbond serve` on one core (or several: "0,1"), on the database of `prepare`. Its port."""
    command = [sys.executable, "-m", "simbond_tools.cli", "serve", "--json", "--port", "0"]
    command += ["--db", str(folder / "bench.db"), "--scenarios", str(folder / "scenarios"), *options]
    server = subprocess.Popen(
        ["taskset", "-c", str(core), *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert server.stdout is not None
    try:
        yield int(json.loads(server.stdout.readline())["listening"].rpartition(":")[2])
    finally:
        server.terminate()
        server.stdout.close()
        server.wait()


def cores() -> tuple[int, int]:
    """One core for what is measured, another (where there is one) for the load."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]
