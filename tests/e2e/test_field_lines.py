"""Lines, consoles and modems on real pseudo-terminals, with the agent under MicroPython behind them."""

from collections.abc import Iterator
from pathlib import Path

import cbor2
import pytest

from simbond_agent import claims
from simbond_tools.emulator import Modem
from simbond_tools.field.console import Console
from simbond_tools.field.errors import AgentRefused, NoAgent, NoModem, NoPort, NotASerialPort, PortBusy, Unplugged
from simbond_tools.field.find import find
from simbond_tools.field.line import open_line
from simbond_tools.field.modem import ModemOnLine
from support.cable import AgentOnCable, Cable
from support.cards import CARD

NONCE = bytes(range(16))


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentOnCable]:
    with AgentOnCable(tmp_path_factory.mktemp("device")) as device:
        device.process.wait_for("enrolment")
        yield device


def test_the_agent_tells_its_status(device: AgentOnCable) -> None:
    with open_line(device.port) as line:
        said = Console(line).status()
    assert said["kid"] == device.process.events[0]["kid"]
    assert "enrolment" in said["status"] or "start" in said["status"]


def test_the_agent_proves(device: AgentOnCable) -> None:
    with open_line(device.port) as line:
        evidence = Console(line).prove(NONCE)
    payload = cbor2.loads(cbor2.loads(evidence).value[2])
    assert payload[claims.NONCE] == NONCE
    assert claims.unpack_digits(payload[claims.BINDING][claims.ICCID]) == CARD.iccid


def test_the_agent_s_enrolment_request_names_its_key(device: AgentOnCable) -> None:
    with open_line(device.port) as line:
        request = Console(line).enrolment()
    assert cbor2.loads(cbor2.loads(request).value[0])[4].hex() == device.process.events[0]["kid"]


def test_what_stood_half_written_on_the_console_spoils_nothing(device: AgentOnCable) -> None:
    with open_line(device.port) as line:
        line.write(b"AT+CGMI\rhalf a li")
        assert Console(line).status()["kid"]


def test_what_the_agent_refuses_is_said_in_its_words(device: AgentOnCable) -> None:
    with open_line(device.port) as line, pytest.raises(AgentRefused, match="do is to be one of"):
        Console(line)._ask("dance", 60)


def test_the_modem_beside_it_says_the_same(device: AgentOnCable) -> None:
    with open_line(device.modem_port) as line, ModemOnLine(line) as modem:
        assert modem.identity() | {"iccid": CARD.iccid, "imsi": CARD.imsi} == modem.identity()
        assert modem.registration()["reg"] in ("home", "roaming")
        assert modem.command("AT+CGMI") == ("OK", ["Quectel"])


def test_each_is_found_for_what_it_is(device: AgentOnCable) -> None:
    assert find(device.port).kind == "agent"
    assert find(device.modem_port).kind == "modem"


def test_nobody_answers_on_an_open_end() -> None:
    cable = Cable()
    try:
        with open_line(cable.right) as line:
            with pytest.raises(NoModem, match="--baud"):
                ModemOnLine(line)
            with pytest.raises(NoAgent, match="console"):
                Console(line).status(timeout_s=0.1, tries=1)
    finally:
        cable.pull()


def test_two_do_not_share_a_port() -> None:
    with Modem("generic") as modem, open_line(modem.port), pytest.raises(PortBusy, match="used by another program"):
        open_line(modem.port)


def test_a_port_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("x")
    with pytest.raises(NoPort, match="no port"):
        open_line(str(tmp_path / "ttyUSB0"))
    with pytest.raises(NotASerialPort):
        open_line(str(tmp_path / "notes"))
    with pytest.raises(NotASerialPort):
        open_line("gopher://x")
    with pytest.raises(NoPort):
        open_line("socket://127.0.0.1:9")


def test_a_cable_that_is_pulled() -> None:
    cable = Cable()
    with open_line(cable.right) as line:
        cable.pull()
        with pytest.raises(Unplugged, match="gone"):
            line.read(1, 5)
