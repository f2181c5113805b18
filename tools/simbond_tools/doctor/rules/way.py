"""The way to the verifier: the network, then the server."""

from ..case import BOND, Case, Facts, Rule, holds

CLOCK_S = 86400
"""Certificates are made to be valid for days at least."""


def _hears(case: Case) -> bool:
    return case.modem.rsrp_dbm is not None or case.modem.rssi_dbm is not None


def _registration_denied(case: Case) -> Facts | None:
    return holds(case.modem.reg == "denied")


def _no_coverage(case: Case) -> Facts | None:
    return holds(case.modem.reg in ("none", "searching") and not _hears(case))


def _searching(case: Case) -> Facts | None:
    return holds(case.modem.reg in ("none", "searching") and _hears(case))


def _outside_scenario(case: Case) -> Facts | None:
    told = [reason for reason in case.agent.reasons if reason in BOND["outside-scenario"]]
    return holds(told, reasons=told)


def _clock_wrong(case: Case) -> Facts | None:
    ahead = case.agent.ahead_s
    on_board = not case.agent.url.startswith("modem+")  # the module's own stack has the module's clock
    wrong = ahead is not None and abs(ahead) > CLOCK_S
    return holds(case.way() is not None and on_board and wrong, days=round(abs(ahead or 0) / 86400))


def _way(cause: str) -> Rule:
    return lambda case: holds(case.way() == cause, detail=case.agent_says())


RULES: dict[str, Rule] = {
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
}
