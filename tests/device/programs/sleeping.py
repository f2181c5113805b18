"""A device that sleeps between two attestations, with memory that outlasts its sleep: each process is one wake."""

import json
import os

from simbond_agent import run_once
from simbond_agent.posix import Gateway, from_environment

_MEMORY = os.getenv("SIMBOND_STATE_DIR") + "-memory"


def retained():
    try:
        with open(_MEMORY, "rb") as f:
            return f.read()
    except OSError:
        return None


def retain(octets):
    with open(_MEMORY, "wb") as f:
        f.write(octets)


board = from_environment()
Gateway.retained = staticmethod(retained)
Gateway.retain = staticmethod(retain)
print(json.dumps({"event": "sleep", "seconds": run_once(board)}))
