"""A board on which `simbond flash` did not get far goes on with what it did before."""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simbond_tools.field.find import find
from simbond_tools.field.line import Line, open_line
from support.repl_board import ReplBoard
from support.server import SIMBOND, simbond

EXAMPLE = Path(__file__).parents[2] / "examples" / "pico-bg95"
AT_WORK = b"print('at work')\n"


@pytest.fixture
def board(tmp_path: Path) -> Iterator[ReplBoard]:
    board = ReplBoard(tmp_path / "board")
    board.put({"/main.py": AT_WORK})
    with board:
        yield board


def test_a_refused_flash_lets_the_boards_program_run_again(board: ReplBoard) -> None:
    done = simbond("flash", "--board", str(EXAMPLE), "--with", "quectel", "--port", board.port)

    assert done.returncode == 2, done.stderr  # the example's url is nobody's
    assert is_at_work(board)
    board.stop()
    assert board.files()["/main.py"] == AT_WORK


def test_ctrl_c_before_anything_was_written_lets_it_run_again(board: ReplBoard) -> None:
    arguments = ("flash", "--board", str(EXAMPLE), "--with", "quectel", "--port", board.port)
    starts = board.starts
    with subprocess.Popen([*SIMBOND, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        while board.starts == starts and run.poll() is None:
            time.sleep(0.001)
        run.send_signal(signal.SIGINT)

    assert is_at_work(board)


def is_at_work(board: ReplBoard) -> bool:
    """Whether main.py has run since the port was closed, or the prompt stands where it ended."""
    with open_line(board.port) as line:
        said = heard(line)
    return b"at work" in said or find(board.port).kind == "micropython"


def heard(line: Line) -> bytes:
    said = b""
    deadline = time.monotonic() + 2
    while b"at work" not in said and time.monotonic() < deadline:
        said += line.read(4096, 0.1)
    return said
