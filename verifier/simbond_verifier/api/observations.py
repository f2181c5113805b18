"""What a network reports of cards, and what is known of one by that (docs/detection.md)."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .. import fleet
from ..observation import Observation, Place
from ..observation import Use as UsedFor
from ..store import observations
from ..store.observations import Outcome
from ..words import Language, explain, preferred
from .operator import Feeds, Reads, Use
from .problems import Problem

AT_ONCE = 500
"""Observations in one request."""
_SOURCE_CHARACTERS = 32

router = APIRouter(prefix="/v1", tags=["network"])


class Observed(BaseModel):
    """One card at one moment; what is not known is left out or null."""

    model_config = ConfigDict(extra="forbid", strict=True)

    imsi: str
    at: float = Field(description="When the network saw it, seconds since 1970 (UTC).")
    imei: str | None = Field(None, description="14 to 16 digits: IMEI with or without check digit, or IMEISV.")
    plmn: str | None = Field(None, description="Country and network code, 5 or 6 digits.")
    area: int | None = Field(None, description="Tracking or location area code.")
    cell: int | None = Field(None, description="Cell identity.")
    lat: float | None = Field(None, description="Degrees (WGS 84): where the cell is.")
    lon: float | None = None
    apn: str | None = None
    use: Annotated[UsedFor | None, Field(strict=False)] = None

    def observation(self, source: str) -> Observation:
        place = Place(self.plmn, self.area, self.cell, self.lat, self.lon)
        return Observation(self.imsi, self.at, source, self.imei, place, self.apn, self.use)


class Result(BaseModel):
    """What became of one observation."""

    outcome: Outcome = Field(
        description="taken; repeated (taken before, counts once); unknown (no card has this IMSI: not kept); refused"
    )
    problem: str = Field(description="Why it was refused.")


class Results(BaseModel):
    """In the order of the request, durably."""

    results: list[Result]


class View(BaseModel):
    """What networks last reported of a card."""

    imei: str | None = Field(description="14 digits.")
    imei_at: float | None
    plmn: str | None
    area: int | None
    cell: int | None
    lat: float | None
    lon: float | None
    place_at: float | None
    traffic_at: float | None = Field(description="Its last sign of life.")
    source: str


class Sign(BaseModel):
    """What speaks, or spoke, against a card."""

    reason: str
    words: str = Field(description="The reason in words, in the language that was asked for.")
    source: str
    first_at: float
    last_at: float
    times: int = Field(description="Within the time in which the scenario wants it confirmed.")
    cleared_at: float | None = Field(description="Since when it is there no more.")
    facts: dict[str, Any]


class Seen(BaseModel):
    iccid: str
    network: View | None = Field(description="Null: no network has reported it.")
    signs: list[Sign]


_ITEM = Observed.model_json_schema(ref_template="#/components/schemas/{model}")
SCHEMAS: dict[str, Any] = _ITEM.pop("$defs", {})
"""What the request refers to: the framework does not see it."""


@router.post(
    "/observations",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"type": "array", "items": _ITEM}},
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        }
    },
)
async def hand_in(request: Request, services: Use, holder: Feeds) -> Results:
    """Takes what a network saw: a JSON array, or an object a line. One that cannot be used keeps no other from being
    taken."""
    source = f"feed:{holder.name}"[:_SOURCE_CHARACTERS]
    read = list(_read(await request.body(), source))
    results = [Result(outcome=Outcome.REFUSED, problem=found) if isinstance(found, str) else None for found in read]
    usable = [(place, found) for place, found in enumerate(read) if isinstance(found, Observation)]
    for (place, _), taken in zip(usable, await services.observer.take(*(seen for _, seen in usable)), strict=True):
        results[place] = Result(outcome=taken.outcome, problem=taken.problem)
    return Results(results=[result for result in results if result is not None])


def _read(body: bytes, source: str) -> Iterator[Observation | str]:
    """The observations of a request, or in the place of one what is wrong with it."""
    try:
        text = body.decode()
        in_array = text.lstrip().startswith("[")
        documents = json.loads(text) if in_array else [line for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as e:
        raise Problem(422, "observations-syntax", f"Neither a JSON array nor JSON objects, one a line: {e}.") from None
    if len(documents) > AT_ONCE:
        raise Problem(
            413, "observations-too-many", f"A request has at most {AT_ONCE} observations; send more requests."
        )
    read = Observed.model_validate if in_array else Observed.model_validate_json
    for document in documents:
        try:
            yield read(document).observation(source)
        except ValidationError as e:
            yield "; ".join(f"{'.'.join(map(str, f['loc'])) or 'observation'}: {f['msg']}" for f in e.errors())


@router.get("/cards/{iccid}/network", tags=["cards"])
def show_network(
    services: Use,
    _: Reads,
    iccid: str,
    lang: Annotated[Language | None, Query(description="Of the words; else as Accept-Language asks.")] = None,
    accept_language: Annotated[str, Header(include_in_schema=False)] = "",
) -> Seen:
    """What networks last saw of a card, and every sign against it."""
    language = lang or preferred(accept_language)
    with services.database.read() as connection:
        card_id = fleet.lookup.find_card(connection, iccid).id
        view = observations.view(connection, card_id)
        signs = observations.against(connection, card_id)
    return Seen(
        iccid=iccid,
        network=None if view is None else View(**view),
        signs=[Sign(**sign, words=explain(sign["reason"], language)) for sign in signs],
    )
