"""The `simbond` command. Each subcommand lives in a module of its own and is imported when it is called."""

import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from .common import LOCAL, Failure, wants_json

# command: (module, attribute, the extra that it needs)
_COMMANDS = {
    "appeals": ("appeals", "appeals", None),
    "at": ("at", "at", None),
    "backup": ("backup", "backup", "server"),
    "cards": ("cards", "cards", None),
    "case": ("case", "case_group", None),
    "decisions": ("decisions", "decisions", None),
    "demo": ("demo", "demo", "demo"),
    "devices": ("devices", "devices", None),
    "emulate": ("emulate", "emulate", None),
    "enforcement": ("enforcement", "enforcement", None),
    "evidence": ("evidence", "evidence", None),
    "identities": ("identities", "identities", "server"),
    "ledger": ("ledger", "ledger", None),
    "observations": ("observations", "observations", None),
    "restore": ("backup", "restore", "server"),
    "serve": ("serve", "serve", "server"),
    "shadow": ("shadow", "shadow", None),
    "signing-key": ("signing_key", "signing_key", "server"),
    "token": ("token", "token", "server"),
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, extra = _COMMANDS[cmd_name]
        try:
            command = getattr(importlib.import_module(f".{module}", __package__), attribute)
        except ModuleNotFoundError as e:
            if extra is None or (e.name or "").startswith("simbond"):
                raise
            needs = f"{e.name} is missing; install it with: pip install 'simbond[{extra}]'"
            return click.Command(cmd_name, help=f"Not installed: {needs}", callback=lambda: _missing(cmd_name, needs))
        assert isinstance(command, click.Command)
        return command


def _missing(name: str, needs: str) -> None:
    raise Failure("not-installed", f"'simbond {name}' cannot run: {needs}", exit_code=LOCAL)


@click.group(cls=_Lazy, context_settings={"auto_envvar_prefix": "SIMBOND", "help_option_names": ["-h", "--help"]})
@click.version_option(package_name="simbond")
def simbond() -> None:
    """Binds an IoT card to its device and its use, and acts when it leaves them."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point. Exit codes: docs/cli.md."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        simbond.main(args=given, prog_name="simbond", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        _fail(Failure("interrupted", "Interrupted.", exit_code=130), given)
    except Failure as e:
        _fail(e, given)
    except click.ClickException as e:
        if not wants_json(given):
            e.show()
            sys.exit(e.exit_code)
        _fail(Failure("usage", e.format_message(), exit_code=e.exit_code), given)


def _fail(failure: Failure, arguments: Sequence[str]) -> NoReturn:
    failure.report(json=wants_json(arguments))
    sys.exit(failure.exit_code)
