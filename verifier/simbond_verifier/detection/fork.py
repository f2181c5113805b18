"""One key in two places: its counter goes on in both."""

from typing import NamedTuple

from ..observation import Sign
from ..reasons import Reason


class Behind(NamedTuple):
    """Evidence that was signed after newer Evidence had come, by a counter that is behind."""

    at: float
    counter: tuple[int, int]
    """Boot counter and uptime."""


def is_behind(counter: tuple[int, int], known: tuple[int, int], issued: float, attested_at: float | None) -> bool:
    """Whether Evidence over a good nonce shows a second counter: its nonce was issued after the last Evidence had come,
    so it is neither old nor delayed, and yet its counter is lower. issued: rounded down to the second."""
    return counter < known and attested_at is not None and issued > attested_at


def fork(earlier: Behind | None, now: Behind, attested_at: float) -> list[Sign]:
    """A counter that fell behind once was lost, perhaps, with the flash that it was kept in. Where the higher one went
    on after that, and then a lower one came again, both are alive: two devices have the key.

    earlier: when it was last behind. attested_at: when the higher counter last came.
    """
    if earlier is None or attested_at <= earlier.at:
        return []
    return [Sign(Reason.CLONE, {"counters": [list(earlier.counter), list(now.counter)], "between": attested_at})]
