"""What did not come: rules by the clock.

Every rule says how long nothing may come before it could find anything (`after_s`): whoever sweeps the fleet need ask
it only about cards that have been quiet for so long.
"""

from collections.abc import Callable
from typing import NamedTuple

from ..observation import Sign
from ..reasons import Reason
from ..scenario import Scenario

_DAY_S = 86400


class Quiet(NamedTuple):
    """A card in use and when it was last heard of, seconds since the epoch."""

    now: float
    bound_at: float
    attested_at: float | None
    """By the device that it is bound to."""
    traffic_at: float | None
    """By the network."""
    listens_since: float = 0.0
    """Since when the verifier could have heard of it: what it missed itself is not held against a card."""
    gone_since: float | None = None
    """Since when its device says that it has another card or none."""
    left_since: float | None = None
    """Of a device with several cards that attests another one now: since when."""

    @property
    def attestation_due_from(self) -> float:
        """From when the device's next Evidence is counted."""
        return self._due_from(self.attested_at)

    def card_due_from(self, scenario: Scenario) -> float:
        """From when its next Evidence about this card is counted: what it says of another is no word of this one."""
        left_since = self.left_since if scenario.binding.one_at_a_time else None
        gone = (since for since in (self.gone_since, left_since) if since is not None)
        return self._due_from(next(gone, self.attested_at))

    def _due_from(self, last_at: float | None) -> float:
        return max(self.bound_at, self.listens_since, last_at or 0.0)

    @property
    def used_at(self) -> float | None:
        """When its device or the network last told of it; None: never since it was bound."""
        attested = self.attested_at if (self.attested_at or 0.0) >= self.bound_at else None
        traffic = self.traffic_at if (self.traffic_at or 0.0) >= self.bound_at else None
        return max((at for at in (attested, traffic) if at is not None), default=None)


class TimedRule(NamedTuple):
    """A rule by the clock."""

    after_s: Callable[[Scenario], float]
    """For how long the device has sent nothing, at least, when there is anything to find."""
    find: Callable[[Quiet, Scenario], list[Sign]]


def _silent_after(scenario: Scenario) -> float:
    return scenario.absence.missed * scenario.reporting.interval_s + scenario.reporting.tolerance_s


def silent(quiet: Quiet, scenario: Scenario) -> list[Sign]:
    """The device has missed several reports, tolerance for deep sleep (PSM) included. Where the network still sees the
    card it is not silent but unattested, which is another rule's."""
    for_s = quiet.now - quiet.attestation_due_from
    if for_s <= _silent_after(scenario) or traffic_unattested(quiet, scenario):
        return []
    return [Sign(Reason.SILENT, {"attested_at": quiet.attested_at, "seen_at": quiet.traffic_at, "for_s": round(for_s)})]


def _unattested_after(scenario: Scenario) -> float:
    return scenario.nonce_age_s + scenario.absence.traffic_grace_s


def traffic_unattested(quiet: Quiet, scenario: Scenario) -> list[Sign]:
    """The network sees the card in use, and its device should long have attested."""
    if quiet.traffic_at is None or quiet.traffic_at - quiet.card_due_from(scenario) <= _unattested_after(scenario):
        return []
    return [Sign(Reason.TRAFFIC_UNATTESTED, {"attested_at": quiet.attested_at, "seen_at": quiet.traffic_at})]


def _never_used_after(scenario: Scenario) -> float:
    return scenario.absence.never_used_days * _DAY_S


def never_used(quiet: Quiet, scenario: Scenario) -> list[Sign]:
    """静默卡: bound long ago, and not heard of since."""
    if quiet.used_at is not None or quiet.now - quiet.bound_at <= _never_used_after(scenario):
        return []
    return [Sign(Reason.NEVER_USED, {"bound_at": quiet.bound_at})]


def _sleeping_after(scenario: Scenario) -> float:
    return scenario.absence.sleeping_days * _DAY_S


def sleeping(quiet: Quiet, scenario: Scenario) -> list[Sign]:
    """睡眠卡: in use once, and not heard of for long."""
    if quiet.used_at is None or quiet.now - quiet.used_at <= _sleeping_after(scenario):
        return []
    return [Sign(Reason.SLEEPING, {"used_at": quiet.used_at})]


def waking(quiet: Quiet, scenario: Scenario) -> list[Sign]:
    """A silent or sleeping card that the network sees again, asked as of that moment and before it counts: cards that
    nobody misses are what fraud is after. Its device's affirming Evidence ends the sign."""
    return [
        sign._replace(facts={**sign.facts, "woke_at": quiet.now})
        for sign in (*never_used(quiet, scenario), *sleeping(quiet, scenario))
    ]


TIMED: dict[Reason, TimedRule] = {
    Reason.SILENT: TimedRule(_silent_after, silent),
    Reason.TRAFFIC_UNATTESTED: TimedRule(_unattested_after, traffic_unattested),
    Reason.NEVER_USED: TimedRule(_never_used_after, never_used),
    Reason.SLEEPING: TimedRule(_sleeping_after, sleeping),
}
