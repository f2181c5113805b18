"""When a verdict holds. Each rule gets the findings and gives the facts for the verdict's words, or None."""

from collections.abc import Callable, Mapping
from typing import Any

from simbond_agent import claims
from simbond_tools.field.signal import VERY_WEAK_RSRP_DBM, VERY_WEAK_RSSI_DBM
from simbond_verifier.lifecycle import State
from simbond_verifier.reasons import Reason

from . import uplink
from .findings import Agent, Findings, Modem, Register, text, texts

Facts = dict[str, Any]
"""reasons: codes of the verifier (docs/reasons.md), a list; detail: what was said, as it came; the rest for words."""

WEAK_NARROWBAND_DBM = -125
"""LTE-M and NB-IoT repeat what they send, and get through below LTE (coverage enhancement, 3GPP TS 36.300 23.7b)."""
CLOCK_S = 86400
"""Certificates are made to be valid for days at least."""

_IMEI_DIGITS = 14
_NARROWBAND = ("LTE-M", "NB-IoT")
_NO_AGENT, _NO_MODEM, _NO_REGISTER = Agent(), Modem(), Register()
# 3GPP TS 27.007 clause 9.2.1, by number and in words, and the states of +CPIN of clause 8.3.
_CME = "+CME ERROR: "
_FAILURES = ("13", "15", "SIM FAILURE", "SIM WRONG")
_BUSY = ("14", "SIM BUSY")
_ABSENT = ("10", "SIM NOT INSERTED")
_PIN = ("11", "SIM PIN REQUIRED")
_PUK = ("12", "SIM PUK REQUIRED")
_CABLE = {"not-a-serial-port": "port-unusable", "port": "port-unusable"}
_BOND = {
    "wrong-card": (Reason.CARD_CHANGED,),
    "wrong-device": (Reason.FOREIGN_DEVICE, Reason.FOREIGN_DEVICE_CLAIM),
    "wrong-imei": (Reason.IMEI_MISMATCH,),
    "key-revoked": (Reason.KEY_REVOKED,),
    "not-enrolled": (Reason.KEY_UNKNOWN,),
    "key-cloned": (Reason.CLONE,),
    "card-unknown": (Reason.CARD_UNKNOWN,),
    "card-retired": (Reason.CARD_RETIRED,),
    "card-suspended": (Reason.CARD_SUSPENDED,),
    "card-not-bound": (Reason.CARD_NOT_BOUND,),
    "outside-scenario": (Reason.ROAMING, Reason.OUT_OF_AREA),
}
"""Reasons of the verifier that are verdicts of their own."""
_TOLD = frozenset(reason for reasons in _BOND.values() for reason in reasons)


class Case:
    """The findings, with what the rules ask more than once."""

    def __init__(self, findings: Findings) -> None:
        self.cable = findings.cable
        self.has_modem = findings.modem is not None
        self.has_agent = findings.agent is not None
        self.modem = findings.modem or _NO_MODEM
        self.agent = findings.agent or _NO_AGENT
        self.verifier = findings.verifier or _NO_REGISTER
        self.state = text(self.verifier.card, "state")
        self.owner = text(self.verifier.card, "device", "kid")
        self.cards = texts(self.verifier.device.get("cards"))
        self.announced = text(self.verifier.card, "swap", "device")
        answer = self.modem.pin.upper()
        self.sim_error = answer.removeprefix(_CME).strip() if answer.startswith(_CME) else ""
        self.sim_asks = answer.removeprefix("+CPIN:").strip(' "') if answer.startswith("+CPIN:") else ""

    def said(self, verdict: str) -> bool:
        """Whether the last attestation was answered by one of the reasons that are this verdict."""
        return any(reason in _BOND[verdict] for reason in self.agent.reasons)

    def has_card(self) -> bool:
        return bool(self.modem.iccid)

    def is_owner(self) -> bool | None:
        """Whether this is the device that the card is bound to, or announced for; None where nobody knows."""
        if not self.owner:
            return None
        if self.agent.kid:
            return self.agent.kid in (self.owner, self.announced)
        bound = text(self.verifier.card, "device", "imei")
        return _same_imei(bound, self.modem.imei) if bound and self.modem.imei else None

    def way(self) -> str | None:
        """The cause of the last failure on the way to the verifier; None where it did not fail."""
        if self.agent.waiting != "uplink":
            return None
        return uplink.cause(self.agent.detail) if self.agent.error == "uplink" else ""


def _same_imei(one: str, other: str) -> bool:
    return one[:_IMEI_DIGITS] == other[:_IMEI_DIGITS]


def _if(holds: object, **facts: Any) -> Facts | None:
    return facts if holds else None


# --- the cable and the agent ---


def _cable(code: str) -> Callable[[Case], Facts | None]:
    def rule(case: Case) -> Facts | None:
        problem = _CABLE.get(case.cable.problem, case.cable.problem)
        why = case.cable.words if code == "port-unusable" else ""  # the verdict says the rest
        return _if(problem == code, port=case.cable.port, detail=why)

    return rule


