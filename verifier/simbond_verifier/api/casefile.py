"""A card's case file."""

from asyncio import to_thread

from fastapi import APIRouter, Response

from simbond_agent import identity

from ..store import casefile
from ..workers.sequencer import catch_up
from .operator import Reads, Services, Use
from .problems import Problem

MEDIA_TYPE = "application/zip"

router = APIRouter(prefix="/v1", tags=["ledger"])


@router.get("/cards/{iccid}/case", response_class=Response, responses={200: {"content": {MEDIA_TYPE: {}}}})
async def export_case(services: Use, _: Reads, iccid: str) -> Response:
    """Everything about one card in one file that proves itself (docs/case-file.md)."""
    await catch_up(services.writer, services.keyring, services.clock)
    octets = await to_thread(_export, services, str(identity.iccid(iccid) or iccid))
    return Response(octets, media_type=MEDIA_TYPE, headers={"content-disposition": "attachment; filename=case.zip"})


def _export(services: Services, iccid: str) -> bytes:
    with services.database.read() as connection:
        found = casefile.find(connection, iccid)
        if found is None:
            raise Problem(404, "card-unknown", f"Card {iccid} is not imported; see 'simbond cards import'.")
        return casefile.export(connection, found, services.keyring.signing(connection), services.clock())
