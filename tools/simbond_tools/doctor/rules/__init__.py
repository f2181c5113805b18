"""When a verdict holds: a rule for each, by its code. Which of those that hold is the verdict, verdicts.py says."""

from ..case import Case, Facts, Rule
from . import bond, card, device, hints, way

RULES: dict[str, Rule] = device.RULES | card.RULES | bond.RULES | way.RULES | hints.RULES


def facts_of(code: str, case: Case) -> Facts | None:
    """The facts for the words of a verdict, where it holds: what every text may name, and what the rule adds."""
    found = RULES[code](case)
    if found is None:
        return None
    return {
        "iccid": case.modem.iccid,
        "imei": case.modem.imei,
        "plmn": case.modem.operator or case.modem.plmn,
        "port": case.cable.port,
        "url": case.agent.url,
        "kid": case.agent.kid,
    } | found
