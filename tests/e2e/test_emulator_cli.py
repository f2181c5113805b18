"""`simbond emulate` as a process, as a device maker's CI starts it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import serial

from support import schemas

COMMAND = [sys.executable, "-m", "simbond_tools.cli", "emulate"]
CARD = ["--iccid", "8988300000001234567", "--imsi", "001010123456789"]
PATIENCE = 90


@contextmanager
def emulate(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its first line of output, which says that it is ready."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    try:
        assert process.stdout
        first = process.stdout.readline()
        assert first, process.communicate(timeout=PATIENCE)
        yield process, first
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def refused(*arguments: str) -> str:
    """What a run with bad input says; it has to be one line, with exit code 2."""
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def control(path: Path, *lines: str) -> list[dict[str, Any]]:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(str(path))
        client.sendall("".join(line + "\n" for line in lines).encode())
        with client.makefile(encoding="utf-8") as answers:
            return [json.loads(answers.readline()) for _ in lines]


def ask(port: str, command: str) -> bytes:
    with serial.Serial(port, timeout=PATIENCE) as host:
        host.write(command.encode() + b"\r")
        return host.read_until(b"OK\r\n")


def test_one_modem_in_words(tmp_path: Path) -> None:
    link = tmp_path / "ttyA"
    with emulate("--profile", "quectel-bg95", "--imei", "00499901064001", *CARD, "--link", str(link)) as (
        process,
        line,
    ):
        assert line.startswith("modem: Quectel BG95-M3 (LTE-M, NB-IoT, GSM) on /dev/")
        assert line.rstrip().endswith(f"({link})")
        assert b"\r\n004999010640018\r\n" in ask(str(link), "AT+CGSN")
        assert b"+QCCID: 8988300000001234567F" in ask(str(link), "AT+QCCID")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert not link.is_symlink()


def test_two_modems_and_the_control_socket(tmp_path: Path) -> None:
    path = tmp_path / "ctl.sock"
    with emulate(
        "--modem",
        "A=quectel-ec25,iccid=8988300000001234567,imsi=001010123456789,tac=0x00C8",
        "--modem",
        "B=simcom-sim7600",
        "--control",
        str(path),
        "--json",
    ) as (process, line):
        ready = schemas.read(line)
        assert ready["control"] == str(path)
        assert path.stat().st_mode & 0o777 == 0o600
        ports = {name: modem["port"] for name, modem in ready["modems"].items()}
        assert ready["modems"]["A"]["tac"] == 0xC8
        swapped, status, wrong = control(path, "swap A B", "status", "dance")
        assert swapped["ok"]
        assert status["modems"]["B"]["iccid"] == "8988300000001234567"
        assert status["modems"]["A"]["sim"] == "empty"
        assert wrong == {"ok": False, "error": wrong["error"]}
        assert b"+CFUN: 1" in ask(ports["B"], "AT+CFUN?")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert not path.exists()


def test_clients_may_be_rude(tmp_path: Path) -> None:
    path = tmp_path / "ctl.sock"
    with emulate("--profile", "generic", "--control", str(path)):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"status" + b"x" * 10000)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"\xff\xfe\nstat")
        assert control(path, "status")[0]["ok"]


def test_socket_of_a_dead_emulator_is_replaced_and_of_a_living_one_not(tmp_path: Path) -> None:
    path = tmp_path / "ctl.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with emulate("--profile", "generic", "--control", str(path)):
        assert control(path, "status")[0]["ok"]
        assert "served by another emulator" in refused("--profile", "generic", "--control", str(path))
        assert control(path, "status")[0]["ok"]


def test_environment_twins() -> None:
    variables = {"SIMBOND_EMULATE_PROFILE": "generic", "SIMBOND_EMULATE_IMEI": "00499901064001", "SIMBOND_JSON": "1"}
    with emulate(**variables) as (_, line):
        assert schemas.read(line)["modems"]["modem"]["imei"] == "004999010640018"


def test_commands_typed_at_a_terminal() -> None:
    keyboard, terminal = os.openpty()
    process = subprocess.Popen(
        [*COMMAND, "--profile", "generic"], stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        assert process.stdout.readline().startswith("modem: ")
        os.write(keyboard, b"imei modem 00499901064001\nstatus\n")
        assert json.loads(process.stdout.readline())["imei"] == "004999010640018"
        assert json.loads(process.stdout.readline())["modems"]["modem"]["imei"] == "004999010640018"
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)
        os.close(keyboard)
        os.close(terminal)


def test_list_profiles() -> None:
    words = subprocess.run([*COMMAND, "--list-profiles"], capture_output=True, text=True, check=True).stdout
    assert "quectel-bg95     Quectel BG95-M3 (LTE-M, NB-IoT, GSM)\n" in words
    listed = subprocess.run([*COMMAND, "--list-profiles", "--json"], capture_output=True, text=True, check=True).stdout
    generic = {"name": "generic", "title": "plain 3GPP TS 27.007 module", "rats": ["LTE", "UMTS", "GSM"]}
    assert generic in schemas.read(listed)["profiles"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say what to emulate: --profile NAME"),
        (["--profile", "nokia"], "profile nokia: unknown; there are generic"),
        (["--profile", "./none.toml"], "profile ./none.toml: cannot be read"),
        (["--profile", "generic", "--imei", "12"], "IMEI '12': 15 digits are needed"),
        (["--profile", "generic", "--iccid", "8988300000001234567"], "a card needs iccid=... and imsi=..."),
        (["--profile", "generic", "--modem", "A=generic"], "give either --modem"),
        (["--modem", "generic"], "--modem 'generic': NAME=PROFILE"),
        (["--modem", "A=generic", "--modem", "A=generic"], "two modems 'A'"),
        (["--modem", "A=generic,tac"], "'tac': name=value is needed"),
        (["--modem", "A=generic,colour=red"], "a cell has no 'colour'"),
        (["--modem", "A=quectel-ec25,rat=NB-IoT"], "quectel-ec25 has no NB-IoT"),
        (["--profile", "generic", "--link", "/nowhere/tty"], "cannot make the link /nowhere/tty"),
        (["--profile", "generic", "--control", "/nowhere/ctl"], "cannot use the control socket /nowhere/ctl"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str) -> None:
    assert message in refused(*arguments)
