"""The card and the module, as the modem sees them."""

from ..case import Case, Facts, Rule, holds

# 3GPP TS 27.007 clause 9.2.1, by number and in words, and the states of +CPIN of clause 8.3.
_FAILURES = ("13", "15", "SIM FAILURE", "SIM WRONG")
_BUSY = ("14", "SIM BUSY")
_ABSENT = ("10", "SIM NOT INSERTED")
_PIN = ("11", "SIM PIN REQUIRED")
_PUK = ("12", "SIM PUK REQUIRED")


def _radio_off(case: Case) -> Facts | None:
    return holds(case.modem.functionality.replace(" ", "").upper() in ("+CFUN:0", "+CFUN:4"))


def _no_sim(case: Case) -> Facts | None:
    return holds(case.modem.sim == "absent" or case.sim_error in _ABSENT)


def _sim_puk(case: Case) -> Facts | None:
    return holds(case.sim_asks == "SIM PUK" or case.sim_error in _PUK)


def _sim_pin(case: Case) -> Facts | None:
    return holds(case.modem.sim == "pin" or case.sim_asks == "SIM PIN" or case.sim_error in _PIN)


def _module_locked(case: Case) -> Facts | None:
    return holds(case.sim_asks.startswith("PH-") or case.sim_error.startswith("PH-"), detail=case.modem.pin)


def _sim_failure(case: Case) -> Facts | None:
    return holds(case.sim_error in _FAILURES, detail=case.modem.pin)


def _sim_busy(case: Case) -> Facts | None:
    return holds(case.modem.sim == "busy" or case.sim_error in _BUSY)


def _card_unreadable(case: Case) -> Facts | None:
    return holds(case.has_modem and case.modem.sim == "ready" and not case.modem.iccid)


def _imei_unreadable(case: Case) -> Facts | None:
    return holds(case.has_modem and not case.modem.error and not case.modem.imei)


RULES: dict[str, Rule] = {
    "radio-off": _radio_off,
    "no-sim": _no_sim,
    "sim-puk": _sim_puk,
    "sim-pin": _sim_pin,
    "module-locked": _module_locked,
    "sim-failure": _sim_failure,
    "sim-busy": _sim_busy,
    "card-unreadable": _card_unreadable,
    "imei-unreadable": _imei_unreadable,
}
