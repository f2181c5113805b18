"""The agent on Quectel's QuecPython: MicroPython's names of today over the modules that QuecPython documents.

Call prepare() before anything else of the agent is imported. What differs, and where it is written: docs/quecpython.md.
"""

try:
    import sys
except ImportError:
    import usys as sys

_RENAMED = ("sys", "time", "json", "hashlib", "binascii")


def prepare(seed="/usr/simbond.seed"):
    """Makes `import asyncio`, `os`, `tls` and the like find their stand-ins.

    seed: a file of 32 random octets or more that the maker puts on the module; see entropy.
    """
    for name in _RENAMED:
        try:
            module = __import__("u" + name)
        except ImportError:
            module = __import__(name)
        sys.modules[name] = module
    from . import entropy, loop, sockets, system

    entropy.seed_path = seed
    loop.open_connection = sockets.open_connection
    sys.modules["os"] = system
    sys.modules["asyncio"] = loop
    sys.modules["tls"] = sockets
