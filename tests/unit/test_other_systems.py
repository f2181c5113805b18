"""What the types say of Windows and macOS, where no test runs: which names are not there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# These run on POSIX only, and say so (test_cli_windows.py).
POSIX_ONLY = ("tools/simbond_tools/emulator/", "tools/simbond_tools/cli/emulate.py")

# These look first whether the module is there, which the types do not follow.
GUARDED = {
    "tools/simbond_tools/factory/lock.py": {"flock", "LOCK_EX", "LOCK_NB"},
    "tools/simbond_tools/field/line.py": {"ioctl", "TIOCEXCL", "TIOCNXCL"},
    "verifier/simbond_verifier/disk.py": {"fcntl"},
    "verifier/simbond_verifier/server.py": {"getrlimit", "setrlimit", "RLIMIT_NOFILE", "RLIM_INFINITY"},
    "verifier/simbond_verifier/store/sqlite.py": {"flock", "LOCK_EX", "LOCK_NB"},
}


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_nothing_is_used_that_is_not_there(platform: str) -> None:
    cache = ROOT / ".mypy_cache" / platform
    command = [sys.executable, "-m", "mypy", "--platform", platform, "--cache-dir", str(cache), "--no-error-summary"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert done.stderr == ""
    missed = [line for line in done.stdout.replace("\\", "/").splitlines() if not _is_known(line)]
    assert missed == []


def _is_known(line: str) -> bool:
    path = line.partition(":")[0]
    name = re.search(r'Module has no attribute "(\w+)"', line)
    return path.startswith(POSIX_ONLY) or (name is not None and name[1] in GUARDED.get(path, ()))
