"""Ctrl-C while a modem is asked."""

import asyncio
import os
import signal

import pytest

from simbond_tools.field.modem import interruptible


def test_an_interrupt_that_the_work_misses_is_not_lost() -> None:
    """asyncio.wait_for does in Python 3.11, where what it waits for comes at that moment."""

    async def deaf() -> str:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "an answer"
        return ""

    with asyncio.Runner() as runner, pytest.raises(KeyboardInterrupt):
        runner.run(interruptible(deaf()))
