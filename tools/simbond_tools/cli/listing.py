"""Lists that come from the verifier in pages."""

import sys
from itertools import islice
from typing import Any

import click

from simbond_tools.client import PAGE, Api

from .common import ON_A_SCREEN, complain

limit_option = click.option(
    "--limit",
    type=click.IntRange(min=1),
    help=f"At most so many.  [default: {ON_A_SCREEN} on a terminal; all of them for files, pipes and --json]",
)


def fetch(
    api: Api, path: str, member: str, *, limit: int | None, as_json: bool, **query: Any
) -> tuple[list[dict[str, Any]], bool]:
    """The elements of a list, and whether there are more than these."""
    if limit is None and not as_json and sys.stdout.isatty():
        limit = ON_A_SCREEN
    if limit is None:
        return list(api.pages(path, member, **query)), False
    found = list(islice(api.pages(path, member, limit=min(limit + 1, PAGE), **query), limit + 1))
    return found[:limit], len(found) > limit


def tell_more(more: bool) -> None:
    if more:
        complain("There are more; --limit N shows as many as you like.")
