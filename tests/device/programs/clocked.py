"""A board whose clock is set by the network's time."""

import json

from simbond_agent import run
from simbond_agent.posix import from_environment


def set_time(unix_s):
    print(json.dumps({"event": "clock", "unix_s": unix_s}))


board = from_environment()
board.set_time = set_time
run(board)
