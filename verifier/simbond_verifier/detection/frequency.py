"""A card that is warned again and again."""

from ..observation import Sign
from ..reasons import Reason
from ..scenario import Scenario


def often_warned(times: int, scenario: Scenario) -> list[Sign]:
    """times: how often warnings of the card began within the scenario's window, this one included."""
    within_s = scenario.warnings.within_s
    found = times >= scenario.warnings.number
    return [Sign(Reason.OFTEN_WARNED, {"times": times, "within_s": within_s})] if found else []
