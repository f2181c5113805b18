"""On Windows there are no POSIX modules: every command can be imported and asked for help without them."""

import subprocess
import sys

POSIX = ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty", "uvloop")
# To our own modules alone: what others import on this machine is not what they import there.
WITHOUT = f"""
import builtins, sys
original = builtins.__import__
def without(name, globals=None, locals=None, fromlist=(), level=0):
    if name in {POSIX!r} and globals and str(globals.get("__name__")).startswith("simbond"):
        raise ModuleNotFoundError("No module named " + name, name=name)
    return original(name, globals, locals, fromlist, level)
builtins.__import__ = without
"""
EVERYTHING = """
import importlib, pkgutil
import simbond_tools
for module in pkgutil.walk_packages(simbond_tools.__path__, "simbond_tools."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""
HELP = """
from simbond_tools.cli import main
main(sys.argv[1:])
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT + program, *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_every_module_of_the_tools_is_imported() -> None:
    done = run(EVERYTHING)

    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_is_in_the_help() -> None:
    done = run(HELP, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert "Not installed" not in done.stdout


def test_the_emulator_says_where_it_runs() -> None:
    done = run(HELP, "emulate", "--profile", "generic")

    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr.count("\n") == 1
    assert "Linux, macOS or under WSL" in done.stderr
