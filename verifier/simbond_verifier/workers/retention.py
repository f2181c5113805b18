"""Deletes what the policy does not keep any longer, without holding up what devices send."""

import asyncio
from collections.abc import Callable
from functools import partial
from time import time

import structlog

from ..policy import Retention
from ..store import retention
from ..store.database import Database
from ..store.group_commit import GroupCommit, StoreBusy, StoreUnavailable

log = structlog.get_logger("simbond.retention")

_EVERY_S = 3600.0
_PAUSE_S = 0.05
"""Between two units: what devices send goes first."""
_DAY_S = 86400.0


class Retainer:
    """The worker: `run` until cancelled. It may be interrupted anywhere, and goes on at the next start."""

    def __init__(
        self, database: Database, writer: GroupCommit, keep: Retention, clock: Callable[[], float] = time
    ) -> None:
        self._database = database
        self._writer = writer
        self._keep = keep
        self._clock = clock

    async def run(self) -> None:
        while True:
            try:
                await self.sweep()
            except (StoreBusy, StoreUnavailable) as e:
                log.warning("retention not finished", error=str(e))
            await asyncio.sleep(_EVERY_S)

    async def sweep(self) -> None:
        """Deletes everything that is old enough now. Raises StoreBusy, StoreUnavailable."""
        now = self._clock()
        if self._keep.evidence_days is not None:
            await self._empty_evidence(now - self._keep.evidence_days * _DAY_S)
        if self._keep.observation_days is not None:
            await self._delete_observations(now - self._keep.observation_days * _DAY_S)

    async def _empty_evidence(self, before: float) -> None:
        emptied = 0
        while True:
            piece = await self._database.ask(partial(retention.find_evidence, before=before))
            if piece is None:
                break
            for start in range(0, len(piece.ids), retention.AT_ONCE):
                ids = piece.ids[start : start + retention.AT_ONCE]
                await self._writer.submit(partial(retention.empty_evidence, ids=ids))
                await asyncio.sleep(_PAUSE_S)
            await self._writer.submit(partial(retention.note_done, up_to=piece.up_to))
            emptied += len(piece.ids)
            if not piece.more:
                break
        if emptied:
            log.info("evidence emptied", count=emptied)

    async def _delete_observations(self, before: float) -> None:
        deleted = 0
        while True:
            count = await self._writer.submit(partial(retention.delete_observations, before=before))
            deleted += count
            if count < retention.AT_ONCE:
                break
            await asyncio.sleep(_PAUSE_S)
        if deleted:
            log.info("observations deleted", count=deleted)
