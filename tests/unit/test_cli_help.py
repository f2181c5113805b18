"""What leads somebody who has never seen simbond: its name alone, --help, and errors that fit the terminal."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from simbond_tools import i18n
from simbond_tools.cli import _COMMANDS, simbond
from simbond_tools.cli.sections import SECTIONS
from simbond_tools.cli.wrapping import wrapped
from support.commands import COMMANDS
from support.screens import run

_TEXTS = st.text(st.sampled_from("ab -卡串口，。（）《》/'\n"), max_size=200)


def test_every_command_is_in_one_section() -> None:
    listed = [name for commands in SECTIONS.values() for name in commands]

    assert sorted(listed) == sorted(_COMMANDS)


@pytest.mark.parametrize(("lang", "first"), [("en", "At a device"), ("zh", "现场")])
def test_the_name_alone_says_on_one_screen_where_to_begin(lang: str, first: str) -> None:
    status, terminal = run(lang=lang)

    assert status == 2
    lines = terminal.text.splitlines()
    assert len(lines) < 24
    assert lines[2].startswith(first)
    assert "simbond doctor" in lines[2]


def test_help_has_a_whole_line_for_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    for lang in i18n.LANGUAGES:
        i18n.use(lang)
        shown = simbond.context_class(simbond, info_name="simbond").get_help().splitlines()
        i18n.use(None)
        for name in _COMMANDS:
            assert [line for line in shown if line.split()[:1] == [name] and cell_len(line) <= 80], name


def test_help_imports_no_command() -> None:
    program = "import sys\nfrom simbond_tools.cli import simbond\nsimbond(['--help'], standalone_mode=False)\n"
    program += "sys.exit(any(name in sys.modules for name in ('httpx', 'serial', 'cryptography')))"

    assert subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL).returncode == 0


@pytest.mark.parametrize("path", COMMANDS)
def test_chinese_help_fits_the_terminal(path: str) -> None:
    i18n.use("zh")
    try:
        command = COMMANDS[path]
        shown = command.context_class(command, info_name=path, terminal_width=80).get_help()
    finally:
        i18n.use(None)

    assert [line for line in shown.splitlines() if cell_len(line) > 80] == []


@pytest.mark.parametrize(("lang", "word"), [("en", "Error: "), ("zh", "错误：")])
def test_an_error_keeps_within_the_terminal_and_speaks_its_language(lang: str, word: str) -> None:
    status, terminal = run("work-orders", "fetch", "--url", "http://127.0.0.1:9", "--token", "sbt_none", lang=lang)

    assert status == 3
    assert terminal.text.startswith(word)
    assert "simbond serve" in " ".join(terminal.text.split())
    assert len(terminal.text.splitlines()) > 1


def test_a_misspelt_command_is_recognized() -> None:
    status, terminal = run("dokter")

    assert (status, "did you mean 'doctor'?" in terminal.text) == (2, True)


@given(_TEXTS, st.integers(2, 80))
def test_wrapping_keeps_the_width_and_loses_nothing_but_blanks(text: str, width: int) -> None:
    lines = wrapped(text, width)

    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_no_line_begins_with_what_closes_a_sentence() -> None:
    assert wrapped("插好线，再来。换一根", 10) == ["插好线，再", "来。换一根"]
    assert wrapped("插好线，再来。", 6) == ["插好", "线，再", "来。"]
