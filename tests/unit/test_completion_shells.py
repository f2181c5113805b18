"""The Tab key in bash, zsh and fish, set up as docs/cli.md says and in no other way."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.needs import program
from support.shells import Shell

DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"
SHELLS = ("bash", "zsh", "fish")


def documented(shell: str) -> dict[str, str]:
    """What is to be put into which file."""
    row = re.search(rf"^\| {shell}\b.*\| `(~.+?)` \| `(.+)` \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert row is not None
    return {row[1]: row[2].replace(r"\|", "|")}


@pytest.fixture(name="shell", params=SHELLS, scope="module")
def _shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    path = program(request.param, package=request.param)
    folder = tmp_path_factory.mktemp(request.param)
    simbond = folder / "bin" / "simbond"
    simbond.parent.mkdir()
    simbond.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m simbond_tools.cli "$@"\n')
    simbond.chmod(0o755)
    (folder / "home" / "orders").mkdir(parents=True)
    environment = {"PATH": f"{simbond.parent}{os.pathsep}{os.environ['PATH']}", "LANG": "C.UTF-8"}
    with Shell(path, folder / "home", documented(request.param), environment) as shell:
        yield shell


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("obs", "observations"),
        ("cards sus", "cards suspend"),
        ("cards list --sta", "cards list --state"),
        ("cards list --state rev", "cards list --state reverifying"),
        ("--lang z", "--lang zh"),
        ("check --folder or", "check --folder orders"),
    ],
)
def test_tab_completes(shell: Shell, typed: str, completed: str) -> None:
    shell.clear()
    shell.press(f"simbond {typed}\t")
    shell.until(f"ready> simbond {completed}")


def test_tab_twice_lists_what_there_is(shell: Shell) -> None:
    shell.clear()
    shell.press("simbond pro\t\t")
    shell.until("probe", "provision")
