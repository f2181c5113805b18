"""The config file: defaults of options in TOML (docs/cli.md). Strict: what it holds and nobody reads is an error."""

import os
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from simbond_tools.i18n import N_
from simbond_verifier.misspelt import unknown

from .common import LOCAL, Failure
from .shared import in_force, option_key

SHARED = (
    *("baud", "ca", "db", "folder", "json", "lang", "no_progress"),
    *("plain_http", "port", "token", "trace", "transcript", "url"),
)
"""Keys above all tables: the options that have one SIMBOND_ variable for all commands. A command of the same name
(`token`) has no table: these are all its options that a file is for."""

F = TypeVar("F", bound=Callable[..., Any])


def place() -> Path:
    """Where the config file is, unless --config says otherwise."""
    return Path(click.get_app_dir("simbond")) / "config.toml"


def option(commands: Iterable[str]) -> Callable[[F], F]:
    """The --config of the top-level group. commands: the names of its commands, each of which may have a table."""

    def load(context: click.Context, _option: click.Parameter, value: str | None) -> None:
        if context.resilient_parsing:
            return
        shared = in_force()
        shared.config_file = Path(value) if value else place()
        shared.config = _read(shared.config_file, must_exist=value is not None)
        found = shared.config
        _check(found, {*SHARED, *(name.replace("-", "_") for name in commands)}, "")
        for key in found.keys() & set(SHARED):
            _plain(key, found[key])
        own = {option_key(o): o for o in context.command.params if isinstance(o, click.Option)}
        given = own.keys() & found.keys()
        context.default_map = {str(own[key].name): _value(own[key], key, found[key]) for key in given}

    return click.option(
        "--config",
        metavar="FILE",
        envvar="SIMBOND_CONFIG",
        is_eager=True,
        expose_value=False,
        callback=load,
        show_envvar=True,
        show_default=str(place()),
        help=N_("Defaults of options, TOML."),
    )


def _read(file: Path, *, must_exist: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        if not must_exist:
            return {}
        raise _bad("it is not there") from None
    except OSError as e:
        raise _bad(e.strerror or str(e)) from None
    except ValueError as e:  # neither UTF-8 nor TOML
        raise _bad(f"not TOML: {e}") from None


def defaults(command: click.Command, name: str) -> dict[str, Any]:
    """What the config file says about a top-level command, in the form of click's default_map."""
    found = in_force().config
    shared = {key: found[key] for key in SHARED if key in found}
    table = name.replace("-", "_")
    return _defaults(command, {} if table in SHARED else found.get(table, {}), shared, table)


def _defaults(command: click.Command, table: Any, shared: dict[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise _bad(f"[{where}] is to be a table of options")
    if isinstance(command, click.Group):
        below = {name.replace("-", "_"): (name, found) for name, found in command.commands.items()}
        _check(table, below, where)
        return {
            name: _defaults(found, table.get(key, {}), shared, f"{where}.{key}") for key, (name, found) in below.items()
        }
    options = {option_key(o): o for o in command.params if isinstance(o, click.Option) and not o.hidden}
    _check(table, options, where)
    given = {key: (key, value) for key, value in shared.items() if key in options and _is_shared(options[key])}
    given |= {key: (f"{where}.{key}", value) for key, value in table.items()}
    return {str(options[key].name): _value(options[key], *stated) for key, stated in given.items()}


def _is_shared(option: click.Option) -> bool:
    return option.envvar == f"SIMBOND_{option_key(option).upper()}"


def _check(table: dict[str, Any], known: Iterable[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise _bad((f"[{where}]: " if where else "") + unknown("key", key, known))


def _value(option: click.Option, key: str, value: Any) -> Any:
    """A value that the option would take, as it stands there; of an option that may be repeated, one or a list."""
    if option.multiple:
        return [_single(option, key, one) for one in (value if isinstance(value, list) else [value])]
    if isinstance(value, list):
        raise _bad(f"{key} is to be one value")
    return _single(option, key, value)


def _single(option: click.Option, key: str, value: Any) -> str | int | float | bool:
    if option.is_flag is not isinstance(value, bool):
        raise _bad(f"{key} is to be {'true or false' if option.is_flag else 'a text or a number'}")
    plain = _plain(key, value)
    try:
        option.type.convert(plain, option, None)
    except click.BadParameter as e:
        raise _bad(f"{key}: {e.message}".removesuffix(".")) from None
    return plain


def _plain(key: str, value: Any) -> str | int | float | bool:
    if not isinstance(value, str | int | float | bool):
        raise _bad(f"{key} is to be a text, a number, true or false")
    if key.rpartition(".")[2] == "token" and not str(value).startswith("@"):
        raise _bad(f'{key} is to name a file with the token in it, "@FILE": others may see or copy a config file')
    return _at_home(value) if isinstance(value, str) else value


def _at_home(text: str) -> str:
    """No shell has seen what stands in a file."""
    mark = "@" if text.startswith("@~") else ""
    return mark + os.path.expanduser(text.removeprefix("@")) if text.removeprefix("@").startswith("~") else text


def _bad(problem: str) -> Failure:
    stop = "" if problem.endswith("?") else "."
    file = in_force().config_file
    return Failure("config", f"The config file {file} cannot be used: {problem}{stop}", exit_code=LOCAL)
