"""Many cards in one device: a SIM box, a GOIP gateway, or an IMEI that all of a batch were given."""

from ..observation import Sign
from ..reasons import Reason
from .facts import Facts


def many_cards(facts: Facts) -> list[Sign] | None:
    """More cards than the scenario allows were seen in the IMEI. A card that belongs to one of several enrolled devices
    with that IMEI is where it belongs: whoever enrolled them allowed the duplicate."""
    if facts.imei is None:
        return None
    most = facts.scenario.network.cards_per_imei
    if facts.sharing <= most or (facts.batch and facts.imei in facts.imeis):
        return []
    return [Sign(Reason.MANY_CARDS, {"imei": facts.imei, "allowed": most})]
