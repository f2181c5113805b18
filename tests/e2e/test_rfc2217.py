"""Every command that takes --port, on a port that is on the network: RFC 2217 with pyserial's server and with ser2net,
the plain sockets beside it, and what else may be written for a port."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial

from simbond_tools.demo.authority import make_authority
from simbond_tools.emulator import Modem
from simbond_tools.field.errors import FieldError, NotASerialPort, PortBusy, SpeedRefused, Unplugged
from simbond_tools.field.line import open_line
from support import schemas
from support.cards import CARD
from support.needs import program
from support.ports import free_port
from support.repl_board import ReplBoard
from support.rfc2217 import DeviceServer
from support.server import SIMBOND, simbond
from support.site import Site, site_on_cable

# pyserial 3.5 starts its thread in the way of Python 2.
pytestmark = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")

EXAMPLE = Path(__file__).parents[2] / "examples" / "esp32-uart"


@pytest.fixture(scope="module", name="modem")
def _modem() -> Iterator[Modem]:
    with Modem("quectel-ec25", card=CARD) as modem:
        yield modem


def probed(url: str, *more: str) -> dict:
    done = simbond("probe", "--port", url, "--json", *more)
    assert (done.returncode, done.stderr) == (0, ""), done
    return schemas.read(done.stdout)


def refused(url: str, *more: str, command: str = "probe") -> tuple[int, str, str]:
    """Exit code, code and sentence."""
    done = simbond(command, "--port", url, *more, "--json")
    error = schemas.read(done.stdout)["error"]
    assert "Traceback" not in done.stderr
    return done.returncode, error["code"], error["detail"]


# --- what works -------------------------------------------------------------------------------------------------------


def test_a_modem_is_read_as_on_a_cable_and_left_as_it_was(modem: Modem) -> None:
    direct = probed(modem.port)
    with DeviceServer(modem.port) as server:
        found = probed(server.url)
    assert found["modem"] == direct["modem"]
    with serial.Serial(modem.port, timeout=5) as line:
        line.write(b"AT+CMEE?\r")
        assert line.read_until(b"OK\r\n").startswith(b"AT+CMEE?\r")  # the echo is on again


@pytest.mark.parametrize("takes", [range(1_000_000), (9600, 19200, 115200)], ids=["all", "few"])
def test_the_speed_is_found_and_set_at_the_server(modem: Modem, takes: range | tuple[int, ...]) -> None:
    """One that takes few speeds is not given up at the first that it refuses."""
    with DeviceServer(modem.port, spoken=19200, takes=takes) as server:
        assert probed(server.url)["baud"] == 19200
    assert server.speeds[-1] == 19200


def test_ser2net(modem: Modem, tmp_path: Path) -> None:
    """The server that is found on Linux gateways; it is not pyserial's other half."""
    with ser2net(modem.port, tmp_path) as url:
        assert probed(url)["modem"]["identity"]["iccid"] == CARD.iccid
        with open_line(url) as line:
            line.write(b"AT\r")
            code, name, detail = refused(url)
    assert (code, name) == (7, "port-busy")
    assert "hangs up" in detail


