"""make fuzz: python -m tests.fuzz [NAME] [SECONDS] [-LIBFUZZER=OPTION ...]

Without a name every target runs, one after the other. An input that fails is kept in build/fuzz/NAME/ and tried first
the next time; so is whatever reached new code.
"""

import importlib
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2]
NAMES = sorted(file.stem for file in (Path(__file__).parent / "targets").glob("[!_]*.py"))
SECONDS = 60
MAX_OCTETS = 8192


def main(words: list[str]) -> int:
    """Returns the exit code: 0, where nothing was found."""
    options = [word for word in words if word.startswith("-")]
    plain = [word for word in words if not word.startswith("-")]
    name = plain.pop(0) if plain and not plain[0].isdecimal() else None
    seconds = int(plain.pop(0)) if plain and plain[0].isdecimal() else SECONDS
    if plain or name not in (None, *NAMES):
        print(f"usage: python -m tests.fuzz [NAME] [SECONDS]; names: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    if name is None:
        return max(
            subprocess.call([sys.executable, "-m", "tests.fuzz", each, str(seconds), *options]) for each in NAMES
        )
    fuzz(name, [f"-max_total_time={seconds}", *options])
    return 0


def fuzz(name: str, options: list[str]) -> None:
    """Runs a target in this process; libFuzzer ends it. With -runs it begins with the seeds alone, so that it does the
    same every time that -seed is the same."""
    sys.path.insert(0, str(ROOT / "tests"))
    with atheris.instrument_imports(include=["simbond_verifier", "simbond_agent", "pyrad"]):
        target = importlib.import_module(f"fuzz.targets.{name}")
    kept = ROOT / "build" / "fuzz" / name
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        seeds, found = Path(scratch, "seeds"), Path(scratch, "found")
        for folder in (seeds, found):
            folder.mkdir()
        for number, octets in enumerate(target.seeds()):
            (seeds / f"{number:03}").write_bytes(octets)
        corpus = found if any(option.startswith("-runs=") for option in options) else kept
        common = [f"-artifact_prefix={kept}/", f"-max_len={MAX_OCTETS}", "-timeout=10", "-rss_limit_mb=2048"]
        atheris.Setup([name, *common, *options, str(corpus), str(seeds)], target.one)
        atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
