"""Ctrl-C at a moment at which Python forgets it."""

import subprocess
import sys

import pytest

_PROGRAM = """
import os, signal, time
from simbond_tools.cli import interrupts

class Finalised:
    def __del__(self):
        {}

try:
    with interrupts.none_lost():
        Finalised()
        time.sleep(120)
    print("it was lost")
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_an_interrupt_that_a_finaliser_swallows_comes_again() -> None:
    program = _PROGRAM.format("os.kill(os.getpid(), signal.SIGINT)")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=150, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")


def test_what_else_goes_wrong_in_a_finaliser_is_told_as_ever() -> None:
    program = _PROGRAM.format("1 / 0").replace("120", "0")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=150, check=False)
    assert (done.returncode, done.stdout) == (0, "it was lost\n")
    assert "ZeroDivisionError" in done.stderr