@contextmanager
def ser2net(port: str, folder: Path) -> Iterator[str]:
    number = free_port()
    (folder / "ser2net.yaml").write_text(
        "%YAML 1.1\n---\n"
        f"connection: &port\n  accepter: telnet(rfc2217),tcp,127.0.0.1,{number}\n"
        f"  connector: serialdev,{os.path.realpath(port)},115200n81,local\n"
    )
    path = os.pathsep.join((os.environ["PATH"], "/usr/sbin"))
    command = [program("ser2net", package="ser2net", path=path), "-d", "-u", "-c", str(folder / "ser2net.yaml")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            until_listening(number)
            yield f"rfc2217://127.0.0.1:{number}?timeout=10"
        finally:
            process.terminate()


def until_listening(number: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", number)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="module", name="site")
def _site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with site_on_cable(folder, "861234050000010") as site:
        yield site.laptop(folder / "laptop")


def test_the_agent_is_checked_diagnosed_and_provisioned_there(site: Site, tmp_path: Path) -> None:
    station = str(tmp_path / "station")
    assert simbond("stations", "create", station, "--name", "line-1").returncode == 0
    with DeviceServer(site.device.port) as server:
        site.port = server.url
        assert site.check()["finding"] == "confirmed"
        said = simbond("doctor", "--port", server.url, "--json")
        done = simbond("provision", "--station", station, "--port", server.url, "--json")
    on_the_cable = simbond("doctor", "--port", site.device.port, "--json")
    assert (said.returncode, said.stderr) == (on_the_cable.returncode, "")
    assert schemas.read(said.stdout)["verdict"] == schemas.read(on_the_cable.stdout)["verdict"]
    (unit,) = schemas.read(done.stdout)["units"]
    assert (unit["outcome"], unit["iccid"], unit["reason"]) == ("endorsed", CARD.iccid, "")


def test_a_board_is_flashed_there_though_the_server_dies_and_comes_back(modem: Modem, tmp_path: Path) -> None:
    folder = tmp_path / "maker"
    folder.mkdir()
    for path in EXAMPLE.glob("*.py"):
        (folder / path.name).write_text(path.read_text().replace("verifier.example", "127.0.0.1:9"))
    authority = make_authority(tmp_path / "authority").ca_pem
    with ReplBoard(tmp_path / "board", tty=modem.port) as board:
        port = os.path.realpath(board.port)
        with DeviceServer(port, dies_after=20_000) as server:
            command = [*SIMBOND, "flash", "--board", str(folder), "--ca", str(authority), "--with", "quectel", "--json"]
            process = subprocess.Popen([*command, "--port", server.url], stdout=subprocess.PIPE, text=True)
            server.wait()
        with DeviceServer(port, number=server.number), process:
            printed, _errors = process.communicate(timeout=150)
    assert process.returncode == 0
    (found,) = schemas.read(printed)["boards"]
    assert found["bootcount"] == 1


@pytest.mark.parametrize("more", ["ign_set_control", "poll_modem", "poll_modem&ign_set_control"])
def test_the_options_that_pyserial_knows(modem: Modem, more: str) -> None:
    with DeviceServer(modem.port) as server, open_line(f"{server.url}&{more}") as line:
        line.write(b"AT\r")
        assert line.read(100, 10)


def test_what_pyserial_logs_goes_where_errors_go(modem: Modem) -> None:
    with DeviceServer(modem.port) as server:
        done = simbond("probe", "--port", f"{server.url}&logging=debug", "--json")
    assert schemas.read(done.stdout)["kind"] == "modem"
    assert "pySerial.rfc2217" in done.stderr


@pytest.mark.parametrize("prefix", ["spy://", "alt://", "hwgrep://"])
def test_other_names_for_a_port_of_this_machine(modem: Modem, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are its own alone, too."""
    monkeypatch.setattr("serial.tools.list_ports.grep", lambda _regexp: [(modem.port, "", "")])
    with open_line(prefix + modem.port) as line:
        line.write(b"AT\r")
        assert line.read(100, 10)
        with pytest.raises(PortBusy):
            open_line(modem.port)
    with open_line(modem.port), pytest.raises(PortBusy):
        open_line(prefix + modem.port)


# --- what does not ----------------------------------------------------------------------------------------------------


def test_a_server_that_dies_while_a_modem_is_read(modem: Modem) -> None:
    with DeviceServer(modem.port, dies_after=100) as server:
        code, name, detail = refused(server.url)
    assert (code, name) == (3, "unplugged")
    assert server.url in detail


def test_its_end_is_noticed_while_nothing_is_read_or_written(modem: Modem) -> None:
    with DeviceServer(modem.port) as server:
        line = open_line(server.url)
    with line, pytest.raises(Unplugged):
        line.read(1, 30)


def test_a_speed_that_it_does_not_take(modem: Modem) -> None:
    with DeviceServer(modem.port, takes=(9600, 115200)) as server:
        code, name, detail = refused(server.url, "--baud", "57600")
        with open_line(server.url) as line:
            with pytest.raises(SpeedRefused):
                line.set_baud(19200)
            assert line.baud == 115200
            line.write(b"AT\r")
            assert line.read(100, 10)
    assert (code, name) == (7, "speed")
    assert "57600" in detail
    assert "--baud" in detail
    assert server.speeds[-1] == 115200


def test_a_server_that_has_a_client_already(modem: Modem) -> None:
    with DeviceServer(modem.port) as server, open_line(server.url), pytest.raises(PortBusy, match="hangs up"):
        open_line(f"rfc2217://127.0.0.1:{server.number}")


@pytest.mark.parametrize("answer", [b"", None, b"\xff\xf0", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 100])
def test_somebody_who_speaks_no_rfc_2217(answer: bytes | None) -> None:
    """None: gives back what it gets; b"": says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=reply, args=(listener, answer)).start()
        with pytest.raises(NotASerialPort, match="socket://"):
            open_line(f"rfc2217://127.0.0.1:{listener.getsockname()[1]}?timeout=1")


def reply(listener: socket.socket, answer: bytes | None) -> None:
    """To all that one client sends."""
    with listener.accept()[0] as client:
        try:
            while received := client.recv(4096):
                client.sendall(received if answer is None else answer)
        except ConnectionError:
            return


@pytest.mark.parametrize(
    ("url", "code", "told"),
    [
        ("rfc2217://127.0.0.1:9", "no-port", "Connection refused"),
        ("socket://127.0.0.1:9", "no-port", "Connection refused"),
        ("rfc2217://nowhere.invalid:4000", "no-port", "Nothing answers"),
        ("rfc2217://127.0.0.1", "not-a-serial-port", "HOST:PORT"),
        ("socket://127.0.0.1", "not-a-serial-port", "HOST:PORT"),
        ("rfc2217://127.0.0.1:99999", "not-a-serial-port", "HOST:PORT"),
        ("rfc2217://127.0.0.1:ttyS0", "not-a-serial-port", "HOST:PORT"),
        ("rfc2217://", "not-a-serial-port", "HOST:PORT"),
        ("rfc2217://127.0.0.1:4000?baud=9600", "not-a-serial-port", "HOST:PORT"),
        ("rfc2217://127.0.0.1:4000?logging=loud", "not-a-serial-port", "HOST:PORT"),
        ("rfc2217://127.0.0.1:4000?timeout=soon", "not-a-serial-port", "HOST:PORT"),
        ("rfc2217:127.0.0.1:4000", "no-port", "rfc2217:127.0.0.1:4000"),
        ("hwgrep://no-such-port", "no-port", "no-such-port"),
        ("hwgrep://[", "not-a-serial-port", "hwgrep://["),
        ("spy:///dev/ttyUSB99", "no-port", "ttyUSB99"),
        ("gopher://127.0.0.1:4000", "not-a-serial-port", "gopher"),
    ],
)
def test_what_cannot_be_opened(url: str, code: str, told: str) -> None:
    with pytest.raises(FieldError) as refusal:
        open_line(url)
    assert refusal.value.code == code
    assert told in str(refusal.value)
    assert "NoneType" not in str(refusal.value)


@pytest.mark.parametrize("url", ["rfc2217://127.0.0.1:9", "rfc2217://127.0.0.1", "gopher://x", "hwgrep://["])
@pytest.mark.parametrize("command", ["probe", "flash --dry-run --with quectel"])
def test_every_command_says_so(command: str, url: str) -> None:
    name, *more = command.split()
    status, code, detail = refused(url, *more, command=name)
    assert (status, code in ("no-port", "not-a-serial-port")) == (7, True)
    assert url in detail


def test_a_loop_is_an_echo() -> None:
    done = simbond("probe", "--port", "loop://", "--json")
    (fault,) = schemas.read(done.stdout)["error"]["faults"]
    assert "only gives back" in fault["problem"]
