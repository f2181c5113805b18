"""A device that sleeps: from its wake to Evidence that the verifier has answered."""

import statistics
import tempfile
import time
from pathlib import Path

from simbond_tools.agent_process import AgentProcess, Event
from simbond_tools.build import ROM, build_agent
from simbond_tools.emulator import Card, Modem
from support.server import VerifierServer

WAKES = 9
CARD = Card(iccid="89860012345678901237", imsi="460001234567890")
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
            Modem("quectel-ec25", card=CARD) as modem,
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
                    if len(start) == 1:
                        _admit(agent.wait_for("enrolment"), server)
                    agent.wait_for("attested")
                    whole.append(time.perf_counter() - began)
                    agent.wait_for("sleep")
                commands.append(sum(c.data.count(b"\r") for c in modem.transcript[before:] if c.sender == "host"))
    return {
        "wake_to_evidence_ms": 1000 * statistics.median(whole),
        "wake_start_ms": 1000 * statistics.median(start),
        "wake_at_commands": statistics.median(commands),
    }


def _admit(enrolment: Event, server: VerifierServer) -> None:
    with server.api() as api:
        api.post("/v1/devices", {"request": enrolment["request"]})
        api.post_csv("/v1/cards/import", f"iccid,imsi,scenario\n{CARD.iccid},{CARD.imsi},meter".encode())
        api.post(f"/v1/cards/{CARD.iccid}/bind", {"device": enrolment["kid"]})
