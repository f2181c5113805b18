"""The files of a board: listed with their hashes, written so that a cut leaves the old file or the new one."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from simbond_tools.field.errors import FieldError
from simbond_tools.i18n import _

from .board import Board, BoardError, literal
from .plan import PART, Present

CHUNK = 512  # octets at once: what is sent is compiled on the board, in a heap that may be small
_TEXT_MAX = 1 << 16

# Octets go over the line as base64, and are hashed in pieces. FAT renames onto no file that is there.
_HELPERS = """\
import os
from binascii import a2b_base64, hexlify
from hashlib import sha256
def _sum(path):
    h, size, b = sha256(), 0, bytearray(512)
    m = memoryview(b)
    with open(path, "rb") as f:
        while True:
            n = f.readinto(b)
            if not n:
                return size, hexlify(h.digest()).decode()
            size += n
            h.update(m[:n])
def _show(path):
    try:
        print(repr((path,) + _sum(path)))
    except OSError:
        pass
def _walk(path):
    try:
        entries = list(os.ilistdir(path))
    except OSError:
        return
    print(repr((path, None, None)))
    for entry in entries:
        (_walk if entry[1] & 0x4000 else _show)(path + "/" + entry[0])
def _move(old, new):
    os.stat(old)
    try:
        os.rename(old, new)
    except OSError:
        os.remove(new)
        os.rename(old, new)
def _make(path):
    try:
        os.mkdir(path)
    except OSError:
        os.stat(path)
"""


class NotWritten(FieldError):
    """What was read back is not what was written: the flash is worn out, or the line loses octets."""

    code = "not-written"


class Full(FieldError):
    """There is no room for a file."""

    code = "board-full"


@dataclass(frozen=True)
class Space:
    """Room on the file system: octets of a block, and free blocks."""

    block: int
    free: int


class Files:
    """The files on a board. Every method raises Unplugged, and BoardError for what MicroPython has against it."""

    def __init__(self, board: Board) -> None:
        self._board = board
        board.run(_HELPERS)

    def listed(self, folder: str, more: Iterable[str]) -> dict[str, Present | None]:
        """Everything below a folder, and more files as far as they are there; None for a folder."""
        shown = self._board.run("".join([f"_walk({folder!r})\n", *(f"_show({path!r})\n" for path in more)]))
        return dict(_listed(shown))

    def space(self, path: str) -> Space:
        match self._board.value(f"os.statvfs({path!r})"):
            case (int(block), int(), int(), int(free), *_):
                return Space(block, free)
            case other:
                raise BoardError(repr(other))

    def names(self, folder: str) -> list[str]:
        """What is in a folder."""
        names = self._board.value(f"os.listdir({folder!r})")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise BoardError(repr(names))
        return names

    def text(self, path: str) -> str:
        """A text file. Raises BoardError where it is not there or no text."""
        self._board.run(f"f = open({path!r}, 'rb')")
        octets = b""
        while piece := self._board.value(f"f.read({CHUNK})"):
            if not isinstance(piece, bytes) or len(octets) > _TEXT_MAX:
                raise BoardError(_("{path} is no text").format(path=path))
            octets += piece
        self._board.run("f.close()")
        try:
            return octets.decode()
        except UnicodeDecodeError:
            raise BoardError(_("{path} is no text").format(path=path)) from None

    def write(self, path: str, octets: bytes, written: Callable[[int], None]) -> None:
        """Puts octets into a file: under another name, read back as a hash, then renamed.

        written: called with the number of octets of every piece. Raises NotWritten, Full.
        """
        part = path + PART
        try:
            self._board.run(f"f = open({part!r}, 'wb')")
            for start in range(0, len(octets), CHUNK):
                piece = octets[start : start + CHUNK]
                self._board.run(f"f.write(a2b_base64({b64encode(piece)!r}))")
                written(len(piece))
            self._board.run("f.close()")
        except BoardError as e:
            raise self._explained(e, path) from None
        if self._board.value(f"_sum({part!r})") != (len(octets), sha256(octets).hexdigest()):
            raise NotWritten(
                _(
                    "{path} reads back otherwise than it was written: try again; if it stays so, the flash is worn out."
                ).format(path=path)
            )
        self.move(part, path)

    def move(self, old: str, new: str) -> None:
        self._board.run(f"_move({old!r}, {new!r})")

    def remove(self, path: str) -> None:
        self._board.run(f"os.remove({path!r})")

    def remove_folder(self, path: str) -> None:
        self._board.run(f"os.rmdir({path!r})")

    def make_folder(self, path: str) -> None:
        """Makes a folder, whose parent exists, unless it is there."""
        self._board.run(f"_make({path!r})")

    @staticmethod
    def _explained(error: BoardError, path: str) -> FieldError:
        if "ENOSPC" in error.said or error.said.endswith(" 28"):
            return Full(_("There is no room for {path} on the board.").format(path=path))
        return error


def _listed(shown: str) -> Iterator[tuple[str, Present | None]]:
    for line in shown.splitlines():
        match literal(line):
            case (str(path), None, None):
                yield path, None
            case (str(path), int(size), str(digest)):
                yield path, Present(size, digest)
            case other:
                raise BoardError(repr(other))
