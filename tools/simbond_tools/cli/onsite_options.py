"""The option of every command that works on site, and how the folder's failures end a command."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from simbond_tools.i18n import N_
from simbond_tools.onsite.errors import BundleExpired, BundleForged, NotInOrders, OnSiteError, VerifierChanged

from .common import LOCAL, NOT_FOUND, REFUSED, Failure

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
    """Turns what is wrong with the folder into a Failure: 4 where work orders may not be used, 5 where there is none
    for this, else 7."""
    try:
        yield
    except OnSiteError as e:
        raise Failure(e.code, str(e), exit_code=_exit_code(e)) from None


def _exit_code(error: OnSiteError) -> int:
    if isinstance(error, NotInOrders):
        return NOT_FOUND
    return REFUSED if isinstance(error, BundleExpired | BundleForged | VerifierChanged) else LOCAL
