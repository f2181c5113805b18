"""Writes the agent's table of multiples of the P-256 base point: `python -m simbond_tools.p256_table > FILE`."""

from cryptography.hazmat.primitives.asymmetric import ec

from simbond_agent.p256 import BLOCKS, COLUMNS, ROWS, N

_HEAD = f'''"""Multiples of the P-256 base point for the comb of p256.py, written by simbond_tools.p256_table.

{1 << ROWS - 1} points for each of the {BLOCKS} blocks, x and y of 32 octets. Entry i of block b is the base point times
the sum over the {ROWS} rows of 2**({BLOCKS * COLUMNS}*row + {COLUMNS}*b), positive for the last row and for those whose
bit is set in i, else negative.
"""

TABLE = (
'''
_OCTETS_A_LINE = 24


def table() -> bytes:
    """The table's octets."""
    return b"".join(_point(_multiple(block, i)) for block in range(BLOCKS) for i in range(1 << ROWS - 1))


def source() -> str:
    """The module that holds them."""
    escapes = [f"\\x{octet:02x}" for octet in table()]
    lines = ("".join(escapes[at : at + _OCTETS_A_LINE]) for at in range(0, len(escapes), _OCTETS_A_LINE))
    return _HEAD + "".join(f'    b"{line}"\n' for line in lines) + ")\n"


def _multiple(block: int, i: int) -> int:
    rows = range(ROWS)
    return sum((1 if row == rows[-1] or i >> row & 1 else -1) << COLUMNS * (BLOCKS * row + block) for row in rows)


def _point(multiple: int) -> bytes:
    numbers = ec.derive_private_key(multiple % N, ec.SECP256R1()).public_key().public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


if __name__ == "__main__":
    print(source(), end="")
