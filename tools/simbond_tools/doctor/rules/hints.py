"""What deserves a word although it works, and that it works."""

from simbond_tools.field.signal import VERY_WEAK_RSRP_DBM, VERY_WEAK_RSSI_DBM
from simbond_verifier.lifecycle import State

from ..case import Case, Facts, Rule, holds

WEAK_NARROWBAND_DBM = -125
"""LTE-M and NB-IoT repeat what they send, and get through below LTE (coverage enhancement, 3GPP TS 36.300 23.7b)."""
_NARROWBAND = ("LTE-M", "NB-IoT")


def _weak_signal(case: Case) -> Facts | None:
    level, limit = case.modem.rsrp_dbm, WEAK_NARROWBAND_DBM if case.modem.rat in _NARROWBAND else VERY_WEAK_RSRP_DBM
    if level is None:  # GSM and UMTS state nothing else
        level, limit = case.modem.rssi_dbm, VERY_WEAK_RSSI_DBM
    return holds(level is not None and level <= limit, level=level, limit=limit)


def _warned(case: Case) -> Facts | None:
    untold = case.untold()
    by_verifier = case.agent.tier in ("warning", "none") and (untold or not case.agent.reasons)
    known = case.known_reasons() if case.state == State.WARNED else ()
    return holds(by_verifier or case.state == State.WARNED, reasons=list(dict.fromkeys([*known, *untold])))


def _reverifying(case: Case) -> Facts | None:
    return holds(case.state == State.REVERIFYING, **case.because())


def _not_attested(case: Case) -> Facts | None:
    runs = case.has_agent and not case.agent.ended and not case.agent.mute
    return holds(runs and not case.agent.tier and case.way() is None)


def _agent_unseen(case: Case) -> Facts | None:
    return holds(case.has_modem and not case.has_agent and case.cable.speaks != "micropython")


def _roaming(case: Case) -> Facts | None:
    return holds(case.modem.reg == "roaming" and not case.said("outside-scenario"))


def _verifier_not_asked(case: Case) -> Facts | None:
    return holds(case.verifier.problem, detail=case.verifier.problem)


def _well(case: Case) -> Facts | None:
    return holds(case.agent.tier == "affirming" and case.way() is None)


RULES: dict[str, Rule] = {
    "weak-signal": _weak_signal,
    "warned": _warned,
    "reverifying": _reverifying,
    "not-attested": _not_attested,
    "agent-unseen": _agent_unseen,
    "roaming": _roaming,
    "verifier-not-asked": _verifier_not_asked,
    "well": _well,
}
