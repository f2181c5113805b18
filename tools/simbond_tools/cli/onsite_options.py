"""The option of every command that works on site, and how the folder's failures end a command."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from simbond_tools.i18n import N_
from simbond_tools.onsite.errors import OnSiteError

from .exit_codes import failure

F = TypeVar("F", bound=Callable[..., Any])

CONNECT_S = 5.0
"""A laptop at a meter has no network, or one that leads nowhere: nobody waits for that."""

folder_option = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="SIMBOND_FOLDER",
    default=lambda: Path(click.get_app_dir("simbond")) / "work-orders",
    show_default="work-orders in simbond's own folder",
    help=N_("Where work orders and results are kept."),
)


@contextmanager
def on_site() -> Iterator[None]:
    """Turns what is wrong with the folder into a Failure."""
    try:
        yield
    except OnSiteError as e:
        raise failure(e) from None
