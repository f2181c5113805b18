"""Appraisal: verified Evidence against Reference Values (RFC 9334). Pure.

Who may cause a suspension? Only the key that a card is bound to speaks for that card. Any other key's claim about it is
an accusation (docs/adr/accusation.md): it counts once something independent agrees.
"""

from typing import NamedTuple

from simbond_agent import claims

from .evidence import Evidence, read_cell
from .lifecycle import Event, State, Status
from .observation import Sign
from .reasons import Reason, Tier
from .scenario import KEY_PROTECTIONS, Scenario, Step


class Device(NamedTuple):
    """An enrolled Attester."""

    id: int
    imei: str
    """14 digits."""
    imei2: str | None = None
    """Of its second slot."""


class Card(NamedTuple):
    """A card as the verifier knows it."""

    id: int
    iccid: str
    imsi: str
    scenario: str
    status: Status
    since: float
    """When it entered its state, seconds since the epoch."""
    device_id: int | None
    accused_at: float | None = None
    """When the newest accusation that is still open was made."""
    held: bool = False
    """An operator has suspended it: only an operator lifts that."""
    challenged: bool = False
    """An open accusation is taken seriously enough to ask the bound device for Evidence at once."""
    sim_key: bytes | None = None
    """The registered public key of its SIM: an uncompressed P-256 point."""
    deadline: float | None = None
    """Of its re-verification or its second check."""
    swap_device_id: int | None = None
    """The device of a swap that was announced and approved."""
    swap_until: float | None = None


class Appraisal(NamedTuple):
    """What one piece of Evidence means."""

    tier: Tier
    reasons: tuple[Reason, ...] = ()
    event: Event | None = None
    """AFFIRM, or what late Evidence may do, for the card that the device is bound to."""
    signs: tuple[Sign, ...] = ()
    """Against the card that the device is bound to: what the scenario's ladder weighs."""
    accuses: bool = False
    """The device claims a card that is bound to another one."""
    proved: bool = False
    """The card's own SIM signed that claim: nothing else has to agree."""
    absent: bool = False
    """The device itself says that its card is gone: corroborates an accusation."""
    answers: bool = False
    """The device proved that it held its card after the newest accusation: refutes it."""
    again: bool = False
    """The verifier wants Evidence over a newer nonce at once."""
    binds: Reason | None = None
    """Why the card that the device claims is its own from now on."""


class Move(NamedTuple):
    """What speaks for a card's going from one device to another, where Evidence is not about the bound card."""

    leaves: bool = False
    """A swap of the bound card's device was announced: nobody misses the card here."""
    announced: bool = False
    """A swap of the claimed card to this device was announced."""
    takes: Reason | None = None
    """Affirming Evidence of this device binds the claimed card to it, and why that is allowed."""
    scenario: Scenario | None = None
    """The claimed card's."""


STAYS = Move()

_KEY_PROTECTION = 3
"""The bits of the status that say how the key is kept."""
_FLAGS = ((claims.ICCID_MISMATCH, Reason.ICCID_MISMATCH), (claims.TAMPER, Reason.TAMPER))


def appraise(
    evidence: Evidence,
    device: Device,
    bound: Card | None,
    claimed: Card | None,
    scenario: Scenario | None,
    issued: float,
    stated: bool = False,
    move: Move = STAYS,
) -> Appraisal:
    """Appraises Evidence whose signature, nonce and order are already good.

    device: whose key signed. bound: the card bound to it. claimed: the card that the Evidence names, where that is
    another one. scenario: the bound card's. issued: when the nonce was issued, seconds since the epoch. stated: the SIM
    of the card that the Evidence names signed it, too. move: whether the claimed card may become this device's.
    """
    if claimed is not None and move.takes is not None and move.scenario is not None:
        taken = _take(evidence, device, claimed, move.scenario, issued, stated, move.takes)
        if taken is not None:
            return taken
    if bound is None:
        return _appraise_claim(evidence, claimed, stated, move)
    if evidence.iccid != bound.iccid:
        return _appraise_absence(evidence, bound, claimed, scenario, stated, move)
    if scenario is None:
        return Appraisal(Tier.NONE, (Reason.SCENARIO_UNKNOWN,))
    signs = _signs(evidence, device, bound, scenario, stated)
    verdict = _weigh(signs, scenario) if signs else _affirm(bound, scenario, issued)
    if evidence.statement is not None and bound.sim_key is None:
        verdict = verdict._replace(reasons=(*verdict.reasons, Reason.SIM_KEY_UNKNOWN))
    return _answer(verdict, evidence, bound, issued)


