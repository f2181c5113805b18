"""Ending asyncio tasks."""

import asyncio
from typing import Any


async def ended(task: "asyncio.Task[Any]") -> None:
    """Cancels a task until it is over. Before Python 3.12, asyncio.wait_for() forgets a cancellation that comes in the
    same moment as what it waited for: a busy machine makes that moment long."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1)
