"""Whether an export is the ledger that was signed, and where it is not: needs the file and the public key, no more."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO, NamedTuple

from ..event_kinds import RESTORED
from ..facts_in_words import moment
from . import checkpoint, export, leaf
from .cbor import Malformed
from .checkpoint import BadCheckpoint, Checkpoint
from .merkle import Frontier, leaf_hash

_FINDINGS = 100
_NAMED = RESTORED.encode()


@dataclass
class Report:
    """What an export was found to be."""

    origin: str = ""
    entries: int = 0
    deleted: Counter[str] = field(default_factory=Counter)
    """Rows whose content is gone, by what they were rows of (which nothing vouches for)."""
    checkpoints: int = 0
    """Whose signature and root are right."""
    last: Checkpoint | None = None
    """The newest of them: all that it covers is as it was signed."""
    rolled_back: int | None = None
    """How many entries are left of what the older checkpoint covers: an entry says that a backup was restored since,
    and another history goes on there."""
    findings: list[str] = field(default_factory=list)
    """What is wrong, in words; empty: nothing."""

    @property
    def good(self) -> bool:
        return not self.findings


def audit(stream: IO[bytes], points: Sequence[bytes], since: Checkpoint | None = None) -> Report:
    """Reads an export to its end. points: the verifier's public keys. since: a checkpoint that was kept from before,
    its signature checked: the export must continue that ledger."""
    auditor = _Auditor(points, since)
    try:
        for record in export.read(stream):
            if isinstance(record, bytes):
                auditor.checkpoint(record)
            else:
                auditor.entry(record)
    except export.Unreadable as e:
        auditor.found(f"The file cannot be read: {e}.")
    return auditor.ended()


class _Restored(NamedTuple):
    """An entry by which the verifier says that its database was restored from a backup."""

    seq: int
    at: float
    entries: int
    """That the ledger had in the backup."""


class _Auditor:
    def __init__(self, points: Sequence[bytes], since: Checkpoint | None) -> None:
        self._points = points
        self._since = since
        self._tree = Frontier()
        self._report = Report()
        self._expected = 0
        self._rewritten = False
        """The entries that the older checkpoint covers are others."""
        self._restored: _Restored | None = None
        """The first restore since the older checkpoint was signed, to before its end."""
        self._whole = True
        """Every entry so far stands where it should: the roots mean something."""

    def found(self, what: str) -> None:
        if len(self._report.findings) < _FINDINGS:
            self._report.findings.append(what)

    def entry(self, found: export.Entry) -> None:
        if found.seq != self._expected:
            self._out_of_order(found.seq)
        self._expected = found.seq + 1
        self._report.entries += 1
        if found.body is None:
            self._report.deleted[found.kind] += 1
        elif leaf_hash(found.body) != found.leaf:
            self.found(f"Entry {found.seq} was altered: its content does not have the leaf that stands beside it.")
        elif _NAMED in found.body and self._since is not None and self._restored is None:
            self._restored = _restored(found.seq, found.body, self._since)
        self._tree.append(found.leaf)
        if self._since is not None and self._tree.size == self._since.size:
            self._rewritten = self._whole and self._tree.root() != self._since.root

    def _out_of_order(self, seq: int) -> None:
        expected = self._expected
        self._whole = False
        if seq == expected + 1:
            self.found(f"Entry {expected} is missing.")
        elif seq > expected:
            self.found(f"Entries {expected} to {seq - 1} are missing.")
        else:
            self.found(f"Entry {seq} stands where entry {expected} should be: the order was changed.")

    def _explain(self, since: Checkpoint, otherwise: str) -> None:
        """Why the older checkpoint does not fit, as far as the ledger says so itself. That is a finding all the same: a
        backup may have been restored to be rid of something."""
        said = self._restored
        if said is None:
            self.found(otherwise)
            return
        self._report.rolled_back = said.entries
        self.found(
            f"Rolled back: the ledger that you saw had {since.size} entries. Entry {said.seq} says that the database "
            f"was restored on {moment(said.at)} from a backup with {said.entries} of them; what stood behind these is "
            "gone, and another history goes on there. Ask who restored it, and why; a checkpoint of no more than "
            f"{said.entries} entries, if you kept one, still has to fit."
        )

    def checkpoint(self, message: bytes) -> None:
        size = self._tree.size
        try:
            stated = checkpoint.verify(message, self._points)
        except BadCheckpoint as e:
            self.found(f"The checkpoint behind entry {size - 1} is not to be trusted: {e}.")
            return
        report = self._report
        if report.origin and stated.origin != report.origin:
            self.found(f"The checkpoint behind entry {size - 1} is of another ledger ('{stated.origin}').")
        elif stated.size != size:
            self.found(
                f"A checkpoint covers {stated.size} entries, and {size} stand before it: entries were removed or added."
            )
        elif not self._whole:
            pass  # said already; no root can be right behind that
        elif stated.root != self._tree.root():
            self._whole = False
            first = 0 if report.last is None else report.last.size
            self.found(
                f"The entries {first} to {size - 1} are not those that were signed: "
                "one or more of them were altered, put in another order, or replaced."
            )
        else:
            report.origin = stated.origin
            report.last = stated
            report.checkpoints += 1

    def ended(self) -> Report:
        """The report on all of it."""
        report, last, since = self._report, self._report.last, self._since
        covered = 0 if last is None else last.size
        if not self._tree.size and last is None:
            self.found("There is nothing in the file that was signed.")
        elif self._whole and covered < self._tree.size:
            self.found(
                f"Nothing vouches for the entries {covered} to {self._tree.size - 1}: no checkpoint covers them."
            )
        if since is not None:
            if since.size > self._tree.size:
                self._explain(since, f"The end was cut off: the older checkpoint covers {since.size} entries.")
            elif self._rewritten:
                self._explain(
                    since,
                    f"The ledger was rewritten: its first {since.size} entries are not those of the older checkpoint.",
                )
            if report.origin and report.origin != since.origin:
                self.found(f"The older checkpoint is of another ledger ('{since.origin}').")
        return report


def _restored(seq: int, body: bytes, since: Checkpoint) -> _Restored | None:
    """What an entry says, where that explains why an older checkpoint does not fit."""
    try:
        found = leaf.read(body)
    except Malformed:
        return None
    at, detail = found.fields.get("at"), found.fields.get("detail")
    if found.kind != "event" or found.fields.get("kind") != RESTORED or type(at) is not float:
        return None
    entries = detail.get("entries") if type(detail) is dict else None
    if type(entries) is not int or not 0 <= entries <= seq or entries >= since.size or at < since.at:
        return None
    return _Restored(seq, at, entries)
