"""The options that every command takes: before its name, behind it, by the environment, by the config file."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from simbond_tools import cli, i18n
from simbond_tools.cli import common, config, main, shared
from support.commands import COMMANDS

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs a command line in this process; nothing is set but what a test sets."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "SIMBOND_LANG", "SIMBOND_JSON"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(config, "place", lambda: tmp_path / "config.toml")

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            main(arguments)
            code = 0
        except SystemExit as e:
            code = int(str(e.code or 0))
        return code, *capsys.readouterr()

    yield run
    i18n.use(None)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """`simbond told` prints the options that hold, and `simbond broken` meets an error of its own."""

    @click.command()
    @click.option("--limit", type=int, default=1)
    @click.option("--wait", "wait_s", type=float)
    @click.option("--name", "names", multiple=True)
    @click.option("--hard", is_flag=True)
    @click.option("--url", envvar="SIMBOND_URL", default="http://default")
    @common.json_option
    def told(as_json: bool, **options: object) -> None:
        in_force = shared.in_force()
        common.print_json(options | {"json": as_json, "lang": i18n.language(), "progress": in_force.progress})

    @click.command()
    @common.json_option
    def broken(as_json: bool) -> None:
        raise ZeroDivisionError("of all things")

    @click.command()
    def stopped() -> None:
        raise KeyboardInterrupt

    for command in (told, broken, stopped):
        monkeypatch.setattr(cli, f"{command.name}_module", command, raising=False)
        monkeypatch.setitem(cli._COMMANDS, str(command.name), ("", f"{command.name}_module", None))


def document(ran: tuple[int, str, str]) -> dict[str, object]:
    code, out, err = ran
    assert (code, err) == (0, "")
    found: dict[str, object] = json.loads(out)
    return found


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("option", "member", "value"),
    [(["--json"], "json", True), (["--lang", "zh"], "lang", "zh"), (["--no-progress"], "progress", False)],
)
def test_a_shared_option_may_stand_before_the_command_or_behind_it(
    option: list[str], member: str, value: object, run: Run
) -> None:
    assert document(run("told"))[member] != value
    assert document(run(*option, "told"))[member] == value
    assert document(run("told", *option))[member] == value


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("variable", "value", "member", "meant"),
    [
        ("SIMBOND_JSON", "1", "json", True),
        ("SIMBOND_LANG", "zh", "lang", "zh"),
        ("SIMBOND_NO_PROGRESS", "1", "progress", False),
        ("SIMBOND_URL", "http://v", "url", "http://v"),
        ("SIMBOND_TOLD_LIMIT", "7", "limit", 7),
        ("SIMBOND_TOLD_WAIT", "7", "wait_s", 7.0),
    ],
)
def test_every_option_has_a_variable(
    variable: str, value: str, member: str, meant: object, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    assert document(run("told"))[member] == meant


@pytest.mark.usefixtures("told")
def test_the_config_file_comes_after_the_environment_and_that_after_the_option(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text('lang = "zh"\nurl = "http://file"\n[told]\nlimit = 2\nwait = 3\nname = ["a", "b"]\nhard = true\n')

    stated = document(run("told"))
    assert stated == stated | {"lang": "zh", "url": "http://file", "limit": 2, "wait_s": 3.0, "names": ["a", "b"]}
    assert stated["hard"] is True
    monkeypatch.setenv("SIMBOND_TOLD_LIMIT", "4")
    monkeypatch.setenv("SIMBOND_LANG", "en")
    assert document(run("told")) == stated | {"limit": 4, "lang": "en"}
    assert document(run("told", "--limit", "5", "--lang", "zh")) == stated | {"limit": 5}


@pytest.mark.usefixtures("told")
def test_another_config_file_may_be_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("no sense at all")
    (tmp_path / "other.toml").write_text("[told]\nlimit = 9\n")

    assert document(run("--config", str(tmp_path / "other.toml"), "told"))["limit"] == 9


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("limt = 1", "unknown key 'limt'; known are: appeals, at, backup, baud, "),
        ('urll = "x"', "did you mean 'url'"),
        ("[tolt]", "did you mean 'told'"),
        ("[told]\nlimitt = 3", "[told]: unknown key 'limitt', did you mean 'limit'"),
        ("[told]\nwait_s = 3", "did you mean 'wait'"),
        ('[told]\nlimit = "many"', "told.limit: 'many' is not a valid integer"),
        ("[told]\nlimit = true", "a text or a number"),
        ("[told]\nlimit = [1]", "told.limit is to be one value"),
        ("[told]\nlimit = 2026-01-01", "told.limit is to be a text"),
        ("[told]\nname = [[]]", "told.name is to be a text"),
        ('[told]\nhard = "yes"', "told.hard is to be true or false"),
        ("told = 1", "[told] is to be a table"),
        ('lang = "fr"', "lang: 'fr' is not one of 'en', 'zh'"),
        ('token = "sbt_1"', "@FILE"),
        ("a = ", "not TOML"),
    ],
)
def test_what_nobody_would_read_in_the_config_file_is_an_error(
    text: str, problem: str, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    code, out, err = run("told")

    assert (code, out) == (7, "")
    assert f"The config file {file} cannot be used: " in err
    assert problem in err


@pytest.mark.usefixtures("told")
def test_an_option_that_may_be_repeated_takes_one_value_too(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[told]\nname = "a"')

    assert document(run("told"))["names"] == ["a"]


def test_a_config_file_that_was_named_has_to_be_there(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("--json", "--config", str(tmp_path / "none"), "at", "explain")

    assert (code, json.loads(out)["error"]["code"]) == (7, "config")


def test_a_config_file_may_name_files_at_home(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "token").write_text("sbt_\x1b")  # which no header can carry: it was read
    (tmp_path / "config.toml").write_text('token = "@~/token"')

    assert "no token has" in run("cards", "list")[2]


def test_the_keys_above_all_tables_are_the_options_with_one_variable_for_all() -> None:
    options = {o for c in (cli.simbond, *COMMANDS.values()) for o in c.params if isinstance(o, click.Option)}
    variables = {str(o.envvar) for o in options if o.envvar}
    shared_by_all = {f"SIMBOND_{config.option_key(o)}".upper() for o in options} & variables - {"SIMBOND_CONFIG"}

    assert {f"SIMBOND_{key.upper()}" for key in config.SHARED} == shared_by_all


@pytest.mark.usefixtures("told")
def test_an_error_of_our_own_is_one_sentence_that_says_how_to_report_it(run: Run) -> None:
    code, out, err = run("broken")

    assert (code, out) == (7, "")
    assert err.count("\n") == 1
    assert "ZeroDivisionError: of all things" in err
    assert "--trace" in err


@pytest.mark.usefixtures("told")
def test_an_error_of_our_own_is_a_document_too(run: Run) -> None:
    code, out, err = run("broken", "--json")

    assert (code, err) == (7, "")
    assert json.loads(out)["schema"] == "simbond.error.v1"
    assert json.loads(out)["error"]["code"] == "internal"


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("arguments", [("--trace", "broken"), ("broken", "--trace")])
def test_whoever_asks_for_it_sees_where_the_error_arose(arguments: tuple[str, ...], run: Run) -> None:
    code, _, err = run(*arguments)

    assert code == 7
    assert "Traceback" in err
    assert "in broken" in err


@pytest.mark.usefixtures("told")
def test_ctrl_c_ends_every_command_with_130(run: Run) -> None:
    code, out, err = run("stopped")

    assert (code, out, err.strip()) == (130, "", "Error: Interrupted.")


def test_the_document_names_its_schema_first_and_no_server_can_name_another(capsys: pytest.CaptureFixture[str]) -> None:
    with click.Context(click.Command("list"), info_name="simbond cards list"):
        common.print_json({"cards": [], "schema": "forged"})

    assert next(iter(json.loads(capsys.readouterr().out).items())) == ("schema", "simbond.cards.list.v1")


def test_a_terminal_that_lacks_characters_gets_english_and_what_is_foreign_there_escaped() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "simbond_tools.cli", "--lang", "zh", "cards", "show", "卡"],
        capture_output=True, text=True, env=os.environ | {"PYTHONIOENCODING": "cp1252"}, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert "Error" in done.stderr
    assert "\\u5361" in done.stderr
