"""What a board is, as far as the agent cares."""

from dataclasses import dataclass

from simbond_tools import parts
from simbond_tools.field.errors import FieldError
from simbond_tools.i18n import _

from .board import Board, BoardError, literal
from .contents import MAIN
from .plan import ROM

OLDEST = (1, 25)
"""The oldest MicroPython that the agent runs on."""

_AGENT = parts.SOURCE.name

IN_ROM = f"{ROM}/{_AGENT}"
"""The agent's folder in a ROMFS image."""

_FACTS = """\
import gc, os, sys
gc.collect()
print(repr((sys.implementation[0], tuple(sys.implementation[1])[:3], getattr(sys.implementation, "_mpy", 0),
    getattr(sys.implementation, "_machine", sys.platform), os.getcwd(), list(sys.path), gc.mem_free())))
"""
# The agent that an import finds now; one that a cut left torn may raise anything.
_ORIGIN = f"""\
try:
    import {_AGENT}
    print({_AGENT}.__file__)
except Exception:
    pass
"""


class Unfit(FieldError):
    """This board, or what is on it, cannot run the agent."""

    code = "board-unfit"


@dataclass(frozen=True)
class Survey:
    """machine: the board's name; mpy: sys.implementation._mpy; root: the folder of main.py, with a slash at its end;
    lib: the folder for libraries; heap: free octets of it.
    """

    micropython: str
    machine: str
    mpy: int
    root: str
    lib: str
    heap: int

    @property
    def own(self) -> str:
        """The agent's folder."""
        return f"{self.lib}/{_AGENT}"

    @property
    def main(self) -> str:
        return self.root + MAIN


def look(board: Board) -> Survey:
    """Raises Unfit, BoardError, Unplugged."""
    match literal(board.run(_FACTS)):
        case (str(name), (int(), int(), *_) as version, int(mpy), str(machine), str(root), list(path), int(heap)):
            pass
        case other:
            raise BoardError(repr(other))
    number = ".".join(map(str, version))
    if name != "micropython" or tuple(version[:2]) < OLDEST:
        raise Unfit(
            _("The board runs {name} {version}; the agent takes MicroPython 1.25 or newer.").format(
                name=name, version=number
            )
        )
    root = root.rstrip("/") + "/"
    lib = f"{root}lib"
    if lib not in path:
        raise Unfit(_("MicroPython on this board looks for no libraries in {folder}.").format(folder=lib))
    survey = Survey(number, machine, mpy, root, lib, heap)
    origin = board.run(_ORIGIN).strip()
    if origin and not origin.startswith((survey.own + "/", IN_ROM + "/")):
        raise Unfit(
            _(
                "The board has an agent elsewhere, which goes before one in {lib}: {origin}. Remove that "
                "(mpremote rm -r), or flash a firmware without it."
            ).format(lib=lib, origin=origin)
        )
    return survey
