"""The terminal of the tests sees what a person would: wide characters, long lines, questions, Ctrl-C."""

import sys

import pytest

from support import screens


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Terminals run their argument as a Python program."""
    monkeypatch.setattr(screens, "SIMBOND", (sys.executable, "-c"))


@pytest.mark.usefixtures("program")
def test_wide_characters_count_twice() -> None:
    assert screens.run("print('电' * 40 + '\\nx')")[1].text == "电" * 40 + "\nx"
    with pytest.raises(AssertionError, match="wider than 80"):
        print(screens.run("print('电' * 40 + 'x')")[1].text)


@pytest.mark.usefixtures("program")
def test_the_program_sees_a_terminal_of_80_columns_and_the_reader_s_locale() -> None:
    status, terminal = screens.run(
        "import os, sys; print(os.get_terminal_size().columns, os.environ['LANG'], sys.stdin.isatty()); sys.exit(7)",
        lang="zh",
    )
    assert (status, terminal.text) == (7, "80 zh_CN.UTF-8 True")


@pytest.mark.usefixtures("program")
def test_it_can_be_answered_and_interrupted() -> None:
    with screens.Terminal("print('hello ' + input('name? '))\nwhile True: input()") as terminal:
        terminal.until("name?")
        terminal.press("Li\r")
        terminal.until("hello Li")
        terminal.interrupt()
        assert terminal.end() != 0
        assert "KeyboardInterrupt" in terminal.text


def test_what_differs_from_run_to_run_is_made_the_same() -> None:
    text = "at 2026-11-22 21:04:05Z, took 12.3 s on /dev/pts/7, card 89860000001234567897"

    assert screens.settled(text, {"/dev/pts/7": "/dev/ttyUSB2"}) == (
        "at 2026-11-01 12:00:00Z, took 0.0 s on /dev/ttyUSB2, card 89860000001234567897"
    )
