"""Builds what a board carries: the agent's core and the parts that the board uses (see parts).

python -m simbond_tools.build agent OUT [--with PART]...    compiled, and as a ROMFS image; without --with: everything;
                                                            --plain: with every name and line, for whoever debugs it
python -m simbond_tools.build packages                      writes the descriptions that mip and manifest.py read
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any

from . import parts, romfs
from .micropython import MicroPythonNotFoundError, find_cross_compiler
from .squeeze import SqueezeError, squeeze

ROM = "agent.romfs"

_PACKAGE = parts.SOURCE.name
_AGENT = parts.SOURCE.parent


class BuildError(Exception):
    """The cross compiler refused a file; the text is its message."""


def build_agent(out: Path, wanted: Iterable[str] | None = None, *, plain: bool = False) -> dict[str, int]:
    """Compiles the agent to out/rom/simbond_agent/, and that tree to the ROMFS image out/agent.romfs.

    wanted: names of parts that go with the core; None: everything. plain: the source as it is, rather than squeezed.
    Returns the size in octets of each .mpy by its path below out/rom. Raises UnknownPartError, SqueezeError,
    MicroPythonNotFoundError, BuildError.
    """
    files = parts.files_of(parts.parts() if wanted is None else wanted)
    compiler = find_cross_compiler()
    tree = out / "rom"
    shutil.rmtree(tree, ignore_errors=True)
    # All of them, whatever is wanted: a part that is added later is to fit.
    sources: dict[PurePath, str] = {p.relative_to(parts.SOURCE): p.read_text() for p in parts.SOURCE.rglob("*.py")}
    built = sources if plain else squeeze(sources, parts.core(), _PACKAGE)
    # Flash is short: no line numbers (-O3), and a file's name in error messages is no path.
    options = [] if plain else ["-O3"]
    sizes = {}
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "source.py"
        for source in (path for path in files if path in built):
            name = _PACKAGE / source.with_suffix(".mpy")
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            text.write_text(built[source])
            command = [compiler, *options, "-s", source.stem, "-o", str(target), str(text)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise BuildError(f"{source}: {done.stderr or done.stdout}")
            sizes[name.as_posix()] = target.stat().st_size
    (out / ROM).write_bytes(romfs.image(tree))
    return sizes


def core_size(sizes: dict[str, int], dialect: str | None = None, uplink: str = "http") -> int:
    """Octets of what a board carries that uses one dialect (None: only the generic one) and one uplink.

    sizes: from build_agent. Raises UnknownPartError.
    """
    files = parts.files_of([uplink, *([dialect] if dialect else [])])
    return sum(sizes.get((_PACKAGE / path.with_suffix(".mpy")).as_posix(), 0) for path in files)


def packages() -> dict[Path, dict[str, Any]]:
    """The mip descriptions of the core and of each part, by their paths below the folder agent/.

    mip takes a dependency by an address or from the index of micropython-lib, never from beside the file; so nothing
    depends, and what several parts need is listed in each of them.
    """
    made = {Path("package.json"): _package(parts.core(), "")}
    for name, files in parts.parts().items():
        made[Path("parts") / f"{name}.json"] = _package(files, "../")
    return made


def _package(files: list[Path], up: str) -> dict[str, Any]:
    targets = [(_PACKAGE / path).as_posix() for path in files]
    return {"urls": [[target, up + target] for target in targets], "deps": [], "version": version("simbond")}


def _write_packages() -> None:
    shutil.rmtree(_AGENT / "parts", ignore_errors=True)
    (_AGENT / "parts").mkdir()
    for path, package in packages().items():
        (_AGENT / path).write_text(json.dumps(package, indent=2) + "\n")


def _print_sizes(sizes: dict[str, int], *, whole: bool) -> None:
    for name, size in sizes.items():
        print(f"{size:7} {name}")
    print(f"{sum(sizes.values()):7} together")
    if whole:
        print(f"{core_size(sizes, 'quectel'):7} the core, one dialect (quectel) and one uplink (http)")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("python -m simbond_tools.build", description="Builds what a board carries.")
    commands = parser.add_subparsers(dest="command", required=True)
    agent = commands.add_parser("agent", help="compile the agent, and make a ROMFS image of it")
    agent.add_argument("out", type=Path, help="folder for the result")
    agent.add_argument("--plain", action="store_true", help="do not squeeze it: tracebacks have names and lines")
    agent.add_argument("--with", dest="parts", action="append", metavar="PART", help="a part that goes with the core")
    commands.add_parser("packages", help="write agent/package.json and agent/parts/ anew")
    options = parser.parse_args(arguments)
    try:
        if options.command == "packages":
            _write_packages()
        else:
            sizes = build_agent(options.out, options.parts, plain=options.plain)
            _print_sizes(sizes, whole=options.parts is None)
    except (MicroPythonNotFoundError, BuildError, SqueezeError, parts.UnknownPartError, OSError) as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
