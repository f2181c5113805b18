"""How work that can wait shares the one writer with what devices send: in units that are short, measured in time, and
with gaps between them in which Evidence goes first."""

import asyncio
from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import TypeVar

from ..store.group_commit import GroupCommit

T = TypeVar("T")

_UNIT_S = 0.008
"""Evidence that arrives with a unit waits for that, and for two commits."""
_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.1
"""What is due gets through a writer that always has other work, if slowly."""


def in_time(items: Iterable[T]) -> Iterator[T]:
    """As many of the items as there is time for in one unit of work; the first in any case. A number would not do: how
    long each takes depends on the machine, the database, and whatever else they have to do."""
    until = perf_counter() + _UNIT_S
    for item in items:
        yield item
        if perf_counter() >= until:
            return


async def give_way(writer: GroupCommit, longest_s: float = _LONGEST_PAUSE_S) -> None:
    """Between two units: lets devices' messages in, and returns when the writer has nothing else to do; after
    longest_s in any case."""
    loop = asyncio.get_running_loop()
    latest = loop.time() + longest_s
    await asyncio.sleep(_PAUSE_S)
    while writer.waiting and loop.time() < latest:  # noqa: ASYNC110 - the writer is idle between any two turns
        await asyncio.sleep(_PAUSE_S)
