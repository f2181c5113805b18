"""Files of the technician's folder, which are there after a power cut once their writing has returned."""

from pathlib import Path

from simbond_tools.i18n import _
from simbond_verifier import disk

from .errors import FolderUnusable


def write(path: Path, octets: bytes) -> None:
    """Writes a file for its owner alone, making its folder where there is none. Raises FolderUnusable."""
    try:
        disk.write(path, octets)
    except OSError as e:
        raise FolderUnusable(_("Cannot write {path}: {why}.").format(path=path, why=e.strerror or e)) from None


def remove(path: Path) -> None:
    """Removes a file; one that is gone already is no error. Raises FolderUnusable."""
    try:
        disk.remove(path)
    except OSError as e:
        raise FolderUnusable(_("Cannot remove {path}: {why}.").format(path=path, why=e.strerror or e)) from None
