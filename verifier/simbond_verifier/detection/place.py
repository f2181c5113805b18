"""Where the network sees the card."""

from ..observation import Place, Sign
from ..reasons import Reason
from .facts import Facts


def area(facts: Facts) -> list[Sign] | None:
    """Outside the scenario's area."""
    if facts.place == Place():
        return None
    if facts.scenario.area.holds(facts.place):
        return []
    return [Sign(Reason.OUT_OF_AREA, _stated(facts.place))]


def roaming(facts: Facts) -> list[Sign] | None:
    """In a network that is not one of the scenario's home."""
    home = facts.scenario.network.home
    plmn = facts.place.plmn
    if plmn is None:
        return None
    at_home = not home or plmn in home or plmn[:3] in home
    return [] if at_home else [Sign(Reason.ROAMING, {"plmn": plmn, "home": sorted(home)})]


def _stated(place: Place) -> dict[str, object]:
    return {name: value for name, value in place._asdict().items() if value is not None}
