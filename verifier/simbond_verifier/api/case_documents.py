"""The documents of notices, second checks and appeals. Times are seconds since the epoch (UTC)."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ..notice import Kind
from ..store.appeals import Outcome
from .models import Decision


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Material(_Document):
    """Something that was handed in. It stays with the operator; its digest shows later that it is the same."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


Materials = Annotated[list[Material], Field(max_length=20)]


class Notice(_Document):
    """What a card's holder is told."""

    id: int
    at: float
    iccid: str
    kind: Kind
    body: dict[str, Any] = Field(description="docs/re-verification.md; `text` is ready to be sent.")


class Notices(_Document):
    notices: list[Notice]
    next: int | None = Field(description="Pass as 'after' for the next page; null on the last.")


class SecondCheck(Decision):
    deadline_s: Annotated[int, Field(ge=60, le=2592000)] | None = Field(
        None, description="Until the card is suspended; the scenario's unless stated."
    )


class Confirmation(Decision):
    materials: Materials = Field([], description="What was checked.")


class Filing(_Document):
    statement: Annotated[str, Field(min_length=1, max_length=4000)] = Field(description="The holder's own words.")
    materials: Materials = []


class Appeal(_Document):
    id: int
    iccid: str
    notice_id: int | None = Field(description="The notice that it is about.")
    filed_at: float
    filed_by: str
    statement: str
    materials: list[Material]
    due_at: float = Field(description="When it has to be decided.")
    outcome: Outcome
    decided_at: float | None
    decided_by: str | None
    words: str = Field(description="Why it was decided so.")


class Appeals(_Document):
    appeals: list[Appeal]
    next: int | None = Field(description="Pass as 'after' for the next page; null on the last.")
