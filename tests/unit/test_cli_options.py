"""What the options of the operators' commands take; nothing is asked of a server here."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from simbond_tools.cli.common import Failure
from simbond_tools.cli.remote import DEFAULT_URL, Server, server_options

TOKEN = "sbt_secret"


@click.command()
@server_options()
def ask(server: Server) -> None:
    click.echo(f"{server.url} {server.token} {server.ca} {server.plain_http}")


@click.command()
@server_options(token_required=False)
def may_ask(server: Server) -> None:
    click.echo(f"{server.token}")


def run(command: click.Command, *arguments: str, **environment: str) -> Result:
    unset = dict.fromkeys(("SIMBOND_URL", "SIMBOND_TOKEN", "SIMBOND_CA"))
    return CliRunner(env=unset | environment).invoke(command, arguments)


def test_the_environment_says_what_the_options_would() -> None:
    result = run(ask, SIMBOND_URL="https://v.example", SIMBOND_TOKEN=TOKEN, SIMBOND_CA="ca.pem")

    assert result.output == f"https://v.example {TOKEN} ca.pem False\n"


def test_an_option_goes_before_the_environment() -> None:
    result = run(
        ask, "--token", TOKEN, "--url", "https://v.example", SIMBOND_URL="https://other", SIMBOND_TOKEN="other"
    )

    assert result.output == f"https://v.example {TOKEN} None False\n"


def test_the_server_on_this_machine_is_the_default() -> None:
    assert run(ask, "--token", TOKEN).output.startswith(DEFAULT_URL)


def test_a_token_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")

    assert TOKEN in run(ask, "--token", f"@{tmp_path / 'token'}").output


@pytest.mark.parametrize("arguments", [(), ("--token", "")])
def test_who_gives_no_token_is_told_where_to_get_one(arguments: tuple[str, ...]) -> None:
    result = run(ask, *arguments)

    assert result.exit_code == 2
    assert "SIMBOND_TOKEN" in result.output
    assert "simbond token create" in result.output


def test_where_no_server_is_needed_no_token_is() -> None:
    assert run(may_ask).output == "None\n"


@pytest.mark.parametrize("url", ["verifier.example:8443", "ftp://v", "https://", "", "http://[::1", "https://v:port"])
def test_what_is_no_url_is_refused_before_anything_is_sent(url: str) -> None:
    assert run(ask, "--token", TOKEN, "--url", url).exit_code == 2


def test_a_token_is_not_sent_in_the_clear_beyond_this_machine() -> None:
    with (
        pytest.raises(Failure, match="in the clear") as failure,
        Server("http://192.0.2.1:8443", TOKEN, None, False).connect(),
    ):
        pass
    assert failure.value.exit_code == 2


@pytest.mark.parametrize(
    ("url", "plain_http"),
    [
        ("http://192.0.2.1", True),
        ("https://192.0.2.1", False),
        ("http://127.0.0.1", False),
        ("http://localhost", False),
        ("http://[::1]", False),
    ],
)
def test_a_token_is_sent_by_tls_or_at_home_or_where_it_is_allowed(url: str, plain_http: bool) -> None:
    with Server(url, TOKEN, None, plain_http).connect() as api:
        assert api.url == url


@pytest.mark.parametrize("ca", ["/does/not/exist", __file__])
def test_a_ca_file_that_is_none_is_a_local_failure(ca: str) -> None:
    with pytest.raises(Failure, match="CA file") as failure, Server("https://v", TOKEN, ca, False).connect():
        pass
    assert failure.value.exit_code == 7


@pytest.mark.parametrize("token", ["sbt_\x1b[2J", "sbt_é", "a\nb"])
def test_a_token_that_no_header_can_carry_is_a_local_failure(token: str) -> None:
    with pytest.raises(Failure, match="copy it again") as failure, Server("https://v", token, None, False).connect():
        pass
    assert failure.value.exit_code == 7
