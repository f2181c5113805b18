"""The documents of work orders. Times are seconds since the epoch (UTC)."""

from typing import Annotated

from pydantic import Field

from ..store.work_orders import Outcome
from ..work_orders.bundle import Kind
from ..work_orders.finding import Finding
from ..work_orders.proof import MAX_CHARACTERS
from .models import Document, Words

Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class WorkOrderRequest(Document):
    kind: Kind = Kind.CHECK
    technician: str = Field(max_length=100, description="The name of the technician's token.")
    iccid: str
    decision: Number | None = Field(None, description="swap: the number of the decision that allowed it.")
    words: Words = Field(description="For the technician: where, and what to look at. Kept in the card's history.")
    expires_s: int = Field(604800, ge=3600, le=7776000, description="How long the order stands.")


class FieldResult(Document):
    """What a device proved on site."""

    at: float = Field(description="When it was uploaded.")
    uploaded_by: str
    device: str | None = Field(description="Whose key signed.")
    finding: Finding
    signed_before: float = Field(description="When the device had signed at the latest.")


class WorkOrder(Document):
    number: int
    kind: Kind
    technician: str
    iccid: str
    device: str | None = Field(description="swap: the device that the card goes to.")
    decision: int | None
    words: str
    made_by: str
    made_at: float
    expires_at: float
    outcome: Outcome
    closed_at: float | None
    closed_by: str | None


class WorkOrderWithResults(WorkOrder):
    results: list[FieldResult]


class WorkOrders(Document):
    orders: list[WorkOrder]
    next: int | None = Field(description="Pass as 'after' for the next page; null on the last.")


class ProofOrder(Document):
    result: str = Field(max_length=MAX_CHARACTERS, description="The text of the QR code or file (docs/work-orders.md).")


class TakenResult(Document):
    number: int
    finding: Finding
    signed_before: float
    repeated: bool = Field(description="It had been uploaded before; nothing was changed.")
    check_ended: bool = Field(description="It ended the second check of the card.")


class AssessedResult(Document):
    """What a result proves, judged now."""

    number: int | None
    iccid: str | None
    finding: Finding
    issued: float | None = Field(description="When the order was issued; the device signed after that.")
    expires: float | None
    signed_before: float
