"""Two places too far apart for the time between."""

from ..observation import Sign
from ..places import country, distance_km
from ..reasons import Reason
from .facts import Facts

_SLACK_KM = 50.0
"""A cell reaches far, its stated position is rarely exact, and clocks of two networks are seconds apart."""


def travel(facts: Facts) -> list[Sign] | None:
    """The card is where it cannot have got to since it was last seen. Both times are the network's own."""
    before, now = facts.before.place, facts.place
    if facts.before.place_at is None:
        return None
    seconds = facts.seen.at - facts.before.place_at
    if now.lat is not None and now.lon is not None and before.lat is not None and before.lon is not None:
        km = distance_km((before.lat, before.lon), (now.lat, now.lon))
        too_far = km > _SLACK_KM + facts.scenario.network.max_kmh * seconds / 3600
        return [Sign(Reason.IMPOSSIBLE_TRAVEL, {"km": round(km), "seconds": round(seconds)})] if too_far else []
    if now.plmn is None or before.plmn is None:
        return None
    too_soon = seconds < facts.scenario.network.country_change_s and country(now.plmn) != country(before.plmn)
    stated = {"from": before.plmn, "to": now.plmn, "seconds": round(seconds)}
    return [Sign(Reason.IMPOSSIBLE_TRAVEL, stated)] if too_soon else []
