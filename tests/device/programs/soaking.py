"""The agent with its seconds made shorter, saying now and then how much heap is free."""

import asyncio
import gc
import json
import time

from simbond_agent import agent, port
from simbond_agent.posix import from_environment

FASTER = 50


class Shortened:
    """asyncio for the agent's own waits; the time-outs of modem and network stay what they are."""

    Event = asyncio.Event
    Lock = asyncio.Lock
    StreamReader = asyncio.StreamReader
    TimeoutError = asyncio.TimeoutError
    create_task = asyncio.create_task
    run = asyncio.run

    @staticmethod
    def sleep(seconds):
        return asyncio.sleep(seconds / FASTER)

    @staticmethod
    def wait_for(awaitable, seconds):
        return asyncio.wait_for(awaitable, seconds / FASTER)


class Uptime:
    def __init__(self):
        self._start = time.time()

    def seconds(self):
        return int((time.time() - self._start) * FASTER)


def log(line):
    print(line)
    if '"attested"' in line:
        gc.collect()
        print(json.dumps({"event": "heap", "free": gc.mem_free()}))


agent.asyncio = Shortened
agent.Uptime = Uptime
port.asyncio = Shortened
board = from_environment()
board.log = log
agent.run(board)
