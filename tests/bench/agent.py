"""The agent: what it sends, how long it signs, what heap and flash it takes."""

import asyncio
import os
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from simbond_agent import claims, p256
from simbond_agent.evidence import binding, evidence
from simbond_agent.signer.software import SoftwareSigner
from simbond_tools.agent_process import AgentError, AgentProcess
from simbond_tools.build import ROM, build_agent, core_size
from simbond_tools.emulator import Card, Modem
from simbond_tools.micropython import find
from support.server import VerifierServer

SIGNATURES = 100
HEAP_STEP = 2
BOARD_KIB = 64
AGENT = Path(p256.__file__).parents[1]
_SIGN = f"""
import sys, time
sys.path.insert(0, {str(AGENT)!r})
from simbond_agent import p256
key = bytes(31) + b"\\x07"
p256.sign(key, b"warm")
start = time.ticks_us()
for n in range({SIGNATURES}):
    p256.sign(key, b"%d" % n)
print(time.ticks_diff(time.ticks_us(), start))
"""


def measure() -> dict[str, float]:
    """evidence_octets, evidence_octets_nr, sign_ratio, agent_heap_peak, agent_heap_left_32bit, agent_mpy_bytes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = build_agent(folder)
        return {
            "evidence_octets": _longest_evidence("LTE", tac=0xFFFE, cell_id=(1 << 28) - 2),
            "evidence_octets_nr": _longest_evidence("NR", tac=0xFFFFFE, cell_id=(1 << 36) - 2),
            **_signing(),
            **_heap(folder),
            "agent_mpy_bytes": core_size(sizes, "quectel"),
        }


def _longest_evidence(rat: str, **cell: int) -> int:
    """Octets of Evidence with every identity, as long as a device's life makes it: 31 years of uptime, 65535 starts,
    and a flag raised, which takes the status to two octets."""
    signer = SoftwareSigner(bytes(31) + b"\x07")
    identity = {"imei": "861234050000010", "iccid": "89860012345678901237", "imsi": "310410123456789"}
    where = {"rat": rat, "plmn": "310410", "rsrp_dbm": -97} | cell
    bond = binding(identity, where, scenario=60_000, status=signer.protection | claims.TAMPER)
    return len(asyncio.run(evidence(signer, bond, nonce=bytes(8), bootcount=65_535, uptime=10**9)))


def _signing() -> dict[str, float]:
    key = bytes(31) + b"\x07"
    best_device = best_here = float("inf")
    for _ in range(3):
        done = subprocess.run([find(), "-c", _SIGN], capture_output=True, text=True, check=True)
        best_device = min(best_device, int(done.stdout) / 1e6 / SIGNATURES)
        start = time.perf_counter()
        for n in range(SIGNATURES):
            p256.sign(key, b"%d" % n)
        best_here = min(best_here, (time.perf_counter() - start) / SIGNATURES)
    return {"sign_ratio": best_device / best_here, "sign_micropython_us": best_device * 1e6}


def _heap(folder: Path) -> dict[str, float]:
    """The smallest heap, in steps of 2 KiB, in which the agent attests over TLS without an error, code in flash; and
    what a board with 64 KiB then has left. With a 32-bit interpreter where there is one, else with one as if."""
    path = os.environ.get("SIMBOND_MICROPYTHON32", "build/micropython32/micropython")
    has_32_bits = os.access(path, os.X_OK)
    with pytest.MonkeyPatch.context() as patch:
        if has_32_bits:
            patch.setenv("MICROPYTHON", os.path.abspath(path))
        kib = BOARD_KIB
        while kib > HEAP_STEP and _attests_in(kib - HEAP_STEP, "k" if has_32_bits else "wk", folder):
            kib -= HEAP_STEP
    left = {"agent_heap_left_32bit": float((BOARD_KIB - kib) * 1024)} if has_32_bits else {}
    return {"agent_heap_peak": kib * 1024, **left}


def _attests_in(kib: int, unit: str, folder: Path) -> bool:
    with (
        VerifierServer(folder / str(kib), tls=True) as server,
        Modem("quectel-ec25", card=Card(iccid="89860012345678901237", imsi="460001234567890")) as modem,
        AgentProcess(
            tty=modem.port,
            url=server.url,
            ca=server.ca_der,
            state_dir=folder / f"state{kib}",
            rom=folder / ROM,
            heap=f"{kib}{unit}",
        ) as agent,
    ):
        try:
            agent.wait_for("attested", timeout_s=15)
        except AgentError:
            return False
        return not any(event["event"] == "error" for event in agent.events)
