"""A station's log on its disk: only ever appended to, and on the disk before anybody hears of an entry."""

import os
from collections.abc import Callable
from pathlib import Path

from simbond_tools.i18n import _
from simbond_verifier import disk, endorsement
from simbond_verifier.endorsement import BadEndorsement, BrokenLog, Entry, Link

from .errors import FactoryError

_BINARY = getattr(os, "O_BINARY", 0)  # Windows


class StationLog:
    """An open log. last: its end. torn: octets of an entry that a power cut kept from being finished, and of which
    nobody was told: they are gone.

    begin: what the first entry follows. point: the station's public key. each: gets every entry that is there. Raises
    FactoryError where the log is not a chain from there, or unusable.
    """

    def __init__(self, path: Path, begin: Link, point: bytes, each: Callable[[Entry], None]) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDWR | _BINARY)
        except OSError as e:
            raise self._unusable(e) from None
        try:
            self.last, self.torn = self._read(begin, point, each)
        except BaseException:
            self.close()
            raise

    def append(self, message: bytes) -> Entry:
        """Adds an entry. It is on the disk when this returns. Raises FactoryError, and then it is not in the log."""
        entry = endorsement.read(message)
        after = endorsement.follow(self.last, entry)
        end = os.lseek(self._file, 0, os.SEEK_END)
        try:
            _write(self._file, message)
            disk.settle(self._file)
        except OSError as e:
            os.ftruncate(self._file, end)
            raise self._unusable(e) from None
        self.last = after
        return entry

    def close(self) -> None:
        os.close(self._file)

    def _read(self, begin: Link, point: bytes, each: Callable[[Entry], None]) -> tuple[Link, int]:
        try:
            octets = self._path.read_bytes()
            last, rest = _recover(octets, begin, point, each)
            if rest:
                os.ftruncate(self._file, len(octets) - len(rest))
                disk.settle(self._file)
        except OSError as e:
            raise self._unusable(e) from None
        except (BadEndorsement, BrokenLog) as e:
            raise FactoryError(
                "log-broken",
                _(
                    "The log {path} is damaged: {why}. Do not go on with this station; keep the file, make a new "
                    "station, and have an operator revoke this one."
                ).format(path=self._path, why=e),
            ) from None
        return last, len(rest)

    def _unusable(self, why: OSError) -> FactoryError:
        return FactoryError(
            "log-unusable",
            _("The log {path} cannot be used: {why}. Nothing was endorsed.").format(
                path=self._path, why=why.strerror or why
            ),
        )


def _recover(octets: bytes, begin: Link, point: bytes, each: Callable[[Entry], None]) -> tuple[Link, bytes]:
    """The log's end, and what is left of an entry that was never finished. Raises BadEndorsement, BrokenLog where it is
    anything else. Of signatures only the last is checked: the other entries were followed by more."""
    messages, rest = endorsement.split(octets)
    last = begin
    for place, message in enumerate(messages):
        try:
            entry = endorsement.read(message)
            if place == len(messages) - 1:
                endorsement.verify(entry, point)
        except BadEndorsement:
            rest = b"".join(messages[place:]) + rest
            break
        last = endorsement.follow(last, entry)
        each(entry)
    if rest and not endorsement.is_torn(rest):
        raise BadEndorsement(f"what stands behind entry {last.seq} is none of this station's")
    return last, rest


def _write(file: int, octets: bytes) -> None:
    while octets:
        octets = octets[os.write(file, octets) :]
