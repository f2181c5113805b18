"""A result as a QR code on a terminal, two modules to a character."""

import segno

from simbond_verifier.work_orders.proof import Proof, to_text, without_statement

_QUIET = 4  # ISO/IEC 18004 section 9.1
_HALVES = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}


def lines(proof: Proof) -> list[str]:
    """Rows of dark and light halves, to be printed black on white. A usual result takes 73 columns and 37 rows."""
    code = segno.make_qr(to_text(without_statement(proof)), error="l", boost_error=False)
    rows = [list(row) for row in code.matrix_iter(border=_QUIET)]
    rows += [[0] * len(rows[0])] * (len(rows) % 2)
    return ["".join(map(_half, upper, lower)) for upper, lower in zip(rows[::2], rows[1::2], strict=True)]


def _half(upper: int, lower: int) -> str:
    return _HALVES[upper, lower]
