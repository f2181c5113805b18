"""Copies what was committed into the ledger, and signs it as it grows."""

import asyncio
from collections.abc import Callable
from time import time

import structlog
from sqlalchemy import Connection

from ..store import ledger
from ..store.database import Database
from ..store.group_commit import GroupCommit, StoreBusy, StoreUnavailable
from ..store.signing_keys import Keyring
from .background import give_way

log = structlog.get_logger("simbond.sequencer")

_POLL_S = 0.5
_LONGEST_PAUSE_S = 1.0
"""Between two units of a backlog: a burst is entered after it."""
_CHECKPOINT_S = 10.0
_AT_THE_END_S = 5.0


class Sequencer:
    """The worker: `run` until cancelled. A row becomes an entry within about a second of its commit, or once the writer
    has time, and is covered by a signed checkpoint some seconds later, at the latest when the verifier stops."""

    def __init__(
        self, database: Database, writer: GroupCommit, keyring: Keyring, clock: Callable[[], float] = time
    ) -> None:
        self._database = database
        self._writer = writer
        self._keyring = keyring
        self._clock = clock
        self._signed_at = float("-inf")

    async def run(self) -> None:
        try:
            while True:
                try:
                    await self._keep_up()
                except (StoreBusy, StoreUnavailable) as e:
                    log.warning("ledger not written", error=str(e))
                await asyncio.sleep(_POLL_S)
        finally:
            await self._end()

    async def _keep_up(self) -> None:
        if await self._database.ask(ledger.is_behind):
            while await self._writer.submit(ledger.sequence) == ledger.AT_ONCE:
                await give_way(self._writer, _LONGEST_PAUSE_S)
        now = self._clock()
        if abs(now - self._signed_at) >= _CHECKPOINT_S:  # also where the clock was set back
            await _sign(self._writer, self._keyring, now)
            self._signed_at = now

    async def _end(self) -> None:
        try:
            async with asyncio.timeout(_AT_THE_END_S):
                await catch_up(self._writer, self._keyring, self._clock)
        except (StoreBusy, StoreUnavailable, TimeoutError) as e:
            log.warning("ledger not signed at the end; the next start does it", error=str(e) or type(e).__name__)


async def catch_up(writer: GroupCommit, keyring: Keyring, clock: Callable[[], float] = time) -> None:
    """Makes everything that is committed now a part of the ledger, and signs it. Raises StoreBusy, StoreUnavailable."""
    while await writer.submit(ledger.sequence) == ledger.AT_ONCE:
        pass
    await _sign(writer, keyring, clock())


async def _sign(writer: GroupCommit, keyring: Keyring, now: float) -> None:
    def sign(connection: Connection) -> None:
        ledger.sign(connection, keyring.signing(connection), now)

    await writer.submit(sign)
