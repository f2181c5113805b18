"""What a test needs from the machine: said aloud when it is missing, and never skipped on CI."""

import os
import shutil

import pytest


def program(name: str, *, package: str) -> str:
    """Path of a program; without it the test is skipped with what to install, and on CI (CI=true) it fails."""
    path = shutil.which(name)
    if path is not None:
        return path
    message = f"{name} is not installed; on Debian: apt-get install {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
