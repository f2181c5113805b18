"""From the Evidence of a moved card to the HLR's confirmation, 200 times, on a real osmo-hlr with serving nodes, while
other devices send 500 Evidence a second."""

import asyncio
import http.client
import sqlite3
import tempfile
import time
from pathlib import Path
from threading import Event

from simbond_agent.claims import TRAY_EMPTY
from simbond_tools.gsup_peer import ServingNode
from simbond_tools.hlr import PrivateHlr
from simbond_verifier import fleet
from simbond_verifier.enforcement.gsup import Domain
from simbond_verifier.freshness import issue
from simbond_verifier.store.database import Database
from support.attester import Attester

from .fleet import cores, prepare, serving

MOVES = 200
OTHERS = 1000
OTHERS_PER_S = 500
POLICY = """
[blast_radius]
number = 10000
"""
_TIMES = """
SELECT c.done_at - v.at FROM command c JOIN event e ON e.id = c.event_id JOIN evidence v ON v.id = e.evidence_id
WHERE c.outcome = 'confirmed' AND c.access = 'barred'
"""


def measure() -> dict[str, float]:
    """hlr_p50_ms and hlr_p99_ms; nothing where osmo-hlr is not installed."""
    if not PrivateHlr.available():
        return {}
    with tempfile.TemporaryDirectory() as name, PrivateHlr() as hlr:
        return asyncio.run(_moves(Path(name), hlr))


async def _moves(folder: Path, hlr: PrivateHlr) -> dict[str, float]:
    devices, secret = prepare(folder, MOVES + OTHERS)
    meters, others = devices[:MOVES], devices[MOVES:]
    thief = Attester(imei="353456060000024", iccid=None, imsi=None, cell=None)
    database = Database(folder / "bench.db")
    with database.write() as connection:
        fleet.enrol(
            connection,
            thief.enrolment(),
            imei=None,
            label="",
            allow_duplicate_imei=False,
            actor="bench",
            now=time.time(),
        )
    database.close()
    hlr.add_subscribers((str(m.imsi), f"861{n:09}") for n, m in enumerate(meters))
    sgsn, msc = ServingNode(hlr.host, "sgsn-bench", Domain.PS), ServingNode(hlr.host, "msc-bench", Domain.CS)
    async with sgsn, msc:
        (folder / "policy.toml").write_text(POLICY)
        options = ("--target", hlr.url, "--policy", str(folder / "policy.toml"))
        with serving(folder, cores()[0], *options) as port:
            background = asyncio.create_task(asyncio.to_thread(_send_steadily, port, others, secret, stop := Event()))
            http_connection = http.client.HTTPConnection("127.0.0.1", port)
            began = time.perf_counter()
            for meter in meters:
                for node in (sgsn, msc):
                    await node.update_location(str(meter.imsi))
                stolen, meter.iccid, meter.status = meter.iccid, None, TRAY_EMPTY
                await asyncio.to_thread(_post, http_connection, meter, secret)
                thief.iccid = stolen
                await asyncio.to_thread(_post, http_connection, thief, secret)
                for node in (sgsn, msc):
                    await asyncio.wait_for(node.cancelled.get(), 10)
            stop.set()
            sent = await background
            rate = sent / (time.perf_counter() - began)
            await asyncio.sleep(0.5)
            http_connection.close()
    rows = sqlite3.connect(folder / "bench.db").execute(_TIMES).fetchall()
    times = sorted(1000 * ms for (ms,) in rows)
    if len(times) != MOVES:
        raise RuntimeError(f"only {len(times)} of {MOVES} suspensions were confirmed")
    return {
        "hlr_p50_ms": times[MOVES // 2],
        "hlr_p99_ms": times[MOVES * 99 // 100],
        "hlr_background_per_s": rate,
    }


def _send_steadily(port: int, devices: list[Attester], secret: bytes, stop: Event) -> int:
    """Evidence of the devices in turn, at a steady rate. Returns how many."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    start, sent = time.perf_counter(), 0
    while not stop.is_set():
        time.sleep(max(0.0, start + sent / OTHERS_PER_S - time.perf_counter()))
        _post(connection, devices[sent % len(devices)], secret)
        sent += 1
    connection.close()
    return sent


def _post(connection: http.client.HTTPConnection, device: Attester, secret: bytes) -> None:
    connection.request("POST", "/v1/evidence", device.evidence(issue(secret, device.kid, time.time())))
    connection.getresponse().read()
