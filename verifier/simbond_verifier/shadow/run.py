"""Runs history once more, by two sets of rules at the same time."""

from collections.abc import Callable
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from sqlalchemy import select

from ..envelope import BadEvidence, open_envelope
from ..evidence import Evidence, read_claims
from ..policy import Policy
from ..scenario import Scenarios
from ..store.database import Database
from ..store.schema import setting
from . import history
from .history import Message, Order, Sighting
from .report import Report, compare
from .stage import Stage

_GROUP = 256
_SPAN_S = 60.0
"""The shortest deadline that a rule can set: nothing may wait for a group for longer."""
_SWEEPS = 200
_SHORTEST_SWEEP_S = 60.0
_COMMIT = 20_000
_NONCE_SECRET = "nonce-secret"  # noqa: S105 - the name of the setting


class Candidate(NamedTuple):
    """A set of rules."""

    scenarios: Scenarios
    policy: Policy


class Cancelled(Exception):
    """Nobody waits for the report any more."""


def run(
    source: Database,
    present: Candidate,
    changed: Candidate,
    *,
    since: float,
    until: float,
    limit: int = 1000,
    cancelled: Callable[[], bool] = lambda: False,
) -> Report:
    """Replays what is stored from `since` to `until` (seconds since the epoch) by both sets of rules. Takes a while;
    memory does not grow with the history. limit: cards named in the report. Raises Cancelled, StoreUnavailable."""
    moments = history.read(source, since, until)
    first = next(moments, None)
    begin = until if first is None else max(since, first.at)
    report = Report(begin, until)
    with source.read() as connection:
        query = select(setting.c.value).where(setting.c.name == _NONCE_SECRET)
        secret = bytes(connection.execute(query).scalar() or bytes(32))
    bonds = history.bonds(source, begin)
    with TemporaryDirectory(prefix="simbond-shadow-") as folder, ExitStack() as stack:

        def stage(name: str, rules: Candidate) -> Stage:
            made = Stage(Path(folder) / f"{name}.db", source, rules.scenarios, rules.policy, secret)
            stack.callback(made.close)
            made.seed(source, bonds, begin)
            return made

        one, other = stage("present", present), stage("changed", changed)
        replay = _Replay((one, other), report)
        for moment in chain(() if first is None else (first,), moments):
            if replay.taken % _GROUP == 0 and cancelled():
                raise Cancelled
            replay.take(moment)
        replay.finish()
        compare(report, one, other, limit)
    return report


class _Replay:
    """Hands moments to the stages: Evidence in groups, which is cheaper, and the clock in between."""

    def __init__(self, stages: tuple[Stage, ...], report: Report) -> None:
        self._stages = stages
        self._report = report
        self._group: list[tuple[float, int, Evidence]] = []
        self._every_s = max((report.until - report.since) / _SWEEPS, _SHORTEST_SWEEP_S)
        self._next_sweep = report.since + self._every_s
        self._ticked = report.since
        self.taken = 0

    def take(self, moment: history.Moment) -> None:
        self._sweep(moment.at)
        self.taken += 1
        if self.taken % _COMMIT == 0:
            self._commit()
        if isinstance(moment, Message):
            self._attest(moment)
            return
        self._flush()
        self._tick(moment.at)
        for stage in self._stages:
            if isinstance(moment, Sighting):
                stage.see(moment)
            else:
                stage.order(moment)
        self._report.observations += isinstance(moment, Sighting)
        self._report.orders += isinstance(moment, Order)

    def finish(self) -> None:
        self._sweep(self._report.until)
        self._flush()
        self._tick(self._report.until + _SPAN_S)
        self._commit()

    def _attest(self, message: Message) -> None:
        if message.octets is None:
            self._report.evidence_deleted += 1
            return
        if self._group and (len(self._group) == _GROUP or message.at - self._group[0][0] > _SPAN_S):
            self._flush()
        try:
            evidence = read_claims(open_envelope(message.octets))
        except BadEvidence:  # a form that an older version took
            self._report.evidence_lost += 1
            return
        self._report.evidence += 1
        self._group.append((message.at, message.device_id, evidence))

    def _flush(self) -> None:
        if not self._group:
            return
        self._tick(self._group[0][0])
        for stage in self._stages:
            lost = stage.attest(self._group)
        self._report.evidence_lost += lost
        self._group = []

    def _tick(self, at: float) -> None:
        """What is due, to the shortest deadline: asking at every moment would take longer than deciding."""
        if at - self._ticked >= _SPAN_S:
            self._ticked = at
            for stage in self._stages:
                stage.tick(min(at, self._report.until))

    def _sweep(self, at: float) -> None:
        while self._next_sweep <= at:
            self._flush()
            for stage in self._stages:
                stage.tick(self._next_sweep)
                stage.sweep(self._next_sweep, self._report.since)
            self._next_sweep += self._every_s

    def _commit(self) -> None:
        self._flush()
        for stage in self._stages:
            stage.commit()
