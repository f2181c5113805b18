"""What the commands print can neither steer a terminal nor be read as markup."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_tools.cli import common
from simbond_tools.cli.common import ON_A_SCREEN, REFUSED, Failure, clean, print_fields, print_json, print_table, when

HOSTILE = "\x1b]0;owned\x07\x9b2J\u202e[red]x[/red]\r\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def terminal() -> Iterator[Terminal]:
    """Standard output and error are one terminal."""
    screen = Terminal()
    with redirect_stdout(screen), redirect_stderr(screen):
        yield screen


@given(st.text())
def test_clean_text_has_no_control_characters(text: str) -> None:
    assert clean(text).isprintable()


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Zs"])).filter(str.isprintable))
def test_printable_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


def test_a_table_on_a_terminal_shows_markup_as_it_is() -> None:
    with terminal() as screen:
        print_table(("name",), [(HOSTILE,), ("水务",)])

    shown = click.unstyle(screen.getvalue())  # the heading is bold, and that is ours
    assert "[red]x[/red]" in shown
    assert "水务" in shown
    assert shown.replace("\n", "").isprintable()


def test_fields_on_a_terminal_are_one_line_each() -> None:
    with terminal() as screen:
        print_fields([("customer", HOSTILE), ("empty", None), ("state", "bound")])

    shown = screen.getvalue()
    assert shown.count("\n") == 2
    assert shown.replace("\n", "").isprintable()


@pytest.mark.parametrize("value", [HOSTILE, "水务", "\ud800"])
def test_json_is_printable_and_means_the_same(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"customer": value})

    shown = capsys.readouterr().out
    assert shown.rstrip("\n").isprintable()
    assert json.loads(shown) == {"customer": value}


def test_json_of_plain_text_is_readable(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"customer": "水务"})

    assert "水务" in capsys.readouterr().out


@pytest.mark.parametrize("moment", [1e30, -1e30, float("inf")])
def test_a_moment_out_of_all_bounds_is_no_traceback(moment: float) -> None:
    assert when(moment)


def faults(count: int) -> Failure:
    rows = [{"line": n, "column": "imsi", "problem": f"'{HOSTILE}' is no IMSI"} for n in range(2, 2 + count)]
    return Failure("csv-rows", "rows are wrong", exit_code=REFUSED, faults=rows)


def test_a_terminal_gets_the_first_faults_and_is_told_of_the_rest() -> None:
    with terminal() as screen:
        faults(ON_A_SCREEN + 7).report(json=False)

    lines = screen.getvalue().splitlines()
    assert len(lines) == 1 + ON_A_SCREEN + 1
    assert "7 more" in lines[-1]
    assert all(line.isprintable() for line in lines)


def test_a_pipe_gets_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    faults(ON_A_SCREEN + 7).report(json=False)

    assert len(capsys.readouterr().err.splitlines()) == 1 + ON_A_SCREEN + 7


def test_json_gets_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    faults(ON_A_SCREEN + 7).report(json=True)

    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["code"], len(error["faults"])) == ("csv-rows", ON_A_SCREEN + 7)


@pytest.mark.parametrize(
    ("arguments", "environment", "wanted"),
    [(["cards", "--json"], "", True), (["cards"], "1", True), (["cards"], "true", True), (["cards"], "0", False)],
)
def test_json_may_be_asked_for_by_the_environment(
    arguments: list[str], environment: str, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMBOND_JSON", environment)

    assert common.wants_json(arguments) is wanted
