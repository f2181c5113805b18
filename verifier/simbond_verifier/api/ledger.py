"""The ledger for whoever wants to check it: checkpoints, proofs, single entries, and all of it as a file."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from sqlalchemy import Connection
from starlette.responses import StreamingResponse

from ..ledger import merkle
from ..ledger.checkpoint import Checkpoint
from ..ledger.receipt import Seal
from ..store import ledger
from ..workers.sequencer import catch_up
from .operator import Reads, Services, Use
from .problems import Problem

MEDIA_TYPE = "application/cbor-seq"

router = APIRouter(prefix="/v1/ledger", tags=["ledger"])

Size = Annotated[int, Query(ge=1, le=1 << 53)]
Sequence = Annotated[int, Path(ge=0, le=1 << 53)]


class TreeHead(BaseModel):
    """A signed tree head."""

    origin: str = Field(description="Which ledger.")
    size: int = Field(description="How many entries it covers.")
    root: str = Field(description="The root of the Merkle tree (RFC 9162 section 2.1), in hex.")
    at: float = Field(description="When it was signed.")
    message: str = Field(description="The same, signed: a COSE_Sign1 in hex (docs/ledger.md).")


class Consistency(BaseModel):
    """That the tree of the one size begins with the tree of the other."""

    first: int
    second: int
    path: list[str] = Field(description="The hashes of RFC 9162 section 2.1.4, in hex.")
    receipt: str = Field(description="The same as a COSE Receipt (RFC 9942), in hex.")


class LedgerEntry(BaseModel):
    """One entry, with the proof that it is in the tree of the checkpoint."""

    seq: int
    kind: str
    row_id: int
    leaf: str
    body: str | None = Field(description="CBOR in hex (docs/ledger.md); null: the row's content was deleted.")
    receipt: str = Field(description="A COSE Receipt of inclusion (RFC 9942), in hex.")
    checkpoint: TreeHead


@router.get("/checkpoint")
async def newest_checkpoint(services: Use, _: Reads, fresh: bool = False) -> TreeHead:
    """The newest signed tree head. fresh: one that covers everything that is committed now."""
    if fresh:
        await catch_up(services.writer, services.keyring, services.clock)
    return await services.read(_head)


@router.get("/proof")
def prove_consistency(services: Use, _: Reads, first: Size, second: Size | None = None) -> Consistency:
    """That the ledger only grew between two sizes. second: the newest checkpoint's unless given; then a checkpoint
    must have that size."""
    with services.database.read() as connection:
        newer, _message = _checkpoint(connection, second)
        if second is not None and newer.size != second:
            raise Problem(
                404, "no-checkpoint", f"No checkpoint has the size {second}; the nearest below has {newer.size}."
            )
        if first > newer.size:
            raise Problem(404, "no-entry", f"The ledger has {newer.size} entries that are signed, and not {first} yet.")
        path = merkle.consistency_proof(ledger.reader(connection), first, newer.size)
        seal = Seal(services.keyring.signing(connection), newer.root)
    receipt = seal.consistency(first, newer.size, path)
    return Consistency(first=first, second=newer.size, path=[h.hex() for h in path], receipt=receipt.hex())


@router.get("/entries/{seq}")
def show_entry(services: Use, _: Reads, seq: Sequence) -> LedgerEntry:
    """One entry and its receipt in the tree of the newest checkpoint."""
    with services.database.read() as connection:
        newest, _message = _checkpoint(connection)
        if seq >= newest.size:
            raise Problem(404, "no-entry", f"The newest checkpoint covers the entries 0 to {newest.size - 1}.")
        (found,) = ledger.entries(connection, seq, 1)
        (receipt,) = ledger.receipts(connection, newest, services.keyring.signing(connection), [seq])
        return LedgerEntry(
            seq=seq,
            kind=found.kind,
            row_id=found.row_id,
            leaf=found.leaf.hex(),
            body=None if found.body is None else found.body.hex(),
            receipt=receipt.hex(),
            checkpoint=_head(connection),
        )


@router.get("/export", response_class=StreamingResponse, responses={200: {"content": {MEDIA_TYPE: {}}}})
async def export(services: Use, _: Reads) -> StreamingResponse:
    """Everything that is committed now, signed, as a file for 'simbond ledger verify'."""
    await catch_up(services.writer, services.keyring, services.clock)
    return StreamingResponse(_exported(services), media_type=MEDIA_TYPE)


def _exported(services: Services) -> Iterator[bytes]:
    with services.database.read() as connection:
        yield from ledger.exported(connection)


def _head(connection: Connection) -> TreeHead:
    head, message = _checkpoint(connection)
    return TreeHead(**head._asdict() | {"root": head.root.hex()}, message=message.hex())


def _checkpoint(connection: Connection, at_most: int | None = None) -> tuple[Checkpoint, bytes]:
    found = ledger.newest_checkpoint(connection, at_most)
    if found is None:
        raise Problem(404, "no-checkpoint", "No checkpoint is signed yet; ask with ?fresh=true, or in a moment.")
    return found
