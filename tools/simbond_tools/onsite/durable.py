"""Files that are there after a power cut once their writing has returned: the whole new content, or the old one."""

import os
from pathlib import Path

from simbond_tools.i18n import _

from .errors import FolderUnusable


def write(path: Path, octets: bytes) -> None:
    """Writes a file for its owner alone, making its folder where there is none. Raises FolderUnusable."""
    unfinished = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        _settle(path.parent)
    except OSError as e:
        raise FolderUnusable(_("Cannot write {path}: {why}.").format(path=path, why=e.strerror or e)) from None


def remove(path: Path) -> None:
    """Removes a file; one that is gone already is no error. Raises FolderUnusable."""
    try:
        path.unlink(missing_ok=True)
        _settle(path.parent)
    except OSError as e:
        raise FolderUnusable(_("Cannot remove {path}: {why}.").format(path=path, why=e.strerror or e)) from None


def _settle(folder: Path) -> None:
    """Has the folder's own entries on the disk; Windows does not open folders."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
