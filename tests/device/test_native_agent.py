"""The agent under real MicroPython, through its modem's own stack, with the whole verifier behind it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from simbond_tools.agent_process import AgentProcess
from simbond_tools.emulator import Modem
from support.cards import CARD
from support.field import Field
from support.mosquitto import Mosquitto
from support.server import VerifierServer

_SCENARIO = 'id = 1\nname = "meter"\n[reporting]\ninterval_s = 5\ntolerance_s = 600'
_PROGRAM = """\
from simbond_agent import run
from simbond_agent.posix import from_environment
board = from_environment()
board.mqtt_password = "secret"
board.own_ca = True
run(board)
"""
FAMILIES = [
    ("quectel-ec25", "mqtt"),
    ("quectel-bg95", "http"),
    ("simcom-sim7600", "mqtt"),
    ("simcom-sim7600", "http"),
    ("simcom-sim7080", "mqtt"),
    ("ublox-sara-r5", "mqtt"),
]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.timeout(300)
@pytest.mark.parametrize("family", FAMILIES, ids="-".join)
def test_attests_on_the_interval_and_tells_another_card(
    family: tuple[str, str], stack: ExitStack, tmp_path: Path, rom: Path
) -> None:
    profile, kind = family
    broker = stack.enter_context(Mosquitto(tmp_path / "broker")) if kind == "mqtt" else None
    options = broker.serve_options() if broker else ()
    server = VerifierServer(tmp_path / "verifier", tls=broker is None, options=options, scenarios=(_SCENARIO,))
    field = stack.enter_context(Field(stack.enter_context(server)))
    modem = stack.enter_context(Modem(profile, card=CARD))
    program = tmp_path / "agent_program.py"
    program.write_text(_PROGRAM)
    agent = stack.enter_context(
        AgentProcess(
            tty=modem.port,
            url="modem+" + (broker.url if broker else server.url),
            ca=broker.authority.ca_der if broker else server.ca_der,
            rom=rom,
            state_dir=tmp_path / "state",
            sim_poll_s=1,
            program=program,
            console=True,
        )
    )
    enrolment = agent.wait_for("enrolment", timeout_s=60)
    with server.api() as api:
        api.post("/v1/devices", {"request": enrolment["request"]})
        api.post_csv("/v1/cards/import", f"iccid,imsi,scenario\n{CARD.iccid},{CARD.imsi},meter".encode())
        api.post(f"/v1/cards/{CARD.iccid}/bind", {"device": enrolment["kid"]})
    if broker:
        broker.add({enrolment["kid"]: "secret"})
    agent.tell(do="attest")  # what it attested before it was enrolled may have been answered with "again in a minute"
    agent.wait_for("attested", tier="affirming", timeout_s=100)
    agent.wait_for("attested", tier="affirming", timeout_s=60)
    modem.remove()
    assert agent.wait_for("attested", iccid=None, timeout_s=60)["reasons"] == ["tray-empty"]
    assert not agent.noise
    assert field.metrics()['simbond_evidence_reason_total{reason="replayed"}'] == 0
