"""After a restore, compares every card with the network: what the network was told after the backup was taken, the
database does not know (docs/backup.md)."""

import asyncio
from collections.abc import Callable
from functools import partial
from time import time

import structlog

from ..enforcement.target import EnforcementError, Target, UnknownSubscriber
from ..store import recovery
from ..store.database import Database
from ..store.group_commit import GroupCommit, StoreBusy, StoreUnavailable

log = structlog.get_logger("simbond.reconciler")

_AT_ONCE = 32
_PAUSE_S = 5.0


class Reconciler:
    """The worker: `run` until cancelled; it rests once every card has been compared, or where nothing was restored. It
    goes on after a kill where it was, and waits for a network that does not answer."""

    def __init__(
        self,
        database: Database,
        writer: GroupCommit,
        target: Target,
        on_change: Callable[[], None],
        clock: Callable[[], float] = time,
    ) -> None:
        self._database = database
        self._writer = writer
        self._target = target
        self._on_change = on_change
        self._clock = clock

    async def run(self) -> None:
        await self.compare()
        await asyncio.Event().wait()

    async def compare(self) -> None:
        """Returns when there is nothing (more) to compare."""
        differing = 0
        while (some := await self._database.ask(partial(recovery.next_cards, at_most=_AT_ONCE))) is not None:
            try:
                if not some:
                    await self._writer.submit(recovery.finish)
                    log.warning("compared every card with the network after the restore", differing=differing)
                    return
                said = await asyncio.gather(*(self._said(imsi) for _, imsi, _ in some))
                found = {card_id: what for (card_id, _, _), what in zip(some, said, strict=True) if what is not None}
                note = partial(recovery.compared, found=found, last=some[-1][0], at=self._clock())
                differing += await self._writer.submit(note)
                self._on_change()
            except (EnforcementError, StoreBusy, StoreUnavailable) as e:
                log.warning("cards not compared", error=str(e), again_s=_PAUSE_S)
                await asyncio.sleep(_PAUSE_S)

    async def _said(self, imsi: str) -> str | None:
        """What the network's records say; None where they do not know the card. Raises EnforcementError."""
        try:
            return (await self._target.state(imsi)).value
        except UnknownSubscriber:
            return None
