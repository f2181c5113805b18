"""The technician's tools on a bad day: ports that are none or are taken, and streams that take nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simbond_tools.emulator import Modem
from simbond_tools.field.errors import FieldError, NoPort, NotASerialPort
from simbond_tools.field.find import find, survey
from simbond_tools.field.line import open_line
from simbond_tools.field.ports import Candidate, Rank
from support import schemas
from support.cards import CARD
from support.server import SIMBOND, simbond

MODEM_ONLY = 84  # doctor's verdict on a modem's own port
WELL = {"probe": 0, "doctor": MODEM_ONLY}


@pytest.fixture(scope="module")
def port() -> Iterator[str]:
    with Modem("quectel-ec25", card=CARD) as modem:
        yield modem.port


@contextmanager
def held(path: str) -> Iterator[int]:
    """Another program that has a file open. Yields its number."""
    program = "import sys; f = open(sys.argv[1], 'rb', 0); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        yield process.pid
        process.communicate()


# --- ports ------------------------------------------------------------------------------------------------------------


def no_ports(folder: Path) -> dict[str, type[FieldError]]:
    """What is no serial port, and what is said of it."""
    (folder / "file").touch()
    return {
        "/dev/null": NotASerialPort,
        str(folder): NotASerialPort,
        str(folder / "file"): NotASerialPort,
        str(folder / "missing"): NoPort,
        str(folder / "file" / "below"): NoPort,
    }


def test_what_is_no_serial_port_is_told_as_such_though_a_program_has_it_open(tmp_path: Path) -> None:
    with held("/dev/null"):
        for path, kind in no_ports(tmp_path).items():
            with pytest.raises(kind, match=path):
                open_line(path)


@pytest.mark.parametrize(("command", "status"), [(["probe"], 7), (["doctor"], 13), (["flash", "--with", "quectel"], 7)])
def test_every_command_says_so(command: list[str], status: int, tmp_path: Path) -> None:
    file = tmp_path / "家 file"
    file.touch()
    with held(str(file)):
        done = simbond(*command, "--port", str(file))
    assert (done.returncode, f"{file} is no serial port." in done.stdout + done.stderr) == (status, True), done


def test_a_named_port_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = simbond("doctor", "--port", str(tmp_path / "ttyUSB9"))
    assert (done.returncode, f"There is no port {tmp_path}/ttyUSB9." in done.stdout) == (10, True)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_program_that_has_the_port_is_named(port: str, language: str) -> None:
    with held(port) as number:
        told = {name: simbond("--lang", language, name, "--port", port) for name in WELL}
    assert {name: done.returncode for name, done in told.items()} == {"probe": 7, "doctor": 11}
    assert all(f"({number})" in done.stdout + done.stderr for done in told.values()), told


def test_a_port_that_vanishes_after_it_was_listed_does_not_keep_the_next_from_being_asked(port: str) -> None:
    gone, there = (Candidate(Rank.USB, place, url, "") for place, url in enumerate(["/dev/ttyUSB99", port]))
    asked = list(survey(ports=[gone, there]))
    assert [found.kind for found in asked] == ["silent", "modem"]
    assert asked[0].why.startswith("There is no port /dev/ttyUSB99.")


def test_a_port_that_is_found_and_then_gone_is_told(port: str) -> None:
    assert find(port).kind == "modem"
    with pytest.raises(NoPort):
        open_line(port + "9")


# --- streams ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", WELL)
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_an_output_that_is_full_is_told_on_the_other(command: str, more: tuple[str, ...], port: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*SIMBOND, command, "--port", port, *more], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (7, "Error: Cannot write: No space left on device.\n")


def test_where_nothing_can_be_said_the_status_is_left(port: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([*SIMBOND, "probe", "--port", port], stdout=full, stderr=full, check=False)
    assert done.returncode == 7


@pytest.mark.parametrize("command", WELL)
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_changes_nothing_else(command: str, closed: str, port: str) -> None:
    shell = ["sh", "-c", f'"$@" {closed}', "sh", *SIMBOND, command, "--port", port]
    done = subprocess.run(shell, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (WELL[command], "")
    assert (port in done.stdout) == (">&-" not in closed.replace("2>&-", ""))


@contextmanager
def no_reader() -> Iterator[int]:
    """A pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_reader_that_has_gone_ends_it_quietly(more: tuple[str, ...], port: str) -> None:
    """As `simbond doctor | head -1`, which takes no more than it wants."""
    with no_reader() as writing:
        done = subprocess.run(
            [*SIMBOND, "doctor", "--port", port, *more], stdout=writing, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("probe", "--help"), ()])
def test_nor_does_it_matter_what_it_read(words: tuple[str, ...]) -> None:
    with no_reader() as writing:
        done = subprocess.run([*SIMBOND, *words], stdout=writing, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("words", [("frobnicate",), ("probe", "--baudd"), ("probe", "--lang", "xx")])
def test_what_was_misspelt_is_a_usage_error_though_nobody_hears_it(words: tuple[str, ...]) -> None:
    with no_reader() as writing, open("/dev/full", "w") as full:
        ends = [subprocess.run([*SIMBOND, *words], stderr=deaf, check=False).returncode for deaf in (writing, full)]
    assert ends == [2, 2]


@pytest.mark.parametrize(
    "environment",
    [
        {"LANG": "", "LC_ALL": ""},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "40"},
        {"COLUMNS": "none"},
    ],
)
@pytest.mark.parametrize("command", WELL)
def test_no_environment_is_too_poor(command: str, environment: dict[str, str], port: str, tmp_path: Path) -> None:
    home = tmp_path / "家 目录"
    home.mkdir()
    for language in ("en", "zh"):
        done = subprocess.run(
            [*SIMBOND, "--lang", language, command, "--port", port],
            env={**os.environ, **environment, "HOME": str(home)},
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (WELL[command], b"")
        assert CARD.iccid.encode() in done.stdout


@pytest.mark.parametrize(
    "octets", [b"x = = 1", b"speling = 1", b"[probe]\nbaudd = 3", b"[probe]\nbaud = 'x'", bytes(range(256)), b"\0"]
)
def test_a_config_file_that_cannot_be_used_is_named(octets: bytes, port: str, tmp_path: Path) -> None:
    file = tmp_path / "设置 file.toml"
    file.write_bytes(octets)
    done = subprocess.run(
        [*SIMBOND, "probe", "--port", port, "--json"],
        env={**os.environ, "SIMBOND_CONFIG": str(file)},
        capture_output=True,
        text=True,
        check=False,
    )
    error = schemas.read(done.stdout)["error"]
    assert (done.returncode, str(file) in error["detail"], done.stderr) == (7, True, "")
