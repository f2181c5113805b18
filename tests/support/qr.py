"""QR codes as a camera has them: a terminal's screen as a picture, read by zbar, which is no code of ours."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pyte.screens import Char

from .needs import program

_SCALE = 4  # pixels of half a cell; a cell is twice as high as wide
_UPPER, _LOWER = "▀█", "▄█"
"""Which characters fill the upper and the lower half of a cell."""


class Theme(NamedTuple):
    """How bright a terminal's colours are, 0 to 255."""

    text: int
    background: int
    black: int = 0
    white: int = 255


THEMES = {
    "dark": Theme(text=229, background=0),
    "light": Theme(text=0, background=255),
    "solarized": Theme(text=140, background=36, black=46, white=246),
}


def picture(cells: Sequence[Sequence[Char]], theme: Theme) -> bytes:
    """Rows of a screen as a picture (PGM), without its letters."""
    rows = b""
    for row in cells:
        for inked in (_UPPER, _LOWER):
            rows += b"".join(_pixels(cell, theme, cell.data in tuple(inked)) for cell in row) * _SCALE
    width = len(cells[0]) * _SCALE
    return b"P5 %d %d 255\n" % (width, len(cells) * 2 * _SCALE) + rows


def read(image: bytes | Path, folder: Path) -> list[str]:
    """What the codes in a picture say. folder: for a picture that is no file yet."""
    if isinstance(image, bytes):
        path = folder / "picture.pgm"
        path.write_bytes(image)
    else:
        path = image
    zbar = program("zbarimg", package="zbar-tools")
    command = [zbar, "--quiet", "--raw", "--nodbus", "-Sdisable", "-Sqrcode.enable", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 4), done  # 4: there is none
    return done.stdout.splitlines()


def _pixels(cell: Char, theme: Theme, is_ink: bool) -> bytes:
    ink, paper = _shade(cell.fg, theme, theme.text), _shade(cell.bg, theme, theme.background)
    return bytes([ink if is_ink else paper]) * _SCALE


def _shade(colour: str, theme: Theme, default: int) -> int:
    return {"black": theme.black, "brightwhite": theme.white}.get(colour, default)
