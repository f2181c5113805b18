"""Many cards in one device: a SIM box, a GOIP gateway, or an IMEI that all of a batch were given."""

from ..observation import Sign
from ..reasons import Reason
from .facts import Facts


def many_cards(facts: Facts) -> list[Sign] | None:
    """More cards than the scenario allows were seen in the IMEI though they do not belong there. One that does is
    where it should be, whoever else turns up: no number of other cards with its device's IMEI speaks against it."""
    if facts.imei is None:
        return None
    most = facts.scenario.network.cards_per_imei
    if facts.imei in facts.imeis or facts.sharing <= most:
        return []
    return [Sign(Reason.MANY_CARDS, {"imei": facts.imei, "allowed": most})]
