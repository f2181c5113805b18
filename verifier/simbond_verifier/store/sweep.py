"""The rules by the clock against the database: units of work that a sweep over the fleet is made of."""

from collections.abc import Collection

from sqlalchemy import Connection, select

from ..appraisal import Card
from ..detection import PASSING
from ..detection.absence import TIMED, Quiet
from ..detection.frequency import often_warned
from ..lifecycle import State
from ..observation import Sign
from ..policy import Policy
from ..reasons import Reason
from ..scenario import Scenarios, Step
from . import cards, quiet, signs, warnings
from .schema import card, sign
from .signs import Told

_SOURCE = "watch"


class Sweep:
    """Finds cards about which the clock has something new to say, and says it. What writes reads the card again, and
    returns whether anything began or ended."""

    def __init__(self, scenarios: Scenarios, policy: Policy) -> None:
        self._scenarios = scenarios
        self._policy = policy

    def begun(self, connection: Connection, inside: range, now: float, listens_since: float) -> list[int]:
        """Cards with an id inside a range that have been quiet for too long, and are not known for it yet."""
        found = quiet.candidates(connection, self._scenarios, inside, now, listens_since)
        return [about.id for about, known in found if self._absent(about, known)]

    def note_absence(self, connection: Connection, card_id: int, now: float, listens_since: float) -> bool:
        found = quiet.find(connection, card_id, now, listens_since)
        return found is not None and self._note(connection, found[0], self._absent(*found), now)

    def passed(self, connection: Connection, now: float) -> list[int]:
        """Cards of which something was seen that has not been seen again for as long as it takes to be confirmed."""
        query = (
            select(sign.c.card_id, sign.c.reason, sign.c.last_at, card.c.scenario)
            .join(card, card.c.id == sign.c.card_id)
            .where(sign.c.reason.in_(PASSING), sign.c.cleared_at.is_(None))
        )
        rows = connection.execute(query)
        return sorted({row.card_id for row in rows if self._is_over(row.scenario, row.reason, row.last_at, now)})

    def end_passing(self, connection: Connection, card_id: int, now: float) -> bool:
        scenario = cards.by_id(connection, card_id).scenario
        query = select(sign.c.reason, sign.c.last_at).where(
            sign.c.card_id == card_id, sign.c.reason.in_(PASSING), sign.c.cleared_at.is_(None)
        )
        rows = connection.execute(query)
        over = [Reason(row.reason) for row in rows if self._is_over(scenario, row.reason, row.last_at, now)]
        signs.clear(connection, card_id, now, reasons=over)
        return bool(over)

    def often(self, connection: Connection, among: Collection[int], now: float) -> list[int]:
        """Those of the cards that were warned too often."""
        loaded = filter(None, map(self._scenarios.get, self._scenarios.names()))
        found = (warnings.cards_warned(connection, among, scenario, now) for scenario in loaded)
        return sorted(card_id for cards_ in found for card_id in cards_)

    def note_often(self, connection: Connection, card_id: int, now: float) -> bool:
        """Counts the warnings of a card that has just been warned."""
        about = cards.by_id(connection, card_id)
        scenario = self._scenarios.get(about.scenario)
        if scenario is None or about.status.state not in (State.BOUND, State.WARNED):
            return False
        times = warnings.how_often(connection, card_id, now - scenario.warnings.within_s)
        return self._note(connection, about, often_warned(times, scenario), now)

    def _absent(self, about: Card, known: Quiet) -> list[Sign]:
        scenario = self._scenarios.get(about.scenario)
        if scenario is None:
            return []
        weighed = (rule for reason, rule in TIMED.items() if scenario.step(reason) is not Step.IGNORE)
        return [found for rule in weighed for found in rule.find(known, scenario)]

    def _note(self, connection: Connection, about: Card, found: list[Sign], now: float) -> bool:
        scenario = self._scenarios.get(about.scenario)
        begun = [] if scenario is None else quiet.news(connection, about.id, found, scenario, now)
        if scenario is None or not begun:
            return False
        signs.note(connection, about, begun, scenario, self._policy, Told(now, _SOURCE))
        return True

    def _is_over(self, scenario: str, reason: str, last_at: float, now: float) -> bool:
        known = self._scenarios.get(scenario)
        return known is not None and now - last_at > known.rung(Reason(reason)).within_s


def uncounted(connection: Connection, at_most: int) -> list[tuple[int, int]]:
    """Warnings that were not counted yet, (event, card) each, oldest first."""
    return warnings.after(connection, warnings.counted(connection), at_most)
