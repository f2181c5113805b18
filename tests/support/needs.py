"""What a test needs from the machine: said aloud when it is missing, and never skipped on CI."""

import os
import shutil

import pytest


def program(name: str, *, package: str, path: str | None = None) -> str:
    """Path of a program; without it the test is skipped with what to install, and on CI (CI=true) it fails. path: where
    to look, other than PATH."""
    found = shutil.which(name, path=path)
    if found is not None:
        return found
    message = f"{name} is not installed; on Debian: apt-get install {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def micropython32() -> str:
    """A 32-bit MicroPython: $SIMBOND_MICROPYTHON32, as .ci/micropython32 provides it. Missing: as `program`."""
    path = os.environ.get("SIMBOND_MICROPYTHON32", "build/micropython32/micropython")
    if os.access(path, os.X_OK):
        return os.path.abspath(path)
    message = "there is no 32-bit MicroPython; on Debian: .ci/micropython32 build/micropython32"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
