"""The `simbond` command. Each subcommand lives in a module of its own and is imported when it is called."""

import errno
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click
from click.shell_completion import CompletionItem

from simbond_tools.i18n import N_, _
from simbond_verifier.misspelt import suggest

from . import config, interrupts, shared, streams
from .common import BROKEN_PIPE, LOCAL, USAGE, Failure, json_option, wants_json
from .sections import SECTIONS
from .translated import TranslatedCommand

# command: (module, attribute, the extra that it needs)
_COMMANDS = {
    "appeals": ("appeals", "appeals", None),
    "at": ("at", "at", None),
    "backup": ("backup", "backup", "server"),
    "cards": ("cards", "cards", None),
    "case": ("case", "case_group", None),
    "check": ("check", "check", "serial"),
    "decisions": ("decisions", "decisions", None),
    "demo": ("demo", "demo", "demo"),
    "devices": ("devices", "devices", None),
    "doctor": ("doctor", "doctor", "serial"),
    "emulate": ("emulate", "emulate", None),
    "enforcement": ("enforcement", "enforcement", None),
    "evidence": ("evidence", "evidence", None),
    "flash": ("flash", "flash_command", "serial"),
    "identities": ("identities", "identities", "server"),
    "ledger": ("ledger", "ledger", None),
    "observations": ("observations", "observations", None),
    "provision": ("provision", "provision", "serial"),
    "probe": ("probe", "probe", "serial"),
    "restore": ("backup", "restore", "server"),
    "serve": ("serve", "serve", "server"),
    "shadow": ("shadow", "shadow", None),
    "signing-key": ("signing_key", "signing_key", "server"),
    "stations": ("stations", "stations", None),
    "swap": ("swap", "swap", "serial"),
    "token": ("token", "token", "server"),
    "work-orders": ("work_orders", "work_orders", None),
}


_BRINGS = {"server": ("fastapi",), "serial": ("serial",), "demo": ("fastapi", "serial")}
"""Extra: what tells that it is installed."""


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _Lazy(TranslatedCommand, click.Group):
    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """By the names alone: a shell does not wait until everything is imported."""
        names = [CompletionItem(name) for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """By sections, of their own words: nothing is imported for the list."""
        for heading, commands in SECTIONS.items():
            with formatter.section(_(heading)):
                formatter.write_dl([(name, _missing_extra(name) or _(summary)) for name, summary in commands.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            click.echo(self._guide(ctx))
            sys.exit(USAGE)
        return super().parse_args(ctx, args)

    def _guide(self, ctx: click.Context) -> str:
        """For whoever types the command's name alone: where to begin. It fits a terminal of 24 lines."""
        formatter = ctx.make_formatter()
        formatter.write_text(_(self.help) if self.help else "")
        for heading, commands in SECTIONS.items():
            with formatter.section(_(heading)):
                formatter.write_text(", ".join(commands))
        formatter.write_paragraph()
        formatter.write_text(_("'simbond --help' says what each is for, 'simbond COMMAND --help' how it is used."))
        return formatter.getvalue().rstrip("\n")

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
        shared.adopt(command, cmd_name.replace("-", "_"))
        return command

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        with streams.reader_may_go():  # --help and --version print here
            return super().make_context(*args, **more)

    def invoke(self, ctx: click.Context) -> Any:
        with streams.reader_may_go():
            return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and (meant := suggest("command", args[0], _COMMANDS)):
            raise click.UsageError(meant, ctx)
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and command is not None:
            ctx.default_map = {**(ctx.default_map or {}), name: config.defaults(command, name)}
        return name, command, rest


def _missing_extra(name: str) -> str:
    """What to install before a command runs; empty where nothing is missing."""
    extra = _COMMANDS[name][2]
    if extra is None or all(map(_is_there, _BRINGS[extra])):
        return ""
    return _("Not installed: pip install 'simbond[{extra}]'").format(extra=extra)


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _missing(name: str, needs: str) -> None:
    raise Failure("not-installed", f"'simbond {name}' cannot run: {needs}", exit_code=LOCAL)


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=N_("Binds an IoT card to its device and its use, and acts when it leaves them."),
    epilog=N_("The options --trace, --no-progress, --lang and --json may stand behind a command's name, too."),
)
@config.option(_COMMANDS)
@shared.options
@json_option
@click.version_option(package_name="simbond")
def simbond(as_json: bool) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point. Exit codes: docs/cli.md."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    in_force = shared.Shared(json=wants_json(given), trace="--trace" in given)
    streams.mend()
    try:
        with interrupts.none_lost():
            simbond.main(args=given, prog_name="simbond", standalone_mode=False, obj=in_force)
    except streams.ReaderGone:
        streams.settle()
        sys.exit(BROKEN_PIPE)
    except (Exception, KeyboardInterrupt) as e:  # noqa: BLE001 - nobody shall see a traceback who has not asked for it
        if in_force.trace:
            traceback.print_exception(e)
        if isinstance(e, click.UsageError) and not in_force.json:
            with suppress(OSError):
                e.show()
            streams.settle()
            sys.exit(e.exit_code)
        failure = _failure(e)
        streams.tell(failure, json=in_force.json)
        sys.exit(failure.exit_code)


def _failure(e: BaseException) -> Failure:
    """What is told of an exception that ended a command."""
    match e:
        case Failure():
            return e
        case click.Abort() | KeyboardInterrupt():
            return Failure("interrupted", _("Interrupted."), exit_code=130)
        case click.ClickException():
            return Failure("usage", e.format_message(), exit_code=e.exit_code)
        case OSError(errno=number, filename=None) if number in _NO_ROOM:
            return Failure("file", _("Cannot write: {why}.").format(why=e.strerror), exit_code=LOCAL)
    what = f"{type(e).__name__}: {e}".removesuffix(".").removesuffix(": ")
    told = f"simbond itself has failed ({what}). Run it again with --trace, and report what that prints."
    return Failure("internal", told, exit_code=LOCAL)