def _silent(case: Case) -> Facts | None:
    heard = case.has_agent or case.has_modem or case.cable.speaks == "micropython"
    return _if(not heard and not case.cable.problem, port=case.cable.port, detail=case.cable.words)


def _is_loss(why: str) -> bool:
    return any(word in why for word in ("is damaged", "is gone", "damaged or gone"))


def _key_damaged(case: Case) -> Facts | None:
    return _if(_is_loss(case.agent.ended), detail=case.agent.ended)


def _agent_setup(case: Case) -> Facts | None:
    return _if(case.agent.ended and not _is_loss(case.agent.ended), detail=case.agent.ended)


def _agent_stopped(case: Case) -> Facts | None:
    return _if(case.cable.speaks == "micropython" and not case.agent.ended, detail=case.cable.said)


def _modem_silent(case: Case) -> Facts | None:
    return _if(case.modem.error or case.agent.waiting == "modem", detail=case.modem.error or case.agent.detail)


def _agent_failing(case: Case) -> Facts | None:
    return _if(case.agent.waiting == "internal", detail=case.agent.detail)


# --- the card, as the modem sees it ---


def _radio_off(case: Case) -> Facts | None:
    return _if(case.modem.functionality.replace(" ", "").upper() in ("+CFUN:0", "+CFUN:4"))


def _no_sim(case: Case) -> Facts | None:
    return _if(case.modem.sim == "absent" or case.sim_error in _ABSENT)


def _sim_puk(case: Case) -> Facts | None:
    return _if(case.sim_asks == "SIM PUK" or case.sim_error in _PUK)


def _sim_pin(case: Case) -> Facts | None:
    return _if(case.modem.sim == "pin" or case.sim_asks == "SIM PIN" or case.sim_error in _PIN)


def _module_locked(case: Case) -> Facts | None:
    return _if(case.sim_asks.startswith("PH-") or case.sim_error.startswith("PH-"), detail=case.modem.pin)


def _sim_failure(case: Case) -> Facts | None:
    return _if(case.sim_error in _FAILURES, detail=case.modem.pin)


def _sim_busy(case: Case) -> Facts | None:
    return _if(case.modem.sim == "busy" or case.sim_error in _BUSY)


def _card_unreadable(case: Case) -> Facts | None:
    return _if(case.has_modem and case.modem.sim == "ready" and not case.modem.iccid)


def _imei_unreadable(case: Case) -> Facts | None:
    return _if(case.has_modem and not case.modem.error and not case.modem.imei)


# --- the bond ---


def _changed(case: Case, flag: int) -> bool:
    """Whether the Evidence says that something is not what a verifier last took, by the device's own account."""
    return bool(case.agent.flags & flag) and not case.agent.flags & claims.SAME_HARDWARE


def _wrong_card(case: Case) -> Facts | None:
    card = case.modem.iccid
    elsewhere = bool(case.cards) and card not in case.cards and case.announced != case.agent.kid
    # What the register says goes before what the device remembers.
    remembered = not case.verifier.device and (_changed(case, claims.SIM_CHANGED) or case.said("wrong-card"))
    return _if(card and (elsewhere or remembered))


def _wrong_device(case: Case) -> Facts | None:
    owner = case.is_owner()
    foreign = owner is False or (owner is None and case.said("wrong-device"))
    return _if(case.has_card() and foreign)


def _wrong_imei(case: Case) -> Facts | None:
    enrolled, imei2 = text(case.verifier.device, "imei"), text(case.verifier.device, "imei2")
    here = case.modem.imei
    differs = bool(enrolled and here) and not any(_same_imei(known, here) for known in (enrolled, imei2) if known)
    remembered = not enrolled and (_changed(case, claims.IMEI_CHANGED) or case.said("wrong-imei"))
    return _if(differs or remembered)


def _key_revoked(case: Case) -> Facts | None:
    return _if(case.verifier.device.get("revoked_at") is not None or case.said("key-revoked"))


def _not_enrolled(case: Case) -> Facts | None:
    return _if(case.verifier.device_problem == "device-unknown" or case.said("not-enrolled"))


def _key_cloned(case: Case) -> Facts | None:
    return _if(case.said("key-cloned"))


def _card_unknown(case: Case) -> Facts | None:
    return _if(case.has_card() and (case.verifier.card_problem == "card-unknown" or case.said("card-unknown")))


def _card_retired(case: Case) -> Facts | None:
    return _if(case.state == State.RETIRED or (not case.state and case.said("card-retired")))


def _because(case: Case) -> Facts:
    """Why the card is in its state, by the register; else by what the device was answered."""
    known = texts(_mapping(case.verifier.card.get("because")).get("reasons"))
    told = [reason for reason in case.agent.reasons if reason not in _BOND["card-suspended"]]
    return {"reasons": list(known) or told, "detail": text(case.verifier.card, "because", "words")}


def _card_suspended(case: Case) -> Facts | None:
    suspended = case.state == State.SUSPENDED or (not case.state and case.said("card-suspended"))
    return _if(suspended and case.verifier.card.get("held") is not True, **_because(case))


def _card_held(case: Case) -> Facts | None:
    return _if(case.state == State.SUSPENDED and case.verifier.card.get("held") is True, **_because(case))


