"""The simbond agent: proves which card is in which device. See README.md beside the package."""

import gc

_COLLECT_EVERY = 4096


def run(board):
    """Attests for ever on the board's modem: the one line of a main.py. board: see README.md."""
    _tidy()
    from .agent import run

    run(board)


def run_once(board):
    """Attests once, and returns the seconds until the next time: for a board that sleeps in between."""
    _tidy()
    from .agent import run_once

    return run_once(board)


def _tidy():
    if hasattr(gc, "threshold"):
        # On MicroPython: a heap that is collected late is in pieces, and TLS wants 3 KiB at once.
        gc.threshold(_COLLECT_EVERY)
