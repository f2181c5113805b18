"""What the verifier can say about a card in a device, in the terms of AR4SI (draft-ietf-rats-ar4si-10). Pure.

It says only what it appraised: who attests (key and IMEI), whether the device is set up and used as the card's
scenario approves, and, where the SIM signed the Evidence too, that the SIM is the one that was registered. What runs on
a device, how it stores its secrets and where its data comes from, Evidence does not show: so there is no claim.
"""

from typing import NamedTuple

from .evidence import Evidence
from .lifecycle import Access, State
from .reasons import Reason, Tier
from .scenario import Scenario

LONGEST_S = 3600
"""How long a result may be used at most: a card can be suspended long before its device is due again."""
_UNKNOWN_SCENARIO_S = 300

# Claim values of AR4SI section 2.3; those below zero are the verifier's own (section 2.3.2).
NO_CLAIM = 0
GOOD = 2
DOUBTFUL = -33
"""A sign against the card that its scenario does not cut it off for (docs/results.md)."""
NOT_AS_APPROVED = -97
"""A sign against the card that its scenario cuts it off for."""
UNTRUSTWORTHY_INSTANCE = 96
CONFIGURATION_UNAVAILABLE = 36

INSTANCE_IDENTITY = "instance-identity"
CONFIGURATION = "configuration"
HARDWARE = "hardware"

_IDENTITY_SIGNS = frozenset(
    {
        Reason.FOREIGN_DEVICE,
        Reason.FOREIGN_DEVICE_CLAIM,
        Reason.CARD_CHANGED,
        Reason.TRAY_EMPTY,
        Reason.CARD_UNREADABLE,
        Reason.IMEI_MISMATCH,
        Reason.IMEI_UNREADABLE,
        Reason.IMSI_MISMATCH,
        Reason.ICCID_MISMATCH,
        Reason.CLONE,
        Reason.NETWORK_IMEI_DIFFERS,
        Reason.MANY_CARDS,
        Reason.PHONE,
        Reason.IMPOSSIBLE_TRAVEL,
        Reason.TRAFFIC_UNATTESTED,
    }
)
_CONFIGURATION_SIGNS = frozenset(
    {
        Reason.SCENARIO_MISMATCH,
        Reason.MODEL_NOT_ALLOWED,
        Reason.OUT_OF_AREA,
        Reason.ROAMING,
        Reason.USE_NOT_ALLOWED,
        Reason.APN_NOT_ALLOWED,
    }
)
_HARDWARE_SIGNS = frozenset(
    {Reason.TAMPER, Reason.KEY_PROTECTION, Reason.SIM_STATEMENT_MISSING, Reason.SIM_STATEMENT_INVALID}
)

_FROM_BEST = (Tier.AFFIRMING, Tier.NONE, Tier.WARNING, Tier.CONTRAINDICATED)


class Attester(NamedTuple):
    """A device as its latest Evidence left it."""

    kid: bytes
    imei: str
    """14 digits, as enrolled."""
    revoked: bool
    seen_at: float | None
    """When its latest Evidence in time came, seconds since the epoch."""
    tier: Tier
    """Of that Evidence."""
    holds: str | None
    """The ICCID that it named."""
    evidence: Evidence | None = None
    """It; None where its octets are kept no more."""
    reasons: tuple[Reason, ...] = ()
    """Of its appraisal."""


class Bond(NamedTuple):
    """A card, what is held against it, and the device that it is bound to."""

    iccid: str
    scenario: str
    state: State
    access: Access
    since: float
    attester: Attester | None
    signs: tuple[Reason, ...] = ()
    """That are there now."""
    causes: tuple[Reason, ...] = ()
    """Of the state that the card is in."""
    has_sim_key: bool = False


class Verdict(NamedTuple):
    """What a relying party is told about a bond or a device without one."""

    tier: Tier
    vector: dict[str, int]
    """AR4SI claims by name."""
    reasons: tuple[Reason, ...]
    until: float
    """When this is to be asked for again, seconds since the epoch."""


