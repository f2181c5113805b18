"""Ports for servers that are told theirs before they start, or that come back on the one they had."""

import contextlib
import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path

_FIRST, _LAST = 20_000, 32_767
_OWN: set[int] = set()


def free_port() -> int:
    """A port of loopback, TCP and UDP, that nobody else gets as long as this process lives, whether or not somebody
    listens there: it lies below those that the system gives out (ip_local_port_range), and a lock keeps the tests of
    other processes off it."""
    for _ in range(10_000):
        port = random.randint(_FIRST, _last())
        if port not in _OWN and _locked(port) and _is_free(port):
            _OWN.add(port)
            return port
    raise AssertionError(f"hardly a port from {_FIRST} to {_last()} is free")


@cache
def _last() -> int:
    try:
        lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:  # not Linux
        return _LAST
    return min(_LAST, lowest - 1) if lowest > _FIRST else _LAST


@cache
def _locks() -> int:
    """A file whose octet N is locked by whoever has port N. Open until the process ends: closing it unlocks."""
    path = Path(tempfile.gettempdir()) / f"simbond-test-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _locked(port: int) -> bool:
    try:
        fcntl.lockf(_locks(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    with contextlib.ExitStack() as bound, contextlib.suppress(OSError):
        bound.enter_context(socket.create_server(("127.0.0.1", port)))
        bound.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("127.0.0.1", port))
        return True
    return False
