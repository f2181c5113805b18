"""The documents of the operator API. Times are seconds since the epoch (UTC)."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ..lifecycle import Access, State

Words = Annotated[str, Field(min_length=1, max_length=400, description="Kept in the card's history.")]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Enforcement(_Document):
    """A command to the network and how it went."""

    access: Access
    outcome: str = Field(description="pending, confirmed or superseded")
    attempts: int
    error: str = Field(description="Why the last attempt was not confirmed; empty when it was.")
    at: float
    done_at: float | None
    ms: float | None = Field(description="Milliseconds from the decision to the target's confirmation.")


class BoundDevice(_Document):
    kid: str
    imei: str


class Card(_Document):
    iccid: str
    imsi: str
    msisdn: str
    scenario: str
    customer: str
    state: State
    access: Access
    since: float
    deadline: float | None = Field(description="Of a re-verification that an operator opened.")
    held: bool = Field(description="Suspended by an operator: only an operator lifts it.")
    accused_at: float | None = Field(description="When another device claimed this card; null when none did.")
    sim_key: str | None = Field(description="The public key on its SIM, an uncompressed P-256 point in hex.")
    device: BoundDevice | None


class CardWithEnforcement(Card):
    enforcement: Enforcement | None


class Cards(_Document):
    cards: list[Card]
    next: str | None = Field(description="Pass as 'after' for the next page; null on the last.")


class Happening(_Document):
    """One line of a card's history."""

    at: float
    kind: str
    actor: str
    state: State
    access: Access
    reasons: list[str]
    device: str | None
    evidence: int | None
    evidence_at: float | None = Field(description="When the Evidence behind this was received.")
    detail: dict[str, Any]
    enforcement: Enforcement | None


class History(_Document):
    iccid: str
    history: list[Happening]


class RowFault(_Document):
    line: int
    column: str
    problem: str


class ImportReport(_Document):
    imported: int
    unchanged: int
    faults: list[RowFault]


class Bind(_Document):
    device: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{16}$", description="The device's key id.")]
    scenario: str | None = Field(None, description="Another scenario than the imported one.")


class Decision(_Document):
    reason: Words


class SimKey(Decision):
    key: str | None = Field(max_length=130, description="An uncompressed P-256 point in hex; null removes the key.")


class Resumption(Decision):
    reverify: bool = Field(True, description="False lifts the suspension without re-verification.")


class Device(_Document):
    kid: str
    imei: str
    label: str
    card: str | None = Field(description="The card bound to it.")
    enrolled_at: float
    enrolled_by: str
    rotated_at: float | None = Field(description="When its present key took the place of the one before.")
    revoked_at: float | None
    seen_at: float | None
    tier: int = Field(description="Of its last Evidence: 0 none, 2 affirming, 32 warning, 96 contraindicated.")
    holds: str | None = Field(description="The card that it last reported.")
    refuted: int = Field(description="Its claims about other devices' cards that were refuted.")


class RetiredKey(_Document):
    kid: str
    at: float
    used_at: float | None = Field(
        description="When it first signed something after that: the device does not know of the rotation, or "
        "somebody else ordered it."
    )


class DeviceWithKey(Device):
    point: str = Field(description="The public key: an uncompressed P-256 point in hex.")
    retired_key: RetiredKey | None = Field(description="The key before the present one.")


class Devices(_Document):
    devices: list[Device]
    next: str | None


class EnrolmentOrder(_Document):
    request: Annotated[str, Field(pattern=r"^([0-9a-fA-F]{2})+$", max_length=2048)] = Field(
        description="The device's enrolment request in hex (docs/evidence.md)."
    )
    imei: str | None = Field(None, description="What the label says; refused when the device says otherwise.")
    label: str = Field("", max_length=200)
    allow_duplicate_imei: bool = Field(False, description="Only operators may allow it.")


class Subscriber(_Document):
    """What the embedded table tells network equipment."""

    imsi: str
    access: Access


class ScenarioNames(_Document):
    scenarios: list[str]
