"""A board's ROMFS partition, from which MicroPython runs code where it lies: its image is replaced as a whole.

Sources: MicroPython's extmod/vfs.h (rom_ioctl) and the ports' vfs_rom_ioctl.c. The firmware mounts the first partition
at /rom before boot.py runs, if it holds an image, and looks into it for modules before it looks into /lib.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping

from simbond_tools.i18n import _

from .board import Board, BoardError, literal
from .contents import Agent
from .files import CHUNK, Full, NotWritten
from .plan import ROM, Present
from .survey import IN_ROM, Survey, Unfit

SMALL_HEAP = 100_000
"""Octets that are free before anything starts. A working agent takes some 45 000 of them with its code in ROMFS
(docs/cortex-m3.md), else 30 000 more: below this, TLS and a maker's application would have less than 25 000 to share.
"""

# A partition is memory that rom_ioctl writes, or on some ports a block device, which is memory to read all the same.
_HELPERS = """\
import vfs
from binascii import a2b_base64, hexlify
from hashlib import sha256
def _ok(n):
    if n < 0:
        raise OSError(-n)
    return n
_dev = vfs.rom_ioctl(2, 0) if hasattr(vfs, "rom_ioctl") and vfs.rom_ioctl(1) > 0 else -1
_block = _dev.ioctl(5, 0) if hasattr(_dev, "ioctl") else 0
_size = 0 if isinstance(_dev, int) else _block * _dev.ioctl(4, 0) if _block else len(_dev)
def _prepare(size):
    try:
        vfs.umount("/rom")
    except OSError:
        pass
    if not _block:
        return _ok(vfs.rom_ioctl(3, 0, size))
    for n in range((size + _block - 1) // _block):
        _dev.ioctl(6, n)
    return 1
def _put(at, octets):
    if _block:
        _dev.writeblocks(at // _block, octets, at % _block)
    else:
        _ok(vfs.rom_ioctl(4, 0, at, octets))
def _end():
    if not _block:
        vfs.rom_ioctl(5, 0)
"""


class Rom:
    """The ROMFS partition. size: its octets, 0 where a board has none. Every method raises BoardError and Unplugged."""

    def __init__(self, board: Board) -> None:
        self._board = board
        board.run(_HELPERS)
        match board.value("_size"):
            case int(size):
                self.size = size
            case other:
                raise BoardError(repr(other))

    def begins(self, size: int) -> Present:
        """Its first octets."""
        digest = self._board.value(f"hexlify(sha256(memoryview(_dev)[:{size}]).digest()).decode()")
        return Present(min(size, self.size), str(digest))

    def write(self, image: bytes, written: Callable[[int], None]) -> None:
        """Puts an image there, its begin last: one that was cut is none, and is not mounted.

        Nothing may have been imported from the old one since the board's restart. written: called with the number of
        octets of every piece. Raises Unfit, NotWritten.
        """
        try:
            least = literal(self._board.run(f"print(_prepare({len(image)}))"))
        except BoardError as e:
            raise Unfit(
                _(
                    "The board's ROMFS partition cannot be written ({said}): --no-romfs puts the agent among the files."
                ).format(said=e.said)
            ) from None
        piece = CHUNK if not isinstance(least, int) or least < 1 else -(-CHUNK // least) * least
        for start in (*range(piece, len(image), piece), 0):
            octets = image[start : start + piece]
            self._board.run(f"_put({start}, a2b_base64({b64encode(octets.ljust(piece, bytes(1)))!r}))")
            written(len(octets))
        self._board.run("_end()")
        if self.begins(len(image)) != Present.of(image):
            raise NotWritten(
                _(
                    "{path} reads back otherwise than it was written: try again; if it stays so, the flash is worn out."
                ).format(path=ROM)
            )


def is_for(survey: Survey, rom: Rom, agent: Agent, mounted: Mapping[str, Present | None], asked: bool | None) -> bool:
    """Whether the agent goes there. mounted: what is there now; asked: None where nobody says. Raises Unfit."""
    if asked and not rom.size:
        raise Unfit(
            _(
                "The board has no ROMFS partition: freeze the agent into its firmware (agent/README.md#parts), or "
                "leave out --romfs."
            )
        )
    if asked and not agent.is_compiled:
        raise Unfit(_("Source gains nothing in ROMFS, and the agent cannot be compiled: {why}.").format(why=agent.why))
    if asked is None:
        return bool(rom.size and agent.is_compiled and (survey.heap < SMALL_HEAP or IN_ROM in mounted))
    return asked


def check(image: bytes, rom: Rom, mounted: Mapping[str, Present | None], *, replace: bool) -> None:
    """Raises Full or Unfit where the image cannot take the place of what is there."""
    if -(-len(image) // CHUNK) * CHUNK > rom.size:
        raise Full(
            _(
                "The agent takes {octets} octets, the board's ROMFS partition has {size}: use fewer parts, or "
                "--no-romfs."
            ).format(octets=len(image), size=rom.size)
        )
    others = sorted(path for path, file in mounted.items() if file and not path.startswith(IN_ROM + "/"))
    if others and not replace:
        raise Unfit(
            _(
                "The board's ROMFS image is replaced as a whole, and holds other files, as {file}: --replace-romfs "
                "gives them up, --no-romfs leaves it alone."
            ).format(file=others[0])
        )
