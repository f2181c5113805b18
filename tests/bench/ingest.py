"""Verification and durable ingest against `openssl speed`, each on one core, taken in turns; and on two cores.

The machine may be shared: of each, the best of several rounds counts, which is what it does when it is left alone.
"""

import asyncio
import os
import tempfile
import time
from pathlib import Path

from simbond_verifier.envelope import open_envelope, verify
from simbond_verifier.evidence import read_claims
from simbond_verifier.freshness import issue
from simbond_verifier.p256 import load_key
from support.attester import Attester

from . import load
from .fleet import cores, prepare, serving
from .openssl import verify_rate

DEVICES = 512
ROUNDS = 16
EACH = 4  # Evidence of every device in a round
CONNECTIONS = 256
BATCH = 512
BATCH_CONNECTIONS = 2


def measure() -> dict[str, float]:
    """verify_ratio, ingest_single_ratio, ingest_batch_ratio, two_cores_ratio."""
    core, load_core = cores()
    everywhere = os.sched_getaffinity(0)
    best = dict.fromkeys(("openssl", "verify", "single", "batch"), 0.0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        attesters, secret = prepare(folder, DEVICES)
        keys = {a.kid: load_key(a.point) for a in attesters}
        with serving(folder, core) as port:
            for _ in range(ROUNDS):
                rates = {"openssl": verify_rate(core)}
                os.sched_setaffinity(0, {core})
                messages = _messages(attesters, secret)[: DEVICES * 4]
                start = time.perf_counter()
                for message in messages:
                    envelope = open_envelope(message)
                    verify(envelope, keys[envelope.kid])
                    read_claims(envelope)
                rates["verify"] = len(messages) / (time.perf_counter() - start)
                os.sched_setaffinity(0, {load_core})
                rates["single"] = _single(port, _messages(attesters, secret))
                rates["batch"] = batch(port, _messages(attesters, secret))
                os.sched_setaffinity(0, everywhere)
                best = {what: max(best[what], rate) for what, rate in rates.items()}
        both = _two_cores(folder, attesters, secret) if core != load_core else {}
    return both | {
        "openssl_verify_per_s": best["openssl"],
        "verify_ratio": best["verify"] / best["openssl"],
        "ingest_single_per_s": best["single"],
        "ingest_single_ratio": best["single"] / best["openssl"],
        "ingest_batch_per_s": best["batch"],
        "ingest_batch_ratio": best["batch"] / best["openssl"],
    }


def _two_cores(folder: Path, attesters: list[Attester], secret: bytes) -> dict[str, float]:
    """Batches, the server on two cores against one. The load generator has a core of its own in neither case where
    there are only two: the processor time that it took is taken off the server's."""
    core, other = cores()
    best = {}
    for key, some, available in (("one", str(core), 1), ("two", f"{core},{other}", 2)):
        best[key] = 0.0
        with serving(folder, some) as port:
            for _ in range(ROUNDS):
                messages = _messages(attesters, secret)
                used, start = time.process_time(), time.perf_counter()
                rate = batch(port, messages)
                taken = (time.process_time() - used) / (time.perf_counter() - start)
                left = available - (taken if available == 2 else 0.0)
                best[key] = max(best[key], rate * available / left)
    return {"two_cores_ratio": best["two"] / best["one"]}


def _messages(attesters: list[Attester], secret: bytes) -> list[bytes]:
    """EACH rounds over all devices, in the order in which they must arrive."""
    now = time.time()
    return [a.evidence(issue(secret, a.kid, now)) for _ in range(EACH) for a in attesters]


def _single(port: int, messages: list[bytes]) -> float:
    lanes: list[list[bytes]] = [[] for _ in range(CONNECTIONS)]
    for i, message in enumerate(messages):
        # One device, one connection: its Evidence stays in order.
        lanes[i % DEVICES % CONNECTIONS].append(load.request("/v1/evidence", message))
    return _run(port, lanes, len(messages))


def batch(port: int, messages: list[bytes]) -> float:
    """Messages a second, in batches over two connections: while the commit of one waits for the disk, there is another
    to work on."""
    lanes: list[list[bytes]] = [[] for _ in range(BATCH_CONNECTIONS)]
    for i in range(0, len(messages), BATCH):
        lanes[i // BATCH % BATCH_CONNECTIONS].append(
            load.request("/v1/evidence/batch", b"".join(messages[i : i + BATCH]))
        )
    return _run(port, lanes, len(messages))


def _run(port: int, lanes: list[list[bytes]], expected: int) -> float:
    seconds, affirmed = asyncio.run(load.run(port, lanes))
    if affirmed != expected:
        raise RuntimeError(f"only {affirmed} of {expected} were affirmed")
    return expected / seconds
