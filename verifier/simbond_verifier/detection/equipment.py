"""Which device the network sees the card in.

IMEIs are compared on their first 14 digits: the rest is a check digit or the software version (TS 23.003 clause 6.2).
"""

from collections.abc import Set

from ..observation import Sign
from ..reasons import Reason
from ..scenario import Mode, Scenario
from .facts import Facts

_TAC_DIGITS = 8


def is_foreign(imei: str, scenario: Scenario, imeis: Set[str]) -> bool:
    """Whether a card may not be in the device with this IMEI (14 to 16 digits). imeis: 14 digits each, of the devices
    that it belongs to; of a pool, any device of an allowed model will do."""
    if imei[:14] in imeis:
        return False
    if scenario.binding.mode is Mode.POOL:
        return bool(scenario.models.tac) and imei[:_TAC_DIGITS] not in scenario.models.tac
    return bool(imeis)


def foreign_imei(facts: Facts) -> list[Sign] | None:
    """The network sees the card in another device than its own."""
    if facts.imei is None:
        return None
    if not is_foreign(facts.imei, facts.scenario, facts.imeis):
        return []
    return [Sign(Reason.NETWORK_IMEI_DIFFERS, {"seen": facts.imei, "bound": sorted(facts.imeis)})]


def model(facts: Facts) -> list[Sign] | None:
    """It sees the card in a device of a model that the scenario does not have."""
    allowed = facts.scenario.models.tac
    if facts.imei is None:
        return None
    tac = facts.imei[:_TAC_DIGITS]
    return [Sign(Reason.MODEL_NOT_ALLOWED, {"seen": tac})] if allowed and tac not in allowed else []


def phone(facts: Facts) -> list[Sign] | None:
    """It sees the card in a phone. What a scenario allows by name is no phone there."""
    if facts.imei is None:
        return None
    tac = facts.imei[:_TAC_DIGITS]
    found = tac in facts.phones and tac not in facts.scenario.models.tac
    return [Sign(Reason.PHONE, {"seen": tac})] if found else []
