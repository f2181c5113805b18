"""What the rules ask the findings, and how they answer."""

from collections.abc import Callable
from typing import Any

from simbond_tools.field.agent_words import in_words
from simbond_verifier.reasons import Reason

from . import uplink
from .findings import Agent, Findings, Modem, Register, members, text, texts

Facts = dict[str, Any]
"""reasons: codes of the verifier (docs/reasons.md), a list; detail: what was said, as it came; the rest for words."""

_IMEI_DIGITS = 14
_NO_AGENT, _NO_MODEM, _NO_REGISTER = Agent(), Modem(), Register()
_CME = "+CME ERROR: "

BOND = {
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
_TOLD = frozenset(reason for reasons in BOND.values() for reason in reasons)


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
        return any(reason in BOND[verdict] for reason in self.agent.reasons)

    def has_card(self) -> bool:
        return bool(self.modem.iccid)

    def is_owner(self) -> bool | None:
        """Whether this is the device that the card is bound to, or announced for; None where nobody knows."""
        if not self.owner:
            return None
        if self.agent.kid:
            return self.agent.kid in (self.owner, self.announced)
        bound = text(self.verifier.card, "device", "imei")
        return same_imei(bound, self.modem.imei) if bound and self.modem.imei else None

    def way(self) -> str | None:
        """The cause of the last failure on the way to the verifier; None where it did not fail."""
        if self.agent.waiting != "uplink":
            return None
        return uplink.cause(self.agent.code, self.agent.detail) if self.agent.error == "uplink" else ""

    def agent_says(self) -> str:
        """What the agent ended by, else its last error."""
        return in_words(self.agent.code, self.agent.ended or self.agent.detail)

    def untold(self) -> list[str]:
        """Reasons of the last attestation that are no verdict of their own."""
        return [reason for reason in self.agent.reasons if reason not in _TOLD]

    def known_reasons(self) -> tuple[str, ...]:
        """Why the card is in its state, by the register."""
        return texts(members(self.verifier.card.get("because")).get("reasons"))

    def because(self) -> Facts:
        """The same in full; where the register does not say, by what the device was answered."""
        told = [reason for reason in self.agent.reasons if reason not in BOND["card-suspended"]]
        return {
            "reasons": list(self.known_reasons()) or told,
            "detail": text(self.verifier.card, "because", "words"),
        }


Rule = Callable[[Case], Facts | None]
"""Gives the facts for a verdict's words; None where the verdict does not hold."""


def same_imei(one: str, other: str) -> bool:
    """Whether two IMEIs, with check digit, software version or neither, are of one device."""
    return one[:_IMEI_DIGITS] == other[:_IMEI_DIGITS]


def holds(condition: object, **facts: Any) -> Facts | None:
    """The facts, where the condition is true."""
    return facts if condition else None
