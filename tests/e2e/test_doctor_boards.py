"""`simbond doctor` on a board at the MicroPython prompt: why the agent does not run, and how it comes back."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from simbond_tools.doctor import Diagnosis, Findings, judge
from simbond_tools.doctor.gather import gather
from simbond_tools.emulator import Modem
from simbond_tools.field.line import open_line
from support.cable import agent_rom
from support.cards import CARD
from support.repl_board import ReplBoard
from support.screens import kept, run

MAIN = b"import board\nfrom simbond_agent import run\nrun(board)\n"
BOARD = b"""\
import sys
from machine import UART

url = "http://127.0.0.1:9"
state_dir = "/simbond"
scenario = 1
spool = 0


def at_stream():
    return UART(1, 115200)


def console():
    return sys.stdin.buffer
"""
PARTS = ("quectel.mpy", "http.mpy", "console.mpy")


def agent() -> dict[str, bytes]:
    """The agent as compiled files, with the parts of this board."""
    folder = agent_rom().parent / "rom" / "simbond_agent"
    optional = ("mqtt", "quecpython", "native", "atecc", "iot_safe")
    return {
        f"/lib/simbond_agent/{path.relative_to(folder)}": path.read_bytes()
        for path in folder.rglob("*.mpy")
        if path.name in PARTS or not any(word in str(path.relative_to(folder)) for word in optional)
    }


@pytest.fixture(scope="module")
def modem() -> Iterator[Modem]:
    with Modem("quectel-ec25", card=CARD) as modem:
        yield modem


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flash of a board with the agent on it, and nothing that starts it."""
    folder = tmp_path_factory.mktemp("flash")
    with ReplBoard(folder / "board", blocks=128) as board:
        board.stop()
        files = list(agent().items())
        for some in range(0, len(files), 8):  # they go by the command line
            board.put(dict(files[some : some + 8]))
    return folder / "board" / "medium"


@pytest.fixture
def board(tmp_path: Path, modem: Modem, medium: Path) -> Iterator[ReplBoard]:
    with ReplBoard(tmp_path / "board", tty=modem.port, blocks=128) as board:
        board.stop()
        shutil.copy(medium, tmp_path / "board" / "medium")
        yield board


def started(board: ReplBoard, files: dict[str, bytes]) -> ReplBoard:
    board.put(files)
    board.start()
    return board


def look(board: ReplBoard, *, start: bool = False) -> Diagnosis:
    return judge(Findings.read(gather(board.port, start=start)))


def silence(board: ReplBoard) -> None:
    """Takes what the board has said until its prompt, as a terminal program did that is closed now."""
    board.until_it_says(b">>> ")
    with open_line(board.port) as line:
        while line.read(4096, 1):
            pass


def test_settings_that_cannot_work(board: ReplBoard) -> None:
    started(board, {"/main.py": MAIN, "/board.py": BOARD.replace(b"url = ", b"uri = ")})
    silence(board)
    port = os.path.realpath(board.port)
    for lang in ("en", "zh"):
        status, terminal = run("doctor", "--port", port, lang=lang)
        replace = {f"$ simbond doctor --port {port}": "$ simbond doctor", port: "/dev/ttyACM0"}
        kept("doctor-agent-stopped", terminal, replace)
        assert status == 22
    restarted = look(board, start=True)
    assert (restarted.verdict.code, restarted.judged.detail) == ("agent-setup", "the board file lacks url")


def test_a_key_that_is_damaged(board: ReplBoard) -> None:
    started(board, {"/main.py": MAIN, "/board.py": BOARD, "/simbond/key": b"rotten"})
    board.until_it_says(b">>> ")  # it waits in the cable for whoever opens the port
    assert look(board).verdict.code == "key-damaged"
    assert look(board).verdict.code == "agent-stopped", "it said so once, and nothing is restarted unasked"
    assert look(board, start=True).verdict.code == "key-damaged"


def test_a_program_that_fails_before_the_agent(board: ReplBoard) -> None:
    started(board, {"/main.py": b"import bord\n"})
    restarted = look(board, start=True)
    assert (restarted.verdict.code, restarted.judged.detail) == ("agent-stopped", "ImportError: no module named 'bord'")


def test_an_agent_that_somebody_stopped_runs_again(board: ReplBoard) -> None:
    started(board, {"/main.py": MAIN, "/board.py": BOARD})
    assert look(board).verdict.code == "server-refused"
    with open_line(board.port) as line:
        line.write(b"\x03")
        said = b""
        while b">>> " not in said:
            said += line.read(4096, 1)
    assert look(board).verdict.code == "agent-stopped"
    assert look(board, start=True).verdict.code == "server-refused"
