"""Lines of a stated width in columns, where Chinese characters take two and may be parted anywhere."""

import re
from collections.abc import Iterator

from rich.cells import cell_len, chop_cells

_WIDE = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
_OPENS = "（《「“"
_CLOSES = "，。；：、！？）》」”"
# Blanks; or what stays together: a wide character or a word, with the brackets and stops that lean on it.
_PIECE = re.compile(rf"\s+|[{_OPENS}]*(?:[^\s{_WIDE}{_OPENS}{_CLOSES}]+|[{_WIDE}])?[{_CLOSES}]*")


def wrapped(text: str, width: int) -> list[str]:
    """text in lines of at most width columns. Blanks at its start stay; what is longer than a line is cut."""
    lines = [""]
    for piece in _pieces(text, width):
        if cell_len(lines[-1]) + cell_len(piece.rstrip()) > width:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
            piece = piece.lstrip()
        lines[-1] += piece
    lines[-1] = lines[-1].rstrip()
    return lines


def _pieces(text: str, width: int) -> Iterator[str]:
    for found in _PIECE.finditer(text):
        yield from chop_cells(found[0], width) if found[0].strip() else (found[0],)
