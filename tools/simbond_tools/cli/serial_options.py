"""The options of every command that uses a cable, and how a cable's failures end a command."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from simbond_tools.field.errors import FieldError
from simbond_tools.field.line import Recorder
from simbond_tools.field.transcript import Transcript
from simbond_tools.i18n import N_, _

from .common import LOCAL, Failure
from .completion import ports
from .exit_codes import failure

F = TypeVar("F", bound=Callable[..., Any])


def baud_option(help: str, default: int | None = None) -> Callable[[F], F]:
    """--baud, as baud: int, or None where there is no default."""
    return click.option(
        "--baud", type=click.IntRange(300, 4_000_000), default=default, envvar="SIMBOND_BAUD", help=help
    )


def several_ports_option(help: str, envvar: str | None = None) -> Callable[[F], F]:
    """--port, which may be repeated, as ports: tuple[str, ...]."""
    return click.option(
        "--port", "ports", multiple=True, metavar="DEVICE|URL", envvar=envvar, shell_complete=ports, help=help
    )


def port_options(command: F) -> F:
    """--port, --baud and --transcript, as port: str | None, baud: int | None, transcript: Path | None."""
    for option in reversed(
        (
            click.option(
                "--port",
                envvar="SIMBOND_PORT",
                metavar="DEVICE|URL",
                shell_complete=ports,
                help=N_(
                    "The port: /dev/ttyUSB2, COM7, socket://HOST:PORT, rfc2217://HOST:PORT. Else it is looked for."
                ),
            ),
            baud_option(N_("Speed. Else it is found.")),
            click.option(
                "--transcript",
                type=click.Path(path_type=Path, dir_okay=False),
                envvar="SIMBOND_TRANSCRIPT",
                help=N_("File to write what goes over the line to, identities replaced."),
            ),
        )
    ):
        command = option(command)
    return command


@contextmanager
def recorded(transcript: Path | None, *, unredacted: bool = False) -> Iterator[Recorder | None]:
    """The recorder of --transcript, whose file is there when the block ends; None without that option."""
    if transcript is None:
        yield None
        return
    try:
        with Transcript(transcript, unredacted=unredacted) as recorder:
            yield recorder
    except OSError as e:
        text = _("Cannot write {path}: {why}.").format(path=transcript, why=e.strerror or e)
        raise Failure("file", text, exit_code=LOCAL) from None


@contextmanager
def on_a_cable() -> Iterator[None]:
    """Turns what fails on a cable into a Failure."""
    try:
        yield
    except FieldError as e:
        raise failure(e) from None
