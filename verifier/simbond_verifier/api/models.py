"""The documents of the operator API. Times are seconds since the epoch (UTC)."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ..lifecycle import Access, State

Words = Annotated[str, Field(min_length=1, max_length=400, description="Kept in the card's history.")]


KeyId = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{16}$", description="The device's key id.")]


class Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Enforcement(Document):
    """A command to the network and how it went."""

    access: Access
    outcome: str = Field(description="pending, confirmed or superseded")
    attempts: int
    error: str = Field(description="Why the last attempt was not confirmed; empty when it was.")
    at: float
    done_at: float | None
    ms: float | None = Field(description="Milliseconds from the decision to the target's confirmation.")


class BoundDevice(Document):
    kid: str
    imei: str


class AnnouncedSwap(Document):
    device: str = Field(description="The key id of the device whose evidence closes it.")
    until: float


class Card(Document):
    iccid: str
    imsi: str
    msisdn: str | None = Field(description="Null for a technician.")
    scenario: str
    customer: str | None = Field(description="Null for a technician.")
    state: State
    access: Access
    since: float
    deadline: float | None = Field(description="Of a re-verification or a second check.")
    held: bool = Field(description="Suspended by an operator: only an operator lifts it.")
    accused_at: float | None = Field(description="When another device claimed this card; null when none did.")
    sim_key: str | None = Field(description="The public key on its SIM, an uncompressed P-256 point in hex.")
    device: BoundDevice | None
    swap: AnnouncedSwap | None = Field(description="A change of device that was announced and approved.")


class Because(Document):
    """What brought a card into its present state."""

    at: float
    kind: str
    reasons: list[str]
    words: str = Field(description="Of the person who decided it.")


class CardWithEnforcement(Card):
    enforcement: Enforcement | None
    because: Because | None


class Cards(Document):
    cards: list[Card]
    next: str | None = Field(description="Pass as 'after' for the next page; null on the last.")


class Happening(Document):
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


class History(Document):
    iccid: str
    history: list[Happening]


class RowFault(Document):
    line: int
    column: str
    problem: str


class ImportReport(Document):
    imported: int
    unchanged: int
    faults: list[RowFault]


class Decision(Document):
    reason: Words


class SimKey(Decision):
    key: str | None = Field(max_length=130, description="An uncompressed P-256 point in hex; null removes the key.")


class Device(Document):
    kid: str
    imei: str
    label: str
    imei2: str | None = Field(description="Of its second slot.")
    card: str | None = Field(description="The card bound to it, or the first of them.")
    cards: list[str] = Field(description="All of them; more than one only in scenarios with the binding mode set.")
    enrolled_at: float
    enrolled_by: str
    rotated_at: float | None = Field(description="When its present key took the place of the one before.")
    revoked_at: float | None
    seen_at: float | None
    tier: int = Field(description="Of its last Evidence: 0 none, 2 affirming, 32 warning, 96 contraindicated.")
    holds: str | None = Field(description="The card that it last reported.")
    refuted: int = Field(description="Its claims about other devices' cards that were refuted.")


class RetiredKey(Document):
    kid: str
    at: float
    used_at: float | None = Field(
        description="When it first signed something after that: the device does not know of the rotation, or "
        "somebody else ordered it."
    )


class Endorsement(Document):
    """Which factory station vouched for a device (docs/factory.md)."""

    station: str
    entry: int = Field(description="Its number in the station's log.")
    at: float = Field(description="By the station's clock.")
    received_at: float
    trusted: bool = Field(description="False: the station was revoked, and is not trusted from an earlier moment on.")


class DeviceWithKey(Device):
    point: str = Field(description="The public key: an uncompressed P-256 point in hex.")
    retired_key: RetiredKey | None = Field(description="The key before the present one.")
    endorsement: Endorsement | None = Field(description="By the factory station that vouched for it.")


class Devices(Document):
    devices: list[Device]
    next: str | None


class EnrolmentOrder(Document):
    request: Annotated[str, Field(pattern=r"^([0-9a-fA-F]{2})+$", max_length=2048)] = Field(
        description="The device's enrolment request in hex (docs/evidence.md)."
    )
    imei: str | None = Field(None, description="What the label says; refused when the device says otherwise.")
    imei2: str | None = Field(None, description="Of its second slot, where it has one.")
    label: str = Field("", max_length=200)
    allow_duplicate_imei: bool = Field(False, description="Only operators may allow it.")


class SecondSlot(Decision):
    imei2: str | None = Field(description="Null: it has none.")


class Subscriber(Document):
    """What the embedded table tells network equipment."""

    imsi: str
    access: Access


class ScenarioNames(Document):
    scenarios: list[str]
