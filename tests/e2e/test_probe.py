"""`simbond probe` on real pseudo-terminals: a modem, the agent under MicroPython, and ports that behave badly."""

import os
import runpy
import select
import signal
import socket
import subprocess
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import serial

from simbond_tools.emulator import Card, Modem, ReplayedModem
from simbond_tools.field import errors, holders
from simbond_tools.field.asking import BAUDS, ask
from simbond_tools.field.line import open_line
from simbond_tools.field.modem import ModemOnLine
from simbond_tools.field.reading import read_modem
from simbond_tools.field.transcript import Transcript
from support import schemas
from support.cable import AgentOnCable
from support.cards import CARD
from support.screens import Terminal, kept, run
from support.server import SIMBOND, simbond

IMEI = "865409061001233"
HOME = {"plmn": "46004", "operator": "CHINA MOBILE", "rsrp_dbm": -87, "rssi_dbm": -57, "rsrq_db": -9}


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentOnCable]:
    with AgentOnCable(tmp_path_factory.mktemp("device"), imei=IMEI) as device:
        device.move(**HOME)
        device.process.wait_for("stored")
        yield device


def probed(port: str, *more: str) -> dict[str, Any]:
    done = simbond("probe", "--port", port, "--json", *more)
    assert (done.returncode, done.stderr) == (0, ""), done
    return schemas.read(done.stdout)


def refused(port: str, *more: str) -> tuple[int, dict[str, Any]]:
    """Exit code and error of a probe that finds nobody; within bounded time."""
    done = simbond("probe", "--port", port, "--json", *more)
    return done.returncode, schemas.read(done.stdout)["error"]


# --- what it finds ----------------------------------------------------------------------------------------------------


def test_a_modem(device: AgentOnCable) -> None:
    found = probed(device.modem_port)
    assert (found["kind"], found["baud"]) == ("modem", 115200)
    assert found["modem"]["dialect"] == "quectel"
    assert found["modem"]["identity"] == {"imei": IMEI, "sim": "ready", "iccid": CARD.iccid, "imsi": CARD.imsi}
    assert found["modem"]["cell"]["reg"] == "home"
    assert found["modem"]["signal"] == "good"


def test_an_agent_and_what_it_attests(device: AgentOnCable) -> None:
    found = probed(device.port)
    agent = found["agent"]
    assert found["kind"] == "agent"
    assert agent["kid"] == device.process.events[0]["kid"] == agent["attests"]["kid"]
    assert agent["attests"]["imei"] == IMEI[:14]
    assert (agent["attests"]["iccid"], agent["attests"]["imsi"]) == (CARD.iccid, CARD.imsi)
    assert agent["attests"]["cell"]["plmn"] == "46004"
    assert "start" in agent["status"]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_screen_of_a_modem(device: AgentOnCable, lang: str) -> None:
    status, terminal = run("probe", "--port", device.modem_port, lang=lang)
    assert status == 0
    kept("probe-modem", terminal, {device.modem_port: "/dev/ttyUSB2"})


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_screen_of_an_agent(device: AgentOnCable, lang: str) -> None:
    status, terminal = run("probe", "--port", device.port, lang=lang)
    assert status == 0
    kid = device.process.events[0]["kid"]
    kept("probe-agent", terminal, {device.port: "/dev/ttyACM0", kid: "3925b726f7929926"})


def test_a_modem_over_a_socket(device: AgentOnCable) -> None:
    with _served(device.modem_port) as url:
        assert probed(url)["modem"]["identity"]["iccid"] == CARD.iccid


