"""What the commands of a factory station share."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from simbond_tools.factory.errors import FactoryError
from simbond_tools.factory.station import Station
from simbond_tools.i18n import N_, _

from .common import LOCAL, Failure

F = TypeVar("F", bound=Callable[..., Any])

passphrase_option = click.option(
    "--passphrase",
    metavar="TEXT|@FILE",
    envvar="SIMBOND_STATION_PASSPHRASE",
    help=N_("Of the station's key; better in the environment or a file: others can see command lines."),
)


def read_passphrase(given: str | None) -> str | None:
    """What --passphrase says. Raises Failure."""
    if given is None or not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as e:
        raise Failure("file", _("Cannot read {path}: {why}.").format(path=given[1:], why=e), exit_code=LOCAL) from None


@contextmanager
def at_a_station() -> Iterator[None]:
    """Turns what keeps a station from working into a Failure."""
    try:
        yield
    except FactoryError as e:
        raise Failure(e.code, str(e), exit_code=LOCAL) from None


def opened(folder: Path, passphrase: str | None) -> Station:
    """A station; whoever sits at a terminal is asked for the passphrase that it needs. Raises FactoryError."""
    given = read_passphrase(passphrase)
    try:
        return Station(folder, passphrase=given)
    except FactoryError as e:
        if e.code != "passphrase" or given is not None or not sys.stdin.isatty():
            raise
    return Station(folder, passphrase=click.prompt(_("Passphrase"), hide_input=True, err=True))
