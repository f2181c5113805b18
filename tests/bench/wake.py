"""A device that sleeps: from its wake to Evidence that the verifier has answered."""

import statistics
import tempfile
import time
from pathlib import Path

from simbond_tools.agent_process import AgentProcess
from simbond_tools.build import ROM, build_agent
from simbond_tools.emulator import Card, Modem
from support.server import VerifierServer

WAKES = 9
PROGRAM = Path(__file__).parents[1] / "device" / "programs" / "sleeping.py"


def measure() -> dict[str, float]:
    """wake_to_evidence_ms: median, of which wake_start_ms pass until the key is there; wake_at_commands of one wake.

    The modem is emulated and answers at once: what a real one takes for its commands and the network comes on top.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_agent(folder)
        whole, start, commands = [], [], []
        with (
            VerifierServer(folder, tls=True) as server,
            Modem("quectel-ec25", card=Card(iccid="89860012345678901237", imsi="460001234567890")) as modem,
        ):
            for _ in range(WAKES):
                before = len(modem.transcript)
                began = time.perf_counter()
                with AgentProcess(
                    tty=modem.port,
                    url=server.url,
                    ca=server.ca_der,
                    state_dir=folder / "state",
                    rom=folder / ROM,
                    program=PROGRAM,
                ) as agent:
                    agent.wait_for("start")
                    start.append(time.perf_counter() - began)
                    agent.wait_for("attested")
                    whole.append(time.perf_counter() - began)
                commands.append(sum(c.data.count(b"\r") for c in modem.transcript[before:] if c.sender == "host"))
    return {
        "wake_to_evidence_ms": 1000 * statistics.median(whole),
        "wake_start_ms": 1000 * statistics.median(start),
        "wake_at_commands": statistics.median(commands),
    }
