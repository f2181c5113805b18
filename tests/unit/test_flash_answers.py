"""What a board answers to `simbond flash` is a stranger's word: nonsense ends in a sentence, and endless words end."""

import pytest
import serial

from simbond_tools.field.errors import FieldError, Unplugged
from simbond_tools.flash import board as boards
from simbond_tools.flash.board import Board, BoardError
from simbond_tools.flash.files import Files
from simbond_tools.flash.modem import ask
from simbond_tools.flash.survey import look
from support.parrot import Parrot

NONSENSE = (
    "",
    "x",
    "1",
    "()",
    "[1, None]",
    "(" * 5000,
    "9" * 5000,
    "{[]: 1}",
    "__import__('os').getcwd()",
    "'\x1b[2J'",
)


@pytest.mark.parametrize("said", NONSENSE)
def test_nonsense_is_told_in_the_boards_words(said: str) -> None:
    board = Parrot(said)
    files = Files(board)
    for question in (lambda: look(board), lambda: files.space("/"), lambda: files.names("/")):
        with pytest.raises(BoardError) as refused:
            question()
        assert len(str(refused.value)) < 400
    if said:
        with pytest.raises(BoardError):
            files.listed("/", ())


@pytest.mark.parametrize("said", ["answers\n1", "answers\n[1, 2, 3]", "answers\n("])
def test_a_modem_that_nobody_can_read(said: str) -> None:
    class Modem(Parrot):
        def value(self, expression: str) -> bool:
            return False

    with pytest.raises(BoardError):
        ask(Modem(said))


def test_a_file_without_end_is_no_text() -> None:
    with pytest.raises(BoardError):
        Files(Parrot(repr(b"A" * 512))).text("/board.py")


class Babbler:
    """A port whose board comes to the raw REPL, and prints without end what it is told to run."""

    write_timeout = 0.0
    rts = dtr = False

    def __init__(self) -> None:
        self._said = b""
        self._endless = False

    def write(self, data: bytes) -> None:
        if data.endswith(b"\x01"):
            self._said = b"raw REPL; CTRL-B to exit\r\n>"
        elif data == b"\x04":
            self._endless, self._said = self._said == b"", b"OK\r\nraw REPL; CTRL-B to exit\r\n>"

    @property
    def in_waiting(self) -> int:
        return 64 if self._endless and not self._said else len(self._said)

    def inWaiting(self) -> int:
        return self.in_waiting

    def isOpen(self) -> bool:
        return True

    def read(self, most: int = 1) -> bytes:
        piece, self._said = self._said[:most], self._said[most:]
        return piece or (b"A" * most if self._endless else b"")

    def flush(self) -> None: ...

    def close(self) -> None: ...


def test_a_board_that_prints_without_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial, "serial_for_url", lambda *_arguments, **_more: Babbler())
    monkeypatch.setattr(boards, "_PRINTED_MAX", 10_000)
    with Board("/dev/babbler") as board, pytest.raises(Unplugged):
        board.run("print('A')")


def test_a_port_that_never_pauses_is_no_board(monkeypatch: pytest.MonkeyPatch) -> None:
    class Talker(Babbler):
        def __init__(self) -> None:
            super().__init__()
            self._endless = True

        def write(self, data: bytes) -> None: ...

    monkeypatch.setattr(serial, "serial_for_url", lambda *_arguments, **_more: Talker())
    monkeypatch.setattr(boards, "_PRINTED_MAX", 10_000)
    monkeypatch.setattr(boards, "_LAST_WORDS_S", 0.05)
    with pytest.raises(FieldError):
        Board("/dev/talker")
