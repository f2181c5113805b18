"""The examples and the blocks of docs/emulator.md do what they say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from simbond_tools.emulator import Modem, Module, load_profile, profile_names
from simbond_tools.emulator.behaviours import BEHAVIOURS
from simbond_tools.emulator.control import HELP
from simbond_tools.emulator.faults import Fault

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs" / "emulator.md").read_text()


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=150, check=False, cwd=ROOT
    )


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOC, re.DOTALL)


def test_swap_example() -> None:
    done = run("examples/emulator_swap.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "meter:    +QCCID: 89860000001234567897 OK",
        "stranger: +CME ERROR: 10",
        "the meter's modem says +CPIN: NOT READY",
        "meter:    +CME ERROR: 10",
        "stranger: +ICCID: 89860000001234567897 OK",
    ]


def test_pytest_example() -> None:
    done = run("-m", "pytest", "-q", "examples/emulator_pytest.py")
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_in_the_documentation_runs(number: int) -> None:
    done = run("-W", "error", "-c", blocks("python")[number])
    assert done.returncode == 0, done.stderr


def test_profile_in_the_documentation_works(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with Modem(path) as modem:
        assert modem.profile.title == "Acme X1 (LTE-M)"


def test_documentation_names_everything() -> None:
    for name in profile_names():
        profile = load_profile(name)
        assert f"| `{name}` | " in DOC
        assert f"| {', '.join(profile.rats)} |" in DOC
    for fault in Fault:
        assert f"| `{fault}` | " in DOC
    for command in HELP:
        assert f"`{command}" in DOC
    for name in Module(load_profile("generic")).fields():
        assert f"`{name}`" in DOC
    for name, function in BEHAVIOURS.items():
        if ".stacks." not in function.__module__:  # those belong to a module's own stack, whole or not at all
            assert re.search(rf"\b{name}\b", DOC)
