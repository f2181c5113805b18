"""QR codes in characters, dark on light, with a light margin."""

import segno

_MARGIN = 4  # ISO/IEC 18004 section 9.1
_NARROW = 3  # so that the code of a label fits 80 columns
_HALVES = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}

BLOCKS = "▀▄█"
"""What halves() draws with."""


def halves(code: segno.QRCode) -> list[str]:
    """Two modules to a character, one above the other."""
    rows = _modules(code, _MARGIN)
    rows += [[0] * len(rows[0])] * (len(rows) % 2)
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return ["".join(_HALVES[both] for both in zip(upper, lower, strict=True)) for upper, lower in pairs]


def squares(code: segno.QRCode) -> list[str]:
    """Two characters to a module, "##" for a dark one, where there are no better ones."""
    return ["".join("##" if dark else "  " for dark in row) for row in _modules(code, _NARROW)]


def _modules(code: segno.QRCode, margin: int) -> list[list[int]]:
    return [list(row) for row in code.matrix_iter(border=margin)]
