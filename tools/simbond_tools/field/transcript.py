"""What went over a line, as a file that can be read, sent to somebody, and replayed (docs/transcripts.md).

A file of JSON lines: a header, then one object for each read and write: seconds since the start, the sender, and the
octets as Latin-1.
"""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple

from simbond_tools.closing import Closing
from simbond_tools.i18n import _

from .redaction import redacted

FORMAT = "simbond-transcript"
FORMAT_VERSION = 1
_MOST_OCTETS = 8 << 20

Side = Literal["host", "device"]


class TranscriptError(ValueError):
    """A file that is no transcript; the text says where it is wrong."""


class Chunk(NamedTuple):
    """One read or write."""

    seconds: float
    side: Side
    data: bytes


class Transcript(Closing):
    """Records a line (a line.Recorder) and writes the file when it is closed, best by `with`.

    Redacted unless unredacted: what is personal is told apart only when all of it is there, so nothing is written
    before. At most 8 MiB are kept; what comes after is not recorded. Raises OSError when the file cannot be written.
    """

    def __init__(
        self, path: Path, *, port: str = "", unredacted: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = os.fdopen(descriptor, "w", encoding="utf-8")
        self._header = {
            FORMAT: FORMAT_VERSION,
            "redacted": not unredacted,
            "simbond": version("simbond"),
            "port": port,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._clock = clock
        self._began = clock()
        self._chunks: list[Chunk] = []
        self._octets = 0

    def record(self, side: Side, data: bytes) -> None:
        if self._octets + len(data) <= _MOST_OCTETS:
            self._octets += len(data)
            self._chunks.append(Chunk(self._clock() - self._began, side, data))

    def close(self) -> None:
        """Writes the file. Closing twice does nothing."""
        if self._file.closed:
            return
        with self._file as file:
            chunks = self._chunks
            datas = [chunk.data for chunk in chunks]
            if self._header["redacted"]:
                datas = redacted([(chunk.side, chunk.data) for chunk in chunks])
            for line in (self._header, *map(_written, chunks, datas)):
                file.write(json.dumps(line) + "\n")


def _written(chunk: Chunk, data: bytes) -> dict[str, Any]:
    return {"at": round(chunk.seconds, 3), "from": chunk.side, "text": data.decode("latin-1")}


def read_transcript(path: Path) -> list[Chunk]:
    """The chunks of a file, in order. Raises TranscriptError, and OSError where it cannot be read."""
    lines = path.read_text("utf-8", errors="replace").splitlines()
    header = _object(lines[0] if lines else "", 1)
    if header.get(FORMAT) != FORMAT_VERSION:
        raise TranscriptError(
            _("{path} is no transcript: its first line is to hold {member}.").format(
                path=path, member=f'"{FORMAT}": {FORMAT_VERSION}'
            )
        )
    return [_chunk(line, number) for number, line in enumerate(lines[1:], 2) if line.strip()]


def _chunk(line: str, number: int) -> Chunk:
    entry = _object(line, number)
    at, side, text = entry.get("at"), entry.get("from"), entry.get("text")
    if not isinstance(at, int | float) or side not in ("host", "device") or not isinstance(text, str):
        raise TranscriptError(
            _("Line {number}: 'at', 'from' (host or device) and 'text' are needed.").format(number=number)
        )
    try:
        return Chunk(float(at), "host" if side == "host" else "device", text.encode("latin-1"))
    except UnicodeEncodeError:
        raise TranscriptError(_("Line {number}: 'text' has characters beyond Latin-1.").format(number=number)) from None


def _object(line: str, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise TranscriptError(_("Line {number} is no JSON object.").format(number=number))
    return found
