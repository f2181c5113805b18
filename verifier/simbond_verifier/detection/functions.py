"""What the card is used for."""

import re

from ..observation import Sign
from ..reasons import Reason
from .facts import Facts

_OPERATOR_PART = re.compile(r"\.mnc\d{3}\.mcc\d{3}(\.gprs)?$")


def use(facts: Facts) -> list[Sign] | None:
    """Voice, SMS or data that the scenario does not have."""
    allowed = facts.scenario.functions.uses
    if facts.seen.use is None:
        return None
    return [Sign(Reason.USE_NOT_ALLOWED, {"use": facts.seen.use})] if allowed and facts.seen.use not in allowed else []


def access_point(facts: Facts) -> list[Sign] | None:
    """An access point name that the scenario does not have, compared by its network identifier (TS 23.003 clause 9.1:
    what follows it names the operator)."""
    allowed = {name.lower() for name in facts.scenario.functions.apn}
    if facts.seen.apn is None:
        return None
    name = _OPERATOR_PART.sub("", facts.seen.apn.lower())
    return [Sign(Reason.APN_NOT_ALLOWED, {"apn": name})] if allowed and name not in allowed else []