def late(verdict: Appraisal, bound: Card | None) -> Appraisal:
    """The same verdict on Evidence of which nobody can say when it was made (docs/adr/late-evidence.md): its signs may
    warn a card that is in use, and that is all."""
    speaks = verdict.event is Event.ALERT or bool(verdict.signs)
    warns = speaks and bound is not None and bound.status.state is State.BOUND
    return Appraisal(
        tier=Tier.NONE if verdict.tier <= Tier.AFFIRMING else Tier.WARNING,
        reasons=(Reason.LATE, *verdict.reasons),
        event=Event.ALERT if warns else None,
        again=True,
    )


def _answer(verdict: Appraisal, evidence: Evidence, bound: Card, issued: float) -> Appraisal:
    """Whether Evidence of the bound device about its own card answers those who claim that card. A sign that only
    warns does not keep it from that; an IMEI that it cannot or does not truly state does."""
    if bound.accused_at is None:
        return verdict
    if verdict.tier is Tier.CONTRAINDICATED or evidence.imei is None:
        return verdict
    if issued >= bound.accused_at:
        return verdict._replace(answers=True)
    if not bound.challenged:
        return verdict
    # The challenge is not answered yet: that keeps the warning up.
    event = None if verdict.event is Event.AFFIRM and bound.status.state is State.WARNED else verdict.event
    return verdict._replace(event=event, again=True)


def _signs(evidence: Evidence, device: Device, bound: Card, scenario: Scenario, stated: bool) -> list[Sign]:
    signs = []
    if evidence.imei != device.imei and (evidence.imei is None or evidence.imei != device.imei2):
        reason = Reason.IMEI_UNREADABLE if evidence.imei is None else Reason.IMEI_MISMATCH
        signs.append(Sign(reason, {"says": evidence.imei, "enrolled": device.imei}))
    if evidence.imsi is not None and evidence.imsi != bound.imsi:
        signs.append(Sign(Reason.IMSI_MISMATCH, {}))
    if evidence.scenario != scenario.id:
        signs.append(Sign(Reason.SCENARIO_MISMATCH, {"says": evidence.scenario, "allowed": scenario.id}))
    if scenario.models.tac and device.imei[:8] not in scenario.models.tac:
        signs.append(Sign(Reason.MODEL_NOT_ALLOWED, {"tac": device.imei[:8]}))
    protection = evidence.status & _KEY_PROTECTION
    if protection < scenario.models.least_protection:
        says, least = KEY_PROTECTIONS[protection], scenario.models.key_protection
        signs.append(Sign(Reason.KEY_PROTECTION, {"says": says, "least": least}))
    if evidence.cell is not None and not scenario.area.allows(evidence.cell):
        signs.append(Sign(Reason.OUT_OF_AREA, dict(read_cell(evidence.cell))))
    if evidence.status > claims.TRAY_EMPTY:
        signs += [Sign(reason, {}) for flag, reason in _FLAGS if evidence.status & flag]
    if bound.sim_key is not None and not stated:
        missing = evidence.statement is None
        signs.append(Sign(Reason.SIM_STATEMENT_MISSING if missing else Reason.SIM_STATEMENT_INVALID, {}))
    return [s for s in signs if scenario.step(s.reason) is not Step.IGNORE]


def _weigh(signs: list[Sign], scenario: Scenario) -> Appraisal:
    """A verdict on the bound card by its scenario's ladder: contraindicated is what may cut it off."""
    cuts_off = any(scenario.step(s.reason).weight >= Step.RESTRICT.weight for s in signs)
    tier = Tier.CONTRAINDICATED if cuts_off else Tier.WARNING
    return Appraisal(tier, tuple(s.reason for s in signs), signs=tuple(signs))


_AFFIRMED = Appraisal(Tier.AFFIRMING)
_BOUND = State.BOUND


