"""The ledger as a file: a CBOR sequence (RFC 8742) of byte strings, each a record of its own.

The first record is a header, then come the entries in order, each checkpoint behind the last entry that it covers. An
entry carries its leaf and its body; where the row was deleted, its leaf and what it was a row of. Written and read a
record at a time, in memory that does not grow with the ledger.
"""

from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from ..strict_cbor import Undecodable, decode_all
from . import cbor
from .merkle import HASH_OCTETS

FORMAT = "simbond-ledger"
VERSION = 1
RECORD_OCTETS = 1 << 20
"""No record is longer, so a damaged length cannot fill the memory."""
_CHECKPOINT = b"\xd2"
_HEADS = {0x58: 1, 0x59: 2, 0x5A: 4}


class Unreadable(ValueError):
    """The file is no export, or not beyond this point; the message says where."""


class Entry(NamedTuple):
    """An entry of the file as it stands there; nothing of it is checked."""

    seq: int
    leaf: bytes
    body: bytes | None
    kind: str = ""
    """Of a row that was deleted: what it was a row of. Nothing vouches for that."""
    row_id: int = 0


def header(origin: str) -> bytes:
    return frame(cbor.dumps([FORMAT, VERSION, origin]))


def entry(seq: int, leaf: bytes, body: bytes) -> bytes:
    return frame(cbor.dumps([seq, leaf, body]))


def deleted(seq: int, leaf: bytes, kind: str, row_id: int) -> bytes:
    return frame(cbor.dumps([seq, leaf, kind, row_id]))


def frame(record: bytes) -> bytes:
    """A record, or a checkpoint's message, as the file has it."""
    return cbor.dumps(record)


def read(stream: IO[bytes]) -> Iterator[Entry | bytes]:
    """The records behind the header: entries, and checkpoints' messages. Raises Unreadable."""
    records = _frames(stream)
    try:
        known = cbor.loads(next(records, b""))
    except cbor.Malformed:
        known = None
    if type(known) is not list or known[:1] != [FORMAT]:
        raise Unreadable("it is no export of a ledger; 'simbond ledger export' writes one")
    if known[1:2] != [VERSION]:
        raise Unreadable("it is an export of another version; check it with the simbond that wrote it, or a newer one")
    for number, record in enumerate(records, 1):
        yield record if record.startswith(_CHECKPOINT) else _entry(record, number)


def _entry(record: bytes, number: int) -> Entry:
    try:
        parts = decode_all(record)
    except Undecodable as e:
        raise Unreadable(f"record {number} is damaged ({e.reason})") from None
    types: list[Any] = [type(p) for p in parts] if type(parts) is list else []
    if types[:2] != [int, bytes] or len(parts[1]) != HASH_OCTETS or types[2:] not in ([bytes], [str, int]):
        raise Unreadable(f"record {number} is damaged: it is neither an entry nor a checkpoint")
    return Entry(*parts) if len(parts) == 3 else Entry(parts[0], parts[1], None, parts[2], parts[3])


def _frames(stream: IO[bytes]) -> Iterator[bytes]:
    number = 0
    while head := stream.read(1):
        size = head[0] - 0x40
        if head[0] in _HEADS:
            size = int.from_bytes(stream.read(_HEADS[head[0]]), "big")
        elif not 0 <= size < 24:
            raise Unreadable(f"record {number} is damaged: no record begins like this")
        if size > RECORD_OCTETS:
            raise Unreadable(f"record {number} is damaged: it says that it has {size} octets")
        record = stream.read(size)
        if len(record) < size:
            raise Unreadable(f"it ends within record {number}: it was cut off")
        yield record
        number += 1
