"""The embedded target: a table in the verifier's own database that network equipment asks over HTTP.

The default where there is no HLR. `GET /v1/subscribers/{imsi}` says whether the card may be let in.
"""

from collections.abc import Callable
from functools import partial
from time import time

from sqlalchemy import Connection, select

from ..store.database import Database, upsert
from ..store.group_commit import GroupCommit, StoreBusy, StoreUnavailable
from ..store.schema import card, subscriber
from .target import Access, Outcome, TargetError, UnknownSubscriber, require_imsi


class Embedded:
    """A target whose records are rows: written by the group commit, so confirmed means on disk."""

    name = "embedded"

    def __init__(self, database: Database, writer: GroupCommit, clock: Callable[[], float] = time) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock

    async def suspend(self, imsi: str) -> Outcome:
        """Bars the card. Raises TargetError, and ValueError for an IMSI that is none."""
        return await self._set(imsi, Access.BARRED)

    async def restrict(self, imsi: str) -> Outcome:
        """Leaves the card data. Raises as suspend does."""
        return await self._set(imsi, Access.RESTRICTED)

    async def resume(self, imsi: str) -> Outcome:
        """Lets the card in again. Raises as suspend does."""
        return await self._set(imsi, Access.ALLOWED)

    async def state(self, imsi: str) -> Access:
        """What network equipment is told. Raises UnknownSubscriber for an IMSI that was never imported."""
        require_imsi(imsi)
        try:
            return await self._database.ask(partial(_read, imsi=imsi))
        except StoreUnavailable as e:
            raise TargetError(f"the embedded table was not read: {e}") from e

    async def close(self) -> None:
        """Nothing is held open."""

    async def _set(self, imsi: str, access: Access) -> Outcome:
        require_imsi(imsi)
        try:
            await self._writer.submit(partial(_put, imsi=imsi, access=access, at=self._clock()))
        except (StoreBusy, StoreUnavailable) as e:
            raise TargetError(f"the embedded table was not written: {e}") from e
        return Outcome(f"{access.value} in the embedded table")


def _read(connection: Connection, imsi: str) -> Access:
    access = connection.execute(select(subscriber.c.access).where(subscriber.c.imsi == imsi)).scalar()
    if access is None and connection.execute(select(card.c.id).where(card.c.imsi == imsi)).first() is None:
        raise UnknownSubscriber(f"no card with IMSI {imsi} is imported; import it first")
    return Access.ALLOWED if access is None else Access(access)


def _put(connection: Connection, imsi: str, access: Access, at: float) -> None:
    upsert(connection, subscriber, {"imsi": imsi}, {"access": access.value, "at": at})
