"""Writing what was fetched into a file: all of it, or none."""

import os
from collections.abc import Iterable
from pathlib import Path

from .common import LOCAL, Failure


def write(path: str, pieces: Iterable[bytes]) -> int:
    """Writes a file in pieces, beside its place until it is whole; readable only by its owner. Returns its octets.
    Raises Failure."""
    target = Path(path)
    unfinished = target.with_name(target.name + ".part")
    octets = 0
    try:
        with open(os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            for piece in pieces:
                octets += file.write(piece)
        unfinished.replace(target)
    except OSError as e:
        raise Failure("file", f"Cannot write {path}: {e.strerror or e}.", exit_code=LOCAL) from None
    finally:
        unfinished.unlink(missing_ok=True)
    return octets
