"""What is being done just now, as long as it lasts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from .common import shows_progress


@contextmanager
def doing(text: str = "") -> Iterator[Callable[[str], None]]:
    """Shows a text beside the work, on a terminal. What it yields changes that text."""
    if not shows_progress():
        yield lambda _text: None
        return
    with Console(stderr=True).status(text) as status:
        yield status.update
