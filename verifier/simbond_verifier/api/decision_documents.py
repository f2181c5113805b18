"""The documents of decisions: what takes two persons, swaps, and what the verifier was kept from doing."""

from typing import Any, Self

from pydantic import Field, model_validator

from ..lifecycle import Event
from ..reasons import Reason
from ..store.proposals import Kind, Outcome
from .models import Decision, Document, KeyId, Words


class Bind(Document):
    device: KeyId
    scenario: str | None = Field(None, description="Another scenario than the imported one.")
    force: bool = Field(False, description="Beyond the scenario's quota of moves: takes a reason and another person.")
    first: bool = Field(False, description="Only a card of the stock that no device has ever had.")
    reason: str = Field("", max_length=400, description="Kept in the card's history.")

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if self.force and not self.reason:
            raise ValueError("'force' takes a reason")
        return self


class Swap(Decision):
    device: KeyId
    force: bool = Field(False, description="Beyond the scenario's quota of moves.")


class Resumption(Decision):
    reverify: bool = Field(True, description="False lifts the suspension without re-verification.")


class Answer(Document):
    words: str = Field("", max_length=400, description="Why; kept with the decision.")


class Proposal(Document):
    """What one person asked for and another decides, or has decided."""

    id: int
    kind: Kind
    iccid: str | None
    device: str | None
    detail: dict[str, Any]
    reason: str
    asked_by: str
    asked_at: float
    expires_at: float
    outcome: Outcome
    decided_by: str | None
    decided_at: float | None
    words: str


class Proposals(Document):
    decisions: list[Proposal]
    next: str | None = Field(description="Pass as 'after' for the next page; null on the last.")


class KillSwitchState(Document):
    actor: str
    at: float
    reason: str


class StoppedRule(Document):
    rule: Reason
    tripped_at: float
    enforced: int = Field(description="How many cards it had restricted or suspended within the window.")


class Enforcing(Document):
    """Whether the verifier acts by itself, and what it was kept from."""

    kill_switch: KillSwitchState | None = Field(description="Who stopped everything; null while it runs.")
    stopped: list[StoppedRule]
    withheld: dict[Reason, int] = Field(description="How many cards wait for a person, by rule.")


class KillSwitch(Document):
    on: bool
    reason: Words


class Withheld(Document):
    """What a stopped rule would have done to a card."""

    id: int
    at: float
    iccid: str
    rule: Reason
    what: Event


class WithheldList(Document):
    withheld: list[Withheld]
    next: str | None


class ByRule(Decision):
    rule: Reason
