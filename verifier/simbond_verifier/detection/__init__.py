"""Detection: what a network's observations, the clock and the counters say against a card (docs/detection.md). Pure.

One small module per family of rules. A rule about an observation gives the signs that it finds, none where it looked
and found nothing, and None where the observation does not tell: only the middle one ends a sign.
"""

from collections.abc import Callable
from typing import NamedTuple

from ..observation import Sign
from ..reasons import Reason
from .equipment import foreign_imei, model, phone
from .facts import Facts
from .functions import access_point, use
from .place import area, roaming
from .sharing import many_cards
from .travel import travel

Rule = Callable[[Facts], list[Sign] | None]

RULES: dict[Reason, Rule] = {
    Reason.NETWORK_IMEI_DIFFERS: foreign_imei,
    Reason.MODEL_NOT_ALLOWED: model,
    Reason.PHONE: phone,
    Reason.MANY_CARDS: many_cards,
    Reason.OUT_OF_AREA: area,
    Reason.ROAMING: roaming,
    Reason.IMPOSSIBLE_TRAVEL: travel,
    Reason.USE_NOT_ALLOWED: use,
    Reason.APN_NOT_ALLOWED: access_point,
}
"""What an observation is asked."""

PASSING = (Reason.IMPOSSIBLE_TRAVEL, Reason.USE_NOT_ALLOWED)
"""Signs of something done, which no later observation takes back: they end by not being seen again."""


class Found(NamedTuple):
    """What an observation says."""

    signs: tuple[Sign, ...]
    ended: tuple[Reason, ...]
    """What it shows not to be so."""


def look(facts: Facts) -> Found:
    """Asks every rule."""
    signs: list[Sign] = []
    ended: list[Reason] = []
    for reason, rule in RULES.items():
        found = rule(facts)
        if found:
            signs += found
        elif found is not None:
            ended.append(reason)
    return Found(tuple(signs), tuple(ended))
