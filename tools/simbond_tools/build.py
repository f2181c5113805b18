"""Compiles the agent for MicroPython: `python -m simbond_tools.build agent OUTDIR`."""

import shutil
import subprocess
import sys
from pathlib import Path

import simbond_agent

from . import romfs
from .micropython import MicroPythonNotFoundError, find_cross_compiler

_SOURCE = Path(simbond_agent.__file__).parent


ROM = "agent.romfs"


class BuildError(Exception):
    """The cross compiler refused a file; the text is its message."""


def build_agent(out: Path) -> dict[str, int]:
    """Compiles every module of the agent to out/rom/simbond_agent/, and that tree to the ROMFS image out/agent.romfs.

    Returns the size in octets of each .mpy by its path below out/rom. Raises MicroPythonNotFoundError, BuildError.
    """
    compiler = find_cross_compiler()
    tree = out / "rom"
    shutil.rmtree(tree, ignore_errors=True)
    sizes = {}
    for source in sorted(_SOURCE.rglob("*.py")):
        name = Path(_SOURCE.name) / source.relative_to(_SOURCE).with_suffix(".mpy")
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        # -s: the file's name in error messages is its name on the device, on every build machine.
        command = [compiler, "-s", str(name.with_suffix(".py")), "-o", str(target), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError(done.stderr or done.stdout)
        sizes[name.as_posix()] = target.stat().st_size
    (out / ROM).write_bytes(romfs.image(tree))
    return sizes


def core_size(sizes: dict[str, int], dialect: str = "generic") -> int:
    """Octets of what a board carries that uses one dialect and one uplink. sizes: from build_agent."""
    return sum(size for name, size in sizes.items() if _needed(Path(name), dialect))


def _needed(name: Path, dialect: str) -> bool:
    if name.parent.name == "modem":
        return name.stem in ("__init__", "base", "generic", dialect)
    return name.stem != "posix"


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[0] != "agent":
        print("usage: python -m simbond_tools.build agent OUTDIR", file=sys.stderr)
        return 2
    try:
        sizes = build_agent(Path(arguments[1]))
    except (MicroPythonNotFoundError, BuildError) as e:
        print(e, file=sys.stderr)
        return 1
    for name, size in sizes.items():
        print(f"{size:7} {name}")
    print(f"{sum(sizes.values()):7} everything")
    print(f"{core_size(sizes, 'quectel'):7} with one dialect (quectel) and one uplink")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
