"""Every fuzzing target for a moment, from its seeds: `make fuzz` has the hours."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = sorted(file.stem for file in (ROOT / "tests" / "fuzz" / "targets").glob("[!_]*.py"))

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="atheris comes for Linux only")


def fuzz(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.fuzz", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=120, check=False)


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found_in_a_moment(name: str) -> None:
    done = fuzz(name, "-runs=4000", "-seed=1")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert "Done 4000 runs" in done.stderr


def test_an_unknown_target_is_said_to_be() -> None:
    done = fuzz("nothing")
    assert done.returncode == 2
    assert "evidence" in done.stderr
