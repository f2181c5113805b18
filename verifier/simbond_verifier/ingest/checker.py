"""A process that checks signatures, and nothing else: python -m simbond_verifier.ingest.checker, started by
checkers.py.

It says READY, then reads requests from its standard input (how many, 4 octets; then a RECORD of each: point, signature,
digest) and answers each with one octet for each record: 1 for a good signature. It ends when its input does.
"""

import signal
import sys
from functools import lru_cache
from typing import BinaryIO

from ..p256 import POINT_OCTETS, load_key

POINT, SIGNATURE, DIGEST = POINT_OCTETS, 64, 32
RECORD = POINT + SIGNATURE + DIGEST
"""Octets of one."""
HEAD = 4
READY = b"\x01"
_KEYS = 100_000

_key = lru_cache(maxsize=_KEYS)(load_key)


def check(records: bytes) -> bytes:
    """An octet for each record."""
    return bytes(_is_good(records[at : at + RECORD]) for at in range(0, len(records), RECORD))


def _is_good(record: bytes) -> bool:
    signature, digest = record[POINT:-DIGEST], record[-DIGEST:]
    return _key(record[:POINT]).is_signature(signature, digest)


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answers requests until there are no more."""
    sink.write(READY)
    sink.flush()
    while head := source.read(HEAD):
        sink.write(check(source.read(int.from_bytes(head, "big") * RECORD)))
        sink.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the verifier, which finishes what it has begun
    serve(sys.stdin.buffer, sys.stdout.buffer)
