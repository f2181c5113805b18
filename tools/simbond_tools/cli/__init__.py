"""The `simbond` command. Each subcommand lives in a module of its own and is imported when it is called."""

import importlib
import sys
from collections.abc import Sequence

import click

from .common import Failure, wants_json

# command: (module, attribute, the extra that it needs)
_COMMANDS = {
    "cards": ("cards", "cards", None),
    "demo": ("demo", "demo", "demo"),
    "devices": ("devices", "devices", None),
    "emulate": ("emulate", "emulate", None),
    "evidence": ("evidence", "evidence", None),
    "serve": ("serve", "serve", "server"),
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
    raise Failure("not-installed", f"'simbond {name}' cannot run: {needs}", exit_code=7)


@click.group(cls=_Lazy, context_settings={"auto_envvar_prefix": "SIMBOND", "help_option_names": ["-h", "--help"]})
@click.version_option(package_name="simbond")
def simbond() -> None:
    """Binds an IoT card to its device and its use, and acts when it leaves them."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point. Exit codes: docs/cli.md."""
    try:
        simbond.main(args=arguments, standalone_mode=False)
    except click.exceptions.Exit as e:
        sys.exit(e.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except Failure as e:
        e.report(json=wants_json())
        sys.exit(e.exit_code)
    except click.ClickException as e:
        e.show()
        sys.exit(e.exit_code)
    except BrokenPipeError:
        # Whoever read our output has stopped; nothing more can be said there.
        sys.stderr.close()
        sys.exit(1)