def _card_not_bound(case: Case) -> Facts | None:
    return _if(case.state == State.STOCK or (not case.state and case.said("card-not-bound")))


def _untold(case: Case) -> list[str]:
    return [reason for reason in case.agent.reasons if reason not in _TOLD]


def _contraindicated(case: Case) -> Facts | None:
    untold = _untold(case)
    return _if(case.agent.tier == "contraindicated" and (untold or not case.agent.reasons), reasons=untold)


# --- the network ---


def _hears(case: Case) -> bool:
    return case.modem.rsrp_dbm is not None or case.modem.rssi_dbm is not None


def _registration_denied(case: Case) -> Facts | None:
    return _if(case.modem.reg == "denied")


def _no_coverage(case: Case) -> Facts | None:
    return _if(case.modem.reg in ("none", "searching") and not _hears(case))


def _searching(case: Case) -> Facts | None:
    return _if(case.modem.reg in ("none", "searching") and _hears(case))


def _outside_scenario(case: Case) -> Facts | None:
    told = [reason for reason in case.agent.reasons if reason in _BOND["outside-scenario"]]
    return _if(told, reasons=told)


# --- the server ---


def _clock_wrong(case: Case) -> Facts | None:
    ahead = case.agent.ahead_s
    on_board = not case.agent.url.startswith("modem+")  # the module's own stack has the module's clock
    wrong = ahead is not None and abs(ahead) > CLOCK_S
    return _if(case.way() is not None and on_board and wrong, days=round(abs(ahead or 0) / 86400))


def _way(cause: str) -> Callable[[Case], Facts | None]:
    return lambda case: _if(case.way() == cause, detail=case.agent.detail)


# --- it works, but ---


def _weak_signal(case: Case) -> Facts | None:
    level, limit = case.modem.rsrp_dbm, WEAK_NARROWBAND_DBM if case.modem.rat in _NARROWBAND else VERY_WEAK_RSRP_DBM
    if level is None:  # GSM and UMTS state nothing else
        level, limit = case.modem.rssi_dbm, VERY_WEAK_RSSI_DBM
    return _if(level is not None and level <= limit, level=level, limit=limit)


def _warned(case: Case) -> Facts | None:
    untold = _untold(case)
    by_verifier = case.agent.tier in ("warning", "none") and (untold or not case.agent.reasons)
    known = texts(_mapping(case.verifier.card.get("because")).get("reasons")) if case.state == State.WARNED else ()
    return _if(by_verifier or case.state == State.WARNED, reasons=list(dict.fromkeys([*known, *untold])))


def _reverifying(case: Case) -> Facts | None:
    return _if(case.state == State.REVERIFYING, **_because(case))


def _not_attested(case: Case) -> Facts | None:
    runs = case.has_agent and not case.agent.ended and not case.agent.mute
    return _if(runs and not case.agent.tier and case.way() is None)


def _agent_unseen(case: Case) -> Facts | None:
    return _if(case.has_modem and not case.has_agent and case.cable.speaks != "micropython")


def _roaming(case: Case) -> Facts | None:
    return _if(case.modem.reg == "roaming" and not case.said("outside-scenario"))


def _verifier_not_asked(case: Case) -> Facts | None:
    return _if(case.verifier.problem, detail=case.verifier.problem)


def _well(case: Case) -> Facts | None:
    return _if(case.agent.tier == "affirming" and case.way() is None)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


RULES: dict[str, Callable[[Case], Facts | None]] = {
    **{code: _cable(code) for code in ("no-port", "port-busy", "port-not-allowed", "port-unusable", "unplugged")},
    "silent": _silent,
    "key-damaged": _key_damaged,
    "agent-setup": _agent_setup,
    "agent-stopped": _agent_stopped,
    "agent-mute": lambda case: _if(case.agent.mute),
    "modem-silent": _modem_silent,
    "agent-failing": _agent_failing,
    "radio-off": _radio_off,
    "no-sim": _no_sim,
    "sim-puk": _sim_puk,
    "sim-pin": _sim_pin,
    "module-locked": _module_locked,
    "sim-failure": _sim_failure,
    "sim-busy": _sim_busy,
    "card-unreadable": _card_unreadable,
    "imei-unreadable": _imei_unreadable,
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
    "registration-denied": _registration_denied,
    "no-coverage": _no_coverage,
    "searching": _searching,
    "outside-scenario": _outside_scenario,
    "clock-wrong": _clock_wrong,
    "server-name": _way("name"),
    "server-refused": _way("refused"),
    "certificate-untrusted": _way("certificate-untrusted"),
    "certificate-name": _way("certificate-name"),
    "certificate-date": _way("certificate-date"),
    "certificate-refused": _way("certificate"),
    "server-answer": _way("answer"),
    "server-unreachable": _way(""),
    "weak-signal": _weak_signal,
    "warned": _warned,
    "reverifying": _reverifying,
    "not-attested": _not_attested,
    "agent-unseen": _agent_unseen,
    "roaming": _roaming,
    "verifier-not-asked": _verifier_not_asked,
    "well": _well,
}


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
