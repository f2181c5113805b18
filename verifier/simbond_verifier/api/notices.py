"""Notices to cards' holders: an operator's customer system reads them in order and delivers them."""

from typing import Annotated

from fastapi import APIRouter, Query

from ..fleet.lookup import find_card
from ..store import notices
from . import case_documents as documents
from .operator import Limit, Reads, Use

After = Annotated[int, Query(ge=0, le=1 << 53)]

router = APIRouter(prefix="/v1", tags=["notices"])


@router.get("/notices")
def list_notices(services: Use, _: Reads, after: After = 0, limit: Limit = 100) -> documents.Notices:
    """All notices, oldest first. Whoever delivers them keeps the last id it has dealt with, and asks for what comes
    after it: after a crash some are delivered twice, none is left out."""
    with services.database.read() as connection:
        return _page(notices.read(connection, after=after, limit=limit), limit)


@router.get("/cards/{iccid}/notices")
def card_notices(services: Use, _: Reads, iccid: str, after: After = 0, limit: Limit = 100) -> documents.Notices:
    """The notices about one card, oldest first."""
    with services.database.read() as connection:
        card_id = find_card(connection, iccid).id
        return _page(notices.read(connection, after=after, limit=limit, card_id=card_id), limit)


def _page(found: list[notices.Notice], limit: int) -> documents.Notices:
    return documents.Notices(
        notices=[documents.Notice(id=n.id, at=n.at, iccid=n.iccid, kind=n.kind, body=n.body) for n in found],
        next=found[-1].id if len(found) == limit else None,
    )
