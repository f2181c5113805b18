"""Who signs, as the database knows it."""

from typing import NamedTuple

from ..appraisal import Card, Device
from ..binding import shares_device, swap_is_open
from ..scenario import Scenarios


class Attester(NamedTuple):
    """What the database knows about a key."""

    device: Device
    revoked: bool
    bootcount: int
    uptime: int
    cards: tuple[Card, ...]
    """Bound to it: one, or the profiles of an eSIM."""

    def holds(self, iccid: str | None) -> Card | None:
        """The bound card that Evidence is about: the one that it names, else the first."""
        for bound in self.cards:
            if bound.iccid == iccid:
                return bound
        return self.cards[0] if self.cards else None

    def misses(self, bound: Card | None, at_home: bool, scenarios: Scenarios, now: float) -> list[Card]:
        """The other cards of a device that Evidence speaks against: all where it names none of them, else those that
        do not share their device. One that is announced to leave is not missed."""
        return [
            other
            for other in self.cards
            if other is not bound
            and not swap_is_open(other, now)
            and not (at_home and shares_device(scenarios.get(other.scenario)))
        ]
