"""A file that one program holds at a time; the system lets go of it when that program ends, however it ends."""

import os
from pathlib import Path
from typing import IO

from simbond_tools.i18n import _

from .errors import FactoryError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def hold(path: Path) -> IO[bytes]:
    """Holds the file until it is closed. Raises FactoryError where another program does."""
    try:
        file = open(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "r+b")  # noqa: SIM115 - the caller's
        try:
            _lock(file)
        except OSError:
            file.close()
            raise FactoryError(
                "station-busy",
                _("Another program works with the station in {folder}. Wait for it, or end it.").format(
                    folder=path.parent
                ),
            ) from None
    except OSError as e:
        raise FactoryError("folder", _("Cannot use {path}: {why}.").format(path=path, why=e.strerror or e)) from None
    return file


def _lock(file: IO[bytes]) -> None:
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    import msvcrt

    msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
