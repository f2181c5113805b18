"""ROMFS images: a file system that MicroPython (1.25 on) reads, and runs .mpy files from, where it lies in flash.

The format is documented with MicroPython's VfsRom: records of kind, length and payload, numbers in base 128 with the
high bit set on all but the last octet; a file's record holds its name and a data record, a directory's its name and
further records.
"""

from pathlib import Path

_MAGIC = b"\xd2\xcd\x31"
_DATA = 2
_DIRECTORY = 4
_FILE = 5

EMPTY = _MAGIC + b"\x00"
"""The image of an empty directory."""


def image(root: Path) -> bytes:
    """The image of the directory tree under root, hidden files left out."""
    records = _directory(root)
    length = _number(len(records))
    if (len(_MAGIC) + len(length) + len(records)) % 2:
        length = b"\x80" + length  # an image has an even number of octets
    return _MAGIC + length + records


def _directory(path: Path) -> bytes:
    entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    return b"".join(
        _record(_DIRECTORY, _name(entry) + _directory(entry))
        if entry.is_dir()
        else _record(_FILE, _name(entry) + _record(_DATA, entry.read_bytes()))
        for entry in entries
    )


def _record(kind: int, payload: bytes) -> bytes:
    return _number(kind) + _number(len(payload)) + payload


def _name(path: Path) -> bytes:
    return _number(len(path.name.encode())) + path.name.encode()


def _number(n: int) -> bytes:
    octets = [n & 0x7F]
    while n := n >> 7:
        octets.insert(0, 0x80 | n & 0x7F)
    return bytes(octets)
