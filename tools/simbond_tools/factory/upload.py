"""Hands a station's log in at a verifier, in parts of a size that it takes."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from simbond_tools.client import Api
from simbond_tools.i18n import _
from simbond_verifier import endorsement
from simbond_verifier.endorsement import BadEndorsement, BrokenLog

from .errors import FactoryError

_PART_OCTETS = 60_000
"""The verifier takes 64 KiB in a request."""


class Report(NamedTuple):
    """What became of a log. rows: as the API gives them (docs/api.md), one for each entry; unfinished: octets of an
    entry at its end that was never finished, and left out."""

    station: str
    rows: list[dict[str, Any]]
    unfinished: int

    @property
    def counts(self) -> dict[str, int]:
        """Entries by outcome: enrolled, known, refused."""
        found = Counter(row["outcome"] for row in self.rows)
        return {outcome: found[outcome] for outcome in ("enrolled", "known", "refused")}


def upload(api: Api, log: bytes, told: Callable[[int, int], None] = lambda done, entries: None) -> Report:
    """Hands in a log from its beginning; what the verifier has already is left alone, so one that was interrupted is
    handed in again.

    told: hears how many entries of how many are done. Raises FactoryError for what is no unbroken log, before anything
    is sent; ApiProblem, Unreachable.
    """
    messages, rest = endorsement.split(log)
    _require_chain(messages)
    if not messages or (rest and not endorsement.is_torn(rest)):
        raise FactoryError("log-broken", _("This is no station's log, or something else is behind it."))
    rows: list[dict[str, Any]] = []
    station = ""
    told(0, len(messages))
    for part in _parts(messages):
        answer = api.post_log("/v1/devices/import", part)
        station = answer["station"]
        rows += answer["rows"]
        told(len(rows), len(messages))
    return Report(station, rows, len(rest))


def _require_chain(messages: list[bytes]) -> None:
    """A log that was changed is told before a good part of it is handed in. What the first entry follows, and the
    signatures, only the verifier can tell."""
    try:
        last = None
        for message in messages:
            entry = endorsement.read(message)
            last = entry.link if last is None else endorsement.follow(last, entry)
    except (BadEndorsement, BrokenLog) as e:
        raise FactoryError(
            "log-broken", _("The log is damaged or was changed: {why}. Nothing was sent.").format(why=e)
        ) from None


def _parts(messages: list[bytes]) -> Iterator[bytes]:
    part = b""
    for message in messages:
        if part and len(part) + len(message) > _PART_OCTETS:
            yield part
            part = b""
        part += message
    if part:
        yield part