def judge(bond: Bond, scenario: Scenario | None, now: float) -> Verdict:
    """The verdict on a card in its device. Only a device that is in time gets an affirming one."""
    due = _due(bond, scenario)
    fresh = due is not None and due > now
    latest = bond.attester.reasons if fresh and bond.attester is not None else ()
    reasons = tuple(dict.fromkeys((*bond.causes, *bond.signs, *latest)))
    tier = _tier(bond, fresh)
    vector = _vector(bond, scenario, tier, fresh, frozenset(reasons))
    until = now + (_UNKNOWN_SCENARIO_S if scenario is None else scenario.reporting.interval_s)
    if tier is Tier.AFFIRMING and due is not None:
        until = due
    return Verdict(tier, vector, reasons, min(until, now + LONGEST_S))


def judge_unbound(attester: Attester, now: float) -> Verdict:
    """The verdict on a device that no card is bound to: there is nothing that it could be held to."""
    tier = Tier.CONTRAINDICATED if attester.revoked else Tier.NONE
    identity = UNTRUSTWORTHY_INSTANCE if attester.revoked else NO_CLAIM
    reasons = (Reason.KEY_REVOKED,) if attester.revoked else ()
    return Verdict(tier, {INSTANCE_IDENTITY: identity}, reasons, now + _UNKNOWN_SCENARIO_S)


def worst(tiers: list[Tier]) -> Tier:
    """The tier of the least trust; no statement is less than an affirming one."""
    return max(tiers, key=_FROM_BEST.index)


def _due(bond: Bond, scenario: Scenario | None) -> float | None:
    """Until when the device's latest Evidence speaks for the card: when it is overdue. None: it does not."""
    attester = bond.attester
    if attester is None or scenario is None or attester.seen_at is None or attester.holds != bond.iccid:
        return None
    return attester.seen_at + scenario.nonce_age_s


def _tier(bond: Bond, fresh: bool) -> Tier:
    if bond.attester is not None and bond.attester.revoked:
        return Tier.CONTRAINDICATED
    if bond.state in (State.SUSPENDED, State.RETIRED):
        return Tier.CONTRAINDICATED
    if bond.state in (State.WARNED, State.REVERIFYING):
        return Tier.WARNING
    if bond.attester is None or not fresh:
        return Tier.WARNING if bond.signs else Tier.NONE
    return worst([bond.attester.tier, Tier.WARNING]) if bond.signs else bond.attester.tier


def _vector(
    bond: Bond, scenario: Scenario | None, tier: Tier, fresh: bool, reasons: frozenset[Reason]
) -> dict[str, int]:
    cut_off = tier is Tier.CONTRAINDICATED
    sign = NOT_AS_APPROVED if cut_off else DOUBTFUL
    if bond.attester is not None and bond.attester.revoked:
        return {INSTANCE_IDENTITY: UNTRUSTWORTHY_INSTANCE}
    vector = {INSTANCE_IDENTITY: NO_CLAIM}
    if reasons & _IDENTITY_SIGNS:
        vector[INSTANCE_IDENTITY] = UNTRUSTWORTHY_INSTANCE if cut_off else DOUBTFUL
    elif fresh:
        vector[INSTANCE_IDENTITY] = GOOD
    if reasons & _CONFIGURATION_SIGNS:
        vector[CONFIGURATION] = sign
    elif scenario is None:
        vector[CONFIGURATION] = CONFIGURATION_UNAVAILABLE
    elif fresh:
        vector[CONFIGURATION] = GOOD
    if reasons & _HARDWARE_SIGNS:
        vector[HARDWARE] = sign
    elif fresh and _sim_signed(bond):
        vector[HARDWARE] = GOOD
    return vector


def _sim_signed(bond: Bond) -> bool:
    """Whether the card's registered SIM signed the latest Evidence: one that did not would have left a sign."""
    evidence = None if bond.attester is None else bond.attester.evidence
    return bond.has_sim_key and evidence is not None and evidence.statement is not None
