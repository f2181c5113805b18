"""Results that wait for a network, a file each: the proof as text. They outlast a kill -9 and a power cut; one that
the verifier has taken is removed, one that it refuses is put aside with what it said."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from simbond_verifier.work_orders.proof import Proof, digest, to_text

from . import durable

_PENDING = "results"
_REFUSED = "refused"
_SUFFIX = ".txt"
_WHY = ".why.json"
_NAME = re.compile(r"[0-9]{1,10}-[0-9a-f]{16}\.txt").fullmatch


class Refused(NamedTuple):
    """A result that the verifier does not take."""

    path: Path
    code: str
    detail: str


def keep(folder: Path, order: int, proof: Proof) -> Path:
    """Keeps a result until it is uploaded: once this returns it is on the disk. The same again is the same file. Raises
    FolderUnusable, BadEvidence."""
    path = folder / _PENDING / f"{order}-{digest(proof).hex()[:16]}{_SUFFIX}"
    durable.write(path, to_text(proof).encode() + b"\n")
    return path


def pending(folder: Path) -> list[Path]:
    """The results that wait, the oldest first."""
    found = [path for path in (folder / _PENDING).glob(f"*{_SUFFIX}") if _NAME(path.name) and path.is_file()]
    return sorted(found, key=lambda path: (path.stat().st_mtime, path.name))


def number(path: Path) -> int:
    """The order that a result is about."""
    return int(path.name.partition("-")[0])


def taken(path: Path) -> None:
    """The verifier has it. Raises FolderUnusable."""
    durable.remove(path)


def refuse(path: Path, code: str, detail: str) -> Refused:
    """Puts a result aside with the verifier's words. Interrupted, it is uploaded, and refused, again. Raises
    FolderUnusable."""
    aside = path.parent.with_name(_REFUSED) / path.name
    why = {"code": code, "detail": detail}
    durable.write(aside.with_suffix(_WHY), json.dumps(why, ensure_ascii=False).encode() + b"\n")
    durable.write(aside, path.read_bytes())
    durable.remove(path)
    return Refused(aside, code, detail)


def refused(folder: Path) -> Iterator[Refused]:
    """Those that were put aside, by name."""
    for aside in sorted((folder / _REFUSED).glob(f"*{_SUFFIX}")):
        try:
            why = json.loads(aside.with_suffix(_WHY).read_bytes())
            yield Refused(aside, str(why["code"]), str(why["detail"]))
        except (OSError, ValueError, KeyError, TypeError):
            yield Refused(aside, "unknown", "")
