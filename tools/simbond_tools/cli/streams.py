"""Standard streams that are closed, full, or lack a character: a command ends in words nevertheless."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .common import Failure


class ReaderGone(Exception):
    """Whoever read the output has closed it."""


@contextmanager
def reader_may_go() -> Iterator[None]:
    """Raises ReaderGone in place of BrokenPipeError, which click would end with 1: that means that the answer is no."""
    try:
        yield
    except BrokenPipeError as e:
        raise ReaderGone from e


def mend() -> None:
    """Puts the null device in the place of what is closed, and has characters that a terminal lacks escaped."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: else a serial port would get it
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the program
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def tell(failure: Failure, *, json: bool) -> None:
    """Reports a failure; on standard error where standard output takes nothing, and nowhere if that does not either."""
    for as_json in (True, False) if json else (False,):
        try:
            failure.report(json=as_json)
        except OSError:
            continue
        break
    settle()


def settle() -> None:
    """What a stream does not take goes nowhere: else Python tries again at its end, and fails with another status."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
