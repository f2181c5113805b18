"""What the rules are told."""

from typing import NamedTuple

from ..observation import Observation, Place
from ..scenario import Scenario


class View(NamedTuple):
    """What networks last reported of a card."""

    imei: str | None = None
    """14 digits."""
    imei_at: float | None = None
    place: Place = Place()
    place_at: float | None = None
    traffic_at: float | None = None
    """Its last sign of life, seconds since the epoch."""


class Facts(NamedTuple):
    """One observation beside what is known of its card."""

    seen: Observation
    scenario: Scenario
    before: View = View()
    """What networks had reported before it."""
    imeis: frozenset[str] = frozenset()
    """14 digits each: of the bound device, and in an announced swap of its successor. Empty: bound to none."""
    phones: frozenset[str] = frozenset()
    """Type allocation codes of phones."""
    sharing: int = 1
    """Cards that were seen in the observed IMEI within the scenario's window and do not belong there, this one too.
    Counted no further than one too many, and not at all where this one belongs there."""

    @property
    def imei(self) -> str | None:
        """The IMEI that was seen, 14 digits; None where the source gave none, or where a newer one is known."""
        newer = self.before.imei_at is not None and self.before.imei_at > self.seen.at
        return None if self.seen.imei is None or newer else self.seen.imei[:14]

    @property
    def place(self) -> Place:
        """Where it was seen; nowhere where a newer place is known."""
        newer = self.before.place_at is not None and self.before.place_at > self.seen.at
        return Place() if newer else self.seen.place