@contextmanager
def _served(port: str) -> Iterator[str]:
    """The port, on TCP, as a device server has it."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def carry() -> None:
        with serial.Serial(port, timeout=0) as line:
            client: socket.socket | None = None
            while not stop.is_set():
                ready, _, _ = select.select([listener, line, *([client] if client else [])], [], [], 0.05)
                if listener in ready:
                    client = listener.accept()[0]
                if client and client in ready:
                    data = client.recv(4096)
                    line.write(data)
                    if not data:
                        client.close()
                        client = None
                if line in ready:
                    data = line.read(4096)
                    if client:
                        client.sendall(data)
            if client:
                client.close()

    thread = threading.Thread(target=carry)
    thread.start()
    try:
        yield f"socket://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        thread.join()
        listener.close()


# --- how it behaves ---------------------------------------------------------------------------------------------------


def ask_modem(port: str, command: str, until: bytes = b"OK\r\n") -> bytes:
    with serial.Serial(port, timeout=60) as line:
        line.write(command.encode() + b"\r")
        return line.read_until(until)


def test_a_modem_is_left_as_it_was() -> None:
    with Modem("ublox-sara-r5", card=CARD) as modem:
        ask_modem(modem.port, "AT+CMEE=2")
        ask_modem(modem.port, "AT+CEREG=1")
        asked = ("AT+CMEE?", "AT+CREG?", "AT+CEREG?", "AT+UCGED?", "AT+USIMSTAT?", "AT+COPS?")
        before = [ask_modem(modem.port, command) for command in asked]
        probed(modem.port)
        assert [ask_modem(modem.port, command) for command in asked] == before  # with the echo in each


def test_a_port_of_another_program_is_not_taken(device: AgentOnCable) -> None:
    code, error = refused(device.modem.port)  # the agent has it
    assert (code, error["code"]) == (7, "port-busy")
    assert "used by" in error["detail"]
    assert str(device.process._process.pid) in error["detail"]  # type: ignore[union-attr]


def test_a_lock_file_is_honoured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holders, "_LOCK_FOLDERS", (tmp_path,))
    lock = tmp_path / "LCK..ttyUSB7"
    lock.write_text(f"{os.getppid():10d}\n")
    assert holders.holder_of("/dev/ttyUSB7") == holders.Holder(os.getppid(), holders._name(os.getppid()))
    lock.write_text(" 999999999\n")  # of a program that is gone
    assert holders.holder_of("/dev/ttyUSB7") is None


def test_while_it_asks_nobody_else_gets_the_port(device: AgentOnCable) -> None:
    with open_line(device.modem_port), pytest.raises(serial.SerialException):
        serial.Serial(device.modem_port, exclusive=True)


def test_a_port_that_is_none() -> None:
    done = simbond("probe", "--port", "/dev/ttyUSB99")
    assert done.returncode == 7
    assert done.stderr == "Error: There is no port /dev/ttyUSB99. Plug the cable in, or name another port.\n"
    assert simbond("probe", "--port", "gopher://x").returncode == 7


def test_watching_a_pipe_gives_a_document_for_each_change(device: AgentOnCable) -> None:
    command = [*SIMBOND, "probe", "--port", device.modem_port, "--watch", "--interval", "0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        first = schemas.read(process.stdout.readline())
        device.move(rsrp_dbm=-118)
        second = schemas.read(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        _rest, errors = process.communicate(timeout=90)
    device.move(**HOME)
    assert (first["modem"]["signal"], second["modem"]["signal"]) == ("good", "very weak")
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert b"\r\nOK" in ask_modem(device.modem_port, "ATE1")  # the port is free again


def test_watching_a_terminal_shows_a_table_that_changes(device: AgentOnCable) -> None:
    with Terminal("probe", "--port", device.modem_port, "--watch", "--interval", "0.1") as terminal:
        terminal.until("good: RSRP -87 dBm")
        device.move(rsrp_dbm=-110)
        terminal.until("weak: RSRP -110 dBm")
        assert "-87" not in terminal.text
        terminal.interrupt()
        assert terminal.end() == 130
    device.move(**HOME)


# --- transcripts ------------------------------------------------------------------------------------------------------


def test_what_was_recorded_is_read_again_with_other_identities(tmp_path: Path) -> None:
    path = tmp_path / "strange.jsonl"
    card = Card(iccid="89860490127123456708", imsi="460049012345678")
    with Modem("telit-me910", imei=IMEI, card=card) as modem, Transcript(path) as transcript:
        ask(modem.port, transcript=transcript)
        original = _read(modem.port, transcript)
    said = path.read_text()
    for personal in ("0127123456708", "12345678", "61001233", "9012345678", "2143658"):
        assert personal not in said
    with ReplayedModem(path) as replayed:
        again = [_read(replayed.port), _read(replayed.port)]
    assert again[0] == again[1]
    identity = {"imei": "865409060000012", "sim": "ready", "iccid": "89860400000000000122", "imsi": "460040000000001"}
    assert again[0] == original | {"identity": original["identity"] | identity}


def _read(port: str, transcript: Transcript | None = None) -> dict[str, Any]:
    with open_line(port, transcript=transcript) as line, ModemOnLine(line) as modem:
        return read_modem(modem)


def test_from_the_field_to_the_desk_by_commands(device: AgentOnCable, tmp_path: Path) -> None:
    path, link = tmp_path / "strange.jsonl", tmp_path / "ttyA"
    original = probed(device.modem_port, "--transcript", str(path))
    assert CARD.iccid[6:] not in path.read_text()
    with subprocess.Popen(
        [*SIMBOND, "emulate", "--replay", str(path), "--link", str(link), "--json"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        schemas.read(process.stdout.readline())
        again = probed(str(link))
        assert ask_modem(str(link), "AT+NEVER", b"ERROR\r\n") == b"\r\nERROR\r\n"
        process.terminate()
        assert process.wait(90) == 0
    assert again["modem"]["cell"] == original["modem"]["cell"]
    assert again["modem"]["identity"]["iccid"][:6] == CARD.iccid[:6]
    assert not link.is_symlink()


def test_a_transcript_with_identities_warns(device: AgentOnCable, tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    done = simbond("probe", "--port", device.modem_port, "--transcript", str(path), "--unredacted")
    assert "personal data" in done.stderr
    assert CARD.iccid in path.read_text()
    assert simbond("probe", "--unredacted").returncode == 2


def test_a_transcript_that_cannot_be_written_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    done = simbond("probe", "--port", "/dev/null", "--transcript", str(tmp_path / "no" / "file"))
    assert done.returncode == 7
    assert "Cannot write" in done.stderr


@pytest.mark.parametrize("wrong", [["--replay", "x", "--profile", "generic"], ["--timed"], ["--replay", "/none"]])
def test_a_replay_that_cannot_be_is_refused(wrong: list[str]) -> None:
    done = simbond("emulate", *wrong)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


# --- ports that behave badly ------------------------------------------------------------------------------------------


@contextmanager
def badly_behaved(answer: Callable[[int, int, bytes], None], flood: bytes = b"") -> Iterator[str]:
    """A port whose other end calls answer(master, slave, what the host sent), and sends flood as fast as it is read."""
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            readable, writable, _ = select.select([master], [master] if flood else [], [], 0.05)
            try:
                if readable:
                    answer(master, slave, os.read(master, 4096))
                if writable:
                    os.write(master, flood)
            except BlockingIOError:
                continue
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        stop.set()
        thread.join()
        for fd in (master, slave):
            try:
                os.close(fd)
            except OSError:
                continue


def nothing(_master: int, _slave: int, _data: bytes) -> None:
    """Never answers."""


def echo(master: int, _slave: int, data: bytes) -> None:
    os.write(master, data)


def half_a_line(master: int, _slave: int, _data: bytes) -> None:
    os.write(master, b"\r\n+CME ERR")


def login(master: int, _slave: int, _data: bytes) -> None:
    os.write(master, b"\r\nmeter login: ")


@pytest.mark.parametrize(
    ("answer", "flood", "problem"),
    [
        (nothing, b"", "nothing answers"),
        (echo, b"", "only gives back"),
        (half_a_line, b"", "something speaks"),
        (login, b"", "something speaks"),
        (nothing, bytes(range(128, 256)) * 8, "diagnostics port"),
        (nothing, b"$GPGGA,120000,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n", "GNSS"),
        (nothing, b'{"event": ' * 50, "something speaks"),
        (nothing, b"\r\n", "something speaks"),
    ],
    ids=["silent", "echo", "half", "login", "binary", "gnss", "json", "lines"],
)
def test_a_port_that_is_something_else_is_said_to_be(
    answer: Callable[[int, int, bytes], None], flood: bytes, problem: str
) -> None:
    with badly_behaved(answer, flood) as port:
        found = ask(port, 115200)
    assert found.kind == "silent"
    assert problem in found.why


def test_nobody_there_ends_in_a_sentence_that_names_the_port() -> None:
    with badly_behaved(nothing) as port:
        code, error = refused(port, "--baud", "115200")
    assert (code, error["code"]) == (3, "no-answer")
    assert error["faults"] == [{"at": port, "problem": "nothing answers"}]


def test_a_modem_that_falls_silent_after_the_first_answer() -> None:
    answered = []

    def once(master: int, _slave: int, data: bytes) -> None:
        if not answered:
            answered.append(data)
            os.write(master, b"\r\nOK\r\n")

    with badly_behaved(once) as port:
        code, error = refused(port)
    assert (code, error["code"]) == (3, "no-modem")


def test_a_cable_that_is_pulled_while_a_modem_is_read() -> None:
    asked = []

    def pulled(master: int, slave: int, data: bytes) -> None:
        asked.append(data)
        if len(asked) < 4:
            os.write(master, b"\r\nOK\r\n")
        else:
            os.close(slave)
            os.close(master)
            raise OSError

    with badly_behaved(pulled) as port:
        code, error = refused(port)
    assert (code, error["code"]) == (3, "unplugged")
    assert "cable was pulled" in error["detail"]


@pytest.mark.parametrize("baud", [9600, 921600])
def test_the_speed_is_found(baud: int) -> None:
    wanted = getattr(termios, f"B{baud}")

    def at_its_speed(master: int, slave: int, data: bytes) -> None:
        right = termios.tcgetattr(slave)[5] == wanted
        os.write(master, b"\r\nOK\r\n" if right and b"AT\r" in data else bytes(byte ^ 0xA5 for byte in data))

    with badly_behaved(at_its_speed) as port:
        found = ask(port)
    assert (found.kind, found.baud) == ("modem", baud)
    assert baud in BAUDS


def test_micropython_without_an_agent() -> None:
    def repl(master: int, _slave: int, data: bytes) -> None:
        assert b"\x03" not in data
        os.write(master, data + b"\nTraceback (most recent call last):\r\nNameError: name 'AT' isn't defined\r\n>>> ")

    with badly_behaved(repl) as port:
        found = probed(port)
    assert found["kind"] == "micropython"


def test_a_flood_does_not_prolong_it() -> None:
    with badly_behaved(nothing, b"\xff\x00" * 2000) as port:
        began = time.monotonic()
        ask(port, 115200)
        assert time.monotonic() - began < 60  # 2 s on an idle machine


def test_the_documented_code_of_every_error() -> None:
    codes = {e.code for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.FieldError)}
    told = (Path(__file__).parents[2] / "docs" / "probe.md").read_text()
    assert {code for code in codes if f"`{code}`" not in told} == set()


def test_the_example_in_the_documents_runs() -> None:
    example = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "transcript_pytest.py"))
    example["test_the_strange_modem_is_understood"]()
