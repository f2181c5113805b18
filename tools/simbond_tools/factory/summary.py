"""What became of a batch."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from .unit import Outcome, Result


class Summary(NamedTuple):
    """Counts of units; a unit that was tried several times counts by its last result."""

    endorsed: int
    known: int
    stopped: int
    reasons: dict[str, int]
    """By the code for which units were stopped, the most frequent first."""

    @property
    def units(self) -> int:
        return self.endorsed + self.known + self.stopped

    @property
    def yield_(self) -> float | None:
        """The share of units that are endorsed now; None without any."""
        return (self.endorsed + self.known) / self.units if self.units else None


def summarize(results: Iterable[Result]) -> Summary:
    """results: in the order of time."""
    last: dict[object, Result] = {}
    for number, result in enumerate(results):
        before = last.get(result.kid)
        if before is not None and before.outcome is Outcome.ENDORSED:
            continue  # shown once more
        last[result.kid or number] = result
    outcomes = Counter(result.outcome for result in last.values())
    codes = Counter(result.code for result in last.values() if result.code)
    reasons = dict(sorted(codes.items(), key=lambda counted: (-counted[1], counted[0])))
    return Summary(outcomes[Outcome.ENDORSED], outcomes[Outcome.KNOWN], outcomes[Outcome.STOPPED], reasons)
