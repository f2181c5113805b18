"""The cable, the agent behind it, and whether it gets on with its modem."""

from simbond_agent import codes
from simbond_tools.field.errors import FieldError, NotASerialPort
from simbond_tools.i18n import _

from ..case import Case, Facts, Rule, holds

_LOSSES = (codes.KEY_DAMAGED, codes.NEXT_KEY_DAMAGED, codes.KEY_GONE, codes.COUNTER_DAMAGED)
_UNUSABLE = {NotASerialPort.code: "port-unusable", FieldError.code: "port-unusable"}


def _cable(code: str) -> Rule:
    def rule(case: Case) -> Facts | None:
        problem = _UNUSABLE.get(case.cable.problem, case.cable.problem)
        is_told = code != "port-unusable" and not (code == "no-port" and case.cable.port)  # by the verdict's own words
        why = "" if is_told else case.cable.words
        program = case.cable.program or _("another program")
        return holds(problem == code, port=case.cable.port, program=program, detail=why)

    return rule


def _silent(case: Case) -> Facts | None:
    heard = case.has_agent or case.has_modem or case.cable.speaks == "micropython"
    return holds(not heard and not case.cable.problem, port=case.cable.port, detail=case.cable.words)


def _key_damaged(case: Case) -> Facts | None:
    return holds(case.agent.ended and case.agent.code in _LOSSES, detail=case.agent_says())


def _agent_setup(case: Case) -> Facts | None:
    return holds(case.agent.ended and case.agent.code not in _LOSSES, detail=case.agent_says())


def _agent_stopped(case: Case) -> Facts | None:
    return holds(case.cable.speaks == "micropython" and not case.agent.ended, detail=case.cable.said)


def _modem_silent(case: Case) -> Facts | None:
    return holds(case.modem.error or case.agent.waiting == "modem", detail=case.modem.error or case.agent.detail)


def _agent_failing(case: Case) -> Facts | None:
    return holds(case.agent.waiting == "internal", detail=case.agent_says())


RULES: dict[str, Rule] = {
    **{code: _cable(code) for code in ("no-port", "port-busy", "port-not-allowed", "port-unusable", "unplugged")},
    "silent": _silent,
    "key-damaged": _key_damaged,
    "agent-setup": _agent_setup,
    "agent-stopped": _agent_stopped,
    "agent-mute": lambda case: holds(case.agent.mute),
    "modem-silent": _modem_silent,
    "agent-failing": _agent_failing,
}
