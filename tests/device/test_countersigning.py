"""The agent under real MicroPython has the SIM countersign, and does without where the card cannot."""

import pytest

from simbond_tools.emulator import Card, Modem
from simbond_verifier.envelope import is_stated_by, open_envelope
from support.cards import CARD, OTHER_CARD
from support.device_server import DeviceServer

KEYED = Card(CARD.iccid, CARD.imsi, private_key=f"{0x51B0D:064x}")
STRANGER = Card(CARD.iccid, CARD.imsi, private_key="02".zfill(64))
PROGRAM = """
from simbond_agent import run
from simbond_agent.posix import from_environment
from simbond_agent.signer.iot_safe import IotSafeSigner

board = from_environment()
board.countersigner = IotSafeSigner()
run(board)
"""


class Listening(DeviceServer):
    """Keeps the Evidence as it came."""

    def __init__(self, *args):
        self.messages = []
        super().__init__(*args)

    def answer(self, path, body):
        if path == "/v1/evidence":
            self.messages.append(body)
        return super().answer(path, body)


@pytest.fixture
def server(authority):
    server = Listening(authority)
    yield server
    server.stop()


@pytest.fixture
def modem():
    with Modem("quectel-ec25", card=KEYED) as modem:
        yield modem


@pytest.fixture
def countersigning(agent, server, tmp_path):
    program = tmp_path / "main.py"
    program.write_text(PROGRAM)
    process = agent(program=program)
    server.enrol(process.wait_for("enrolment")["request"])
    return process


def test_the_verifier_takes_the_sims_statement(countersigning, server):
    server.evidence()
    (message,) = server.messages
    statement = open_envelope(message).statement
    assert is_stated_by(statement, bytes.fromhex(KEYED.sim_key))
    assert not is_stated_by(statement, bytes.fromhex(STRANGER.sim_key))
    assert countersigning.wait_for("attested")["octets"] == len(message)


def test_a_card_that_cannot_sign_is_attested_all_the_same(countersigning, server, modem):
    server.evidence()
    modem.remove()
    modem.insert(OTHER_CARD)
    while server.evidence().iccid != OTHER_CARD.iccid:
        pass
    assert open_envelope(server.messages[-1]).statement is None
    assert "A0000005590010" in countersigning.wait_for("error", what="sim")["detail"]
