"""Completion of commands, options and values, as shells ask for it (docs/cli.md)."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.shell_completion import ShellComplete

from simbond_tools.cli import simbond
from support.commands import COMMANDS

SHELLS = ["bash", "zsh", "fish"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """With `simbond` as a program, wherever the tests run."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "simbond"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m simbond_tools.cli "$@"\n')
    program.chmod(0o755)
    return os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def bash_offers(environment: dict[str, str], *words: str) -> list[str]:
    """What bash itself is given for the last of these words, by what the documents have in ~/.bashrc."""
    script = (
        'eval "$(_SIMBOND_COMPLETE=bash_source simbond)"; '
        'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
        "function=$(complete -p simbond | sed 's/.*-F \\([^ ]*\\).*/\\1/'); "
        '"$function" simbond; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", *words],
        capture_output=True, text=True, env=environment, timeout=120, check=True,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("simbond", "obs"), ["observations"]),
        (("simbond", "cards", "sus"), ["suspend"]),
        (("simbond", "cards", "list", "--sta"), ["--state"]),
        (("simbond", "cards", "list", "--state", "re"), ["reverifying", "retired"]),
        (("simbond", "--la"), ["--lang"]),
        (("simbond", "enforcement", "start", "--rule", "clo"), ["clone"]),
    ],
)
def test_bash_completes(words: tuple[str, ...], offered: list[str], environment: dict[str, str]) -> None:
    assert bash_offers(environment, *words) == offered


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_gets_a_script(shell: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["simbond"], env=environment | {"_SIMBOND_COMPLETE": f"{shell}_source"}, capture_output=True, text=True
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "_SIMBOND_COMPLETE" in done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_what_is_documented_is_that(shell: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / "cli.md").read_text("utf-8")

    assert f"_SIMBOND_COMPLETE={shell}_source simbond" in text


def test_ports_that_are_there_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [SimpleNamespace(device=device) for device in ("/dev/ttyUSB1", "/dev/ttyUSB0", "/dev/ttyACM0")]
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: there)
    offered = ShellComplete(simbond, {}, "simbond", "_SIMBOND_COMPLETE").get_completions(
        ["doctor", "--port"], "/dev/ttyU"
    )

    assert [item.value for item in offered] == ["/dev/ttyUSB0", "/dev/ttyUSB1"]


def test_the_first_word_is_completed_without_importing_everything() -> None:
    program = (
        "import sys; from simbond_tools.cli import simbond; import click;"
        "print([i.value for i in simbond.shell_complete(click.Context(simbond), 'se')], 'sqlalchemy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "['serve'] False"


def test_a_command_that_exists_is_one_that_is_offered() -> None:
    offered = ShellComplete(simbond, {}, "simbond", "_SIMBOND_COMPLETE").get_completions([], "")

    assert {item.value for item in offered} == {path.split()[1] for path in COMMANDS}
