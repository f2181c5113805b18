"""What holds for every command, and may stand before its name or behind it: --json, --trace, --no-progress, --lang."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click

from simbond_tools import i18n
from simbond_tools.i18n import N_

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Shared:
    """The shared options of one run. config: what the config file holds."""

    json: bool = False
    trace: bool = False
    progress: bool = True
    config_file: Path | None = None
    config: dict[str, Any] = field(default_factory=dict)


def in_force() -> Shared:
    """Those of the command that runs; the defaults outside of one."""
    context = click.get_current_context(silent=True)
    found = context.find_object(Shared) if context else None
    return found or Shared()


def _trace(_context: click.Context, _option: click.Parameter, value: bool) -> bool:
    in_force().trace |= value
    return value


def _no_progress(_context: click.Context, _option: click.Parameter, value: bool) -> bool:
    in_force().progress &= not value
    return value


def _lang(context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None or context.parent is None:
        i18n.use(value)
    return value


_OPTIONS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "--trace": (_trace, {"is_flag": True, "help": N_("Show where in the program an error arose.")}),
    "--no-progress": (_no_progress, {"is_flag": True, "help": N_("No progress bars, on a terminal either.")}),
    "--lang": (
        _lang,
        {
            "type": click.Choice(i18n.LANGUAGES),
            "is_eager": True,
            "help": N_("English or Chinese; else as the locale says."),
        },
    ),
}


def options(command: F) -> F:
    """Adds the shared options to the top-level group, with their SIMBOND_ variables."""
    for name, (callback, more) in reversed(_OPTIONS.items()):
        variable = "SIMBOND_" + name[2:].replace("-", "_").upper()
        command = click.option(name, callback=callback, expose_value=False, envvar=variable, show_envvar=True, **more)(
            command
        )
    return command


def adopt(command: click.Command, path: str) -> None:
    """Lets a command, and those below it, take the shared options behind its name, too, and gives every option without
    a variable of its own SIMBOND_<PATH>_<OPTION>. path: the command's words with underscores."""
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            adopt(below, f"{path}_{name}".replace("-", "_"))
        return
    own = {name for option in command.params for name in option.opts}
    if own >= _OPTIONS.keys():
        return
    for option in command.params:
        if isinstance(option, click.Option) and option.envvar is None:
            option.envvar = f"SIMBOND_{path}_{option_key(option)}".upper()
    command.params += [
        click.Option([name], callback=callback, expose_value=False, hidden=True, **more)
        for name, (callback, more) in _OPTIONS.items()
        if name not in own
    ]


def option_key(option: click.Option) -> str:
    """An option's name in the config file and, in capitals, in its variable."""
    return max(option.opts, key=len).lstrip("-").replace("-", "_")
