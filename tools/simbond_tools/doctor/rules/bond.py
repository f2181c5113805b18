"""Whether this card belongs in this device, by the verifier, its work orders, or the device's own memory."""

from simbond_agent import claims
from simbond_verifier.lifecycle import State

from ..case import Case, Facts, Rule, holds, same_imei
from ..findings import text


def _changed(case: Case, flag: int) -> bool:
    """Whether the Evidence says that something is not what a verifier last took, by the device's own account."""
    return bool(case.agent.flags & flag) and not case.agent.flags & claims.SAME_HARDWARE


def _wrong_card(case: Case) -> Facts | None:
    card = case.modem.iccid
    elsewhere = bool(case.cards) and card not in case.cards and case.announced != case.agent.kid
    # What the register says goes before what the device remembers.
    remembered = not case.verifier.device and (_changed(case, claims.SIM_CHANGED) or case.said("wrong-card"))
    return holds(card and (elsewhere or remembered))


def _wrong_device(case: Case) -> Facts | None:
    owner = case.is_owner()
    foreign = owner is False or (owner is None and case.said("wrong-device"))
    return holds(case.has_card() and foreign)


def _wrong_imei(case: Case) -> Facts | None:
    enrolled, imei2 = text(case.verifier.device, "imei"), text(case.verifier.device, "imei2")
    here = case.modem.imei
    differs = bool(enrolled and here) and not any(same_imei(known, here) for known in (enrolled, imei2) if known)
    remembered = not enrolled and (_changed(case, claims.IMEI_CHANGED) or case.said("wrong-imei"))
    return holds(differs or remembered)


def _key_revoked(case: Case) -> Facts | None:
    return holds(case.verifier.device.get("revoked_at") is not None or case.said("key-revoked"))


def _not_enrolled(case: Case) -> Facts | None:
    return holds(case.verifier.device_problem == "device-unknown" or case.said("not-enrolled"))


def _key_cloned(case: Case) -> Facts | None:
    return holds(case.said("key-cloned"))


def _card_unknown(case: Case) -> Facts | None:
    return holds(case.has_card() and (case.verifier.card_problem == "card-unknown" or case.said("card-unknown")))


def _card_retired(case: Case) -> Facts | None:
    return holds(case.state == State.RETIRED or (not case.state and case.said("card-retired")))


def _card_suspended(case: Case) -> Facts | None:
    suspended = case.state == State.SUSPENDED or (not case.state and case.said("card-suspended"))
    return holds(suspended and case.verifier.card.get("held") is not True, **case.because())


def _card_held(case: Case) -> Facts | None:
    return holds(case.state == State.SUSPENDED and case.verifier.card.get("held") is True, **case.because())


def _card_not_bound(case: Case) -> Facts | None:
    return holds(case.state == State.STOCK or (not case.state and case.said("card-not-bound")))


def _contraindicated(case: Case) -> Facts | None:
    untold = case.untold()
    return holds(case.agent.tier == "contraindicated" and (untold or not case.agent.reasons), reasons=untold)


RULES: dict[str, Rule] = {
    "wrong-card": _wrong_card,
    "wrong-device": _wrong_device,
    "wrong-imei": _wrong_imei,
    "key-revoked": _key_revoked,
    "not-enrolled": _not_enrolled,
    "key-cloned": _key_cloned,
    "card-unknown": _card_unknown,
    "card-retired": _card_retired,
    "card-suspended": _card_suspended,
    "card-held": _card_held,
    "card-not-bound": _card_not_bound,
    "contraindicated": _contraindicated,
}
