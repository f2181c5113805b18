"""Files that are there after a power cut: the whole new content, or the old one. What fails raises OSError."""

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_FULL_SYNC = getattr(fcntl, "F_FULLFSYNC", None)
"""macOS leaves what fsync wrote in the drive's own cache; this call does not."""
_BINARY = getattr(os, "O_BINARY", 0)  # Windows


def settle(descriptor: int) -> None:
    """Has what was written to an open file, or the names in an open folder, on the disk."""
    if _FULL_SYNC is not None:
        try:
            fcntl.fcntl(descriptor, _FULL_SYNC)
        except OSError:
            pass  # not on every file system
        else:
            return
    os.fsync(descriptor)


def write(path: Path, octets: bytes) -> None:
    """Writes a file for its owner alone, making its folder where there is none."""
    unfinished = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # One that is there may be somebody else's, who would go on reading it, or lead elsewhere.
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _BINARY, 0o600), "wb") as file:
        file.write(octets)
    put(unfinished, path)


def put(unfinished: Path, path: Path) -> None:
    """Gives a file that is written, and closed, its name in the same folder."""
    _settle(unfinished, os.O_RDWR)  # Windows settles no file that it may not write
    unfinished.replace(path)
    _settle_names(path.parent)


def remove(path: Path) -> None:
    """Removes a file; one that is gone already is no error."""
    path.unlink(missing_ok=True)
    _settle_names(path.parent)


def _settle_names(folder: Path) -> None:
    """Windows does not open folders."""
    if os.name == "posix":
        _settle(folder, os.O_RDONLY)


def _settle(path: Path, how: int) -> None:
    descriptor = os.open(path, how)
    try:
        settle(descriptor)
    finally:
        os.close(descriptor)