def _affirm(bound: Card, scenario: Scenario, issued: float) -> Appraisal:
    state = bound.status.state
    if state is _BOUND:
        return _AFFIRMED
    if state is State.WARNED:
        if bound.deadline is not None and issued < bound.since:
            return Appraisal(Tier.AFFIRMING, again=True)  # made before the second check was ordered
        return Appraisal(Tier.AFFIRMING, (), Event.AFFIRM)
    if state is State.SUSPENDED and (bound.held or not scenario.reverification.automatic):
        return Appraisal(Tier.AFFIRMING, (Reason.CARD_SUSPENDED,))
    if state is State.SUSPENDED or state is State.REVERIFYING:
        # Only Evidence made since then counts, and each step asks for the next.
        fresh = issued >= bound.since
        reasons = (Reason.CARD_SUSPENDED,) if state is State.SUSPENDED else ()
        event = Event.AFFIRM if fresh else None
        return Appraisal(Tier.AFFIRMING, reasons, event, again=not fresh or state is State.SUSPENDED)
    return _AFFIRMED


def absence(evidence: Evidence) -> Reason:
    """What Evidence that does not name a card says about it."""
    if evidence.iccid is not None:
        return Reason.CARD_CHANGED
    return Reason.TRAY_EMPTY if evidence.status & claims.TRAY_EMPTY else Reason.CARD_UNREADABLE


def _take(
    evidence: Evidence, device: Device, claimed: Card, scenario: Scenario, issued: float, stated: bool, why: Reason
) -> Appraisal | None:
    """A device that may have the card which it claims. None where this is not affirming Evidence of the pair."""
    if _signs(evidence, device, claimed, scenario, stated):
        return None
    if claimed.accused_at is not None and issued < claimed.accused_at:
        # Another device claims it, too: this one has to show that it holds the card now.
        return Appraisal(Tier.WARNING, (why,), again=True) if why is Reason.SWAP_ANNOUNCED else None
    return Appraisal(Tier.AFFIRMING, (why,), binds=why)


def _appraise_claim(evidence: Evidence, claimed: Card | None, stated: bool, move: Move) -> Appraisal:
    """A device that is bound to no card."""
    if evidence.iccid is None:
        return Appraisal(Tier.NONE, (absence(evidence),))
    if claimed is None:
        return Appraisal(Tier.WARNING, (Reason.CARD_UNKNOWN,))
    if claimed.status.state is State.RETIRED:
        return Appraisal(Tier.WARNING, (Reason.CARD_RETIRED,))
    if move.announced:
        suspended = (Reason.CARD_SUSPENDED,) if claimed.status.state is State.SUSPENDED else ()
        return Appraisal(Tier.WARNING, (Reason.SWAP_ANNOUNCED, *suspended))
    if claimed.device_id is None:
        return Appraisal(Tier.WARNING, (Reason.CARD_NOT_BOUND,))
    if claimed.status.state is State.SUSPENDED:
        return Appraisal(Tier.WARNING, (Reason.FOREIGN_DEVICE_CLAIM, Reason.CARD_SUSPENDED))
    reasons = [Reason.FOREIGN_DEVICE_CLAIM]
    if evidence.statement is not None and not stated:
        reasons.append(Reason.SIM_KEY_UNKNOWN if claimed.sim_key is None else Reason.SIM_STATEMENT_INVALID)
    return Appraisal(Tier.WARNING, tuple(reasons), accuses=True, proved=stated)


def _appraise_absence(
    evidence: Evidence, bound: Card, claimed: Card | None, scenario: Scenario | None, stated: bool, move: Move
) -> Appraisal:
    """A device that reports no card, or another than its own."""
    claim = _appraise_claim(evidence, claimed, stated, move)
    if move.leaves:
        # Not even "gone" counts, which would bear out whoever else claims the card.
        others = claim.reasons if evidence.iccid is not None else ()
        reasons = tuple(dict.fromkeys((Reason.SWAP_ANNOUNCED, *others)))
        return claim._replace(tier=Tier.WARNING if claim.accuses else Tier.NONE, reasons=reasons)
    sign = absence(evidence)
    found = [Sign(sign, {"says": evidence.iccid})]
    verdict = Appraisal(Tier.WARNING, (sign,), Event.ALERT) if scenario is None else _weigh(found, scenario)
    if scenario is not None and scenario.step(sign) is Step.IGNORE:
        verdict = Appraisal(Tier.NONE, (sign,))
    reasons = verdict.reasons if evidence.iccid is None else verdict.reasons + claim.reasons
    return verdict._replace(
        reasons=reasons, accuses=claim.accuses, proved=claim.proved, absent=sign is not Reason.CARD_UNREADABLE
    )
