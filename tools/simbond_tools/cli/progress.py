"""What is being done just now, as long as it lasts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from simbond_tools.characters import can_print

from .common import shows_progress

_DOTS = "⠋"


@contextmanager
def doing(text: str = "") -> Iterator[Callable[[str], None]]:
    """Shows a text beside the work, on a terminal. What it yields changes that text."""
    if not shows_progress():
        yield lambda _text: None
        return
    with Console(stderr=True).status(text, spinner="dots" if can_print(_DOTS) else "line") as status:
        yield status.update
