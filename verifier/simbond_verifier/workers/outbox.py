"""Carries out the commands that transitions left in the outbox, and confirms them by reading back.

A command is done when the target's own records say so. It survives a kill at any point: it was committed with its
transition, every call is idempotent, and whatever is still pending is taken up again at the next start.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import time
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection, func, insert, select, update

from .. import traces
from ..enforcement.target import Access as Read
from ..enforcement.target import EnforcementError, Outcome, Target
from ..lifecycle import Access
from ..metrics import Metrics
from ..store import gate
from ..store.database import Database
from ..store.group_commit import GroupCommit, StoreBusy, StoreUnavailable
from ..store.schema import command, readback

log = structlog.get_logger("simbond.outbox")

_AT_ONCE = 64
_POLL_S = 30.0
_LONGEST_BACKOFF_S = 300.0
_DOUBLINGS = 10
"""Of the backoff; it is the longest long before. An HLR may be away for weeks, and a number has an end."""
_SANE_S = 2 * _LONGEST_BACKOFF_S
"""Nothing is put off for longer: what seems to be was written before the clock was set back."""
_UNTOLD_AGAIN = 4
"""How often a bar that is in force is repeated for a serving node that could not be told: after an HLR's restart the
nodes take some seconds to come back to it."""


class _Command(NamedTuple):
    id: int
    at: float
    card_id: int
    imsi: str
    access: Access
    attempts: int


class Outbox:
    """The worker for one target. `run` until cancelled; `wake` when a command was committed."""

    def __init__(
        self,
        database: Database,
        writer: GroupCommit,
        target: Target,
        metrics: Metrics,
        clock: Callable[[], float] = time,
    ) -> None:
        self._database = database
        self._writer = writer
        self._target = target
        self._metrics = metrics
        self._clock = clock
        self._woken = asyncio.Event()
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._untold: dict[int, int] = {}  # command: how often it was in force, but a node was not told

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        try:
            while True:
                self._woken.clear()
                for due in await self._due():
                    # One command of a card at a time: a newer one waits until the older call has ended.
                    task = asyncio.create_task(self._carry_out(due))
                    self._busy[due.card_id] = task
                    task.add_done_callback(partial(self._ended, due.card_id))
                with suppress(TimeoutError):
                    async with asyncio.timeout(await self._pause()):
                        await self._woken.wait()
        finally:
            tasks = list(self._busy.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, card_id: int, _task: asyncio.Task[None]) -> None:
        del self._busy[card_id]
        self.wake()

    async def _due(self) -> list[_Command]:
        busy = set(self._busy)  # noted first: what ends while it is read looks pending, and is not to be done twice
        room = _AT_ONCE - len(busy)
        if room <= 0:
            return []
        now = self._clock()
        query = (
            select(command.c.id, command.c.at, command.c.card_id, command.c.imsi, command.c.access, command.c.attempts)
            .where(command.c.outcome == "pending", (command.c.next_at <= now) | (command.c.next_at > now + _SANE_S))
            .order_by(command.c.next_at)
            .limit(_AT_ONCE)
        )
        rows = await self._database.ask(lambda c: c.execute(query.where(gate.lets_through(c))).all())
        found = [_Command(*row[:4], Access(row.access), row.attempts) for row in rows if row.card_id not in busy]
        return found[:room]

    async def _pause(self) -> float:
        pending = select(func.count()).where(command.c.outcome == "pending")
        soonest = select(func.min(command.c.next_at)).where(
            command.c.outcome == "pending", command.c.card_id.not_in(set(self._busy))
        )

        def look(connection: Connection) -> tuple[int, float | None]:
            next_at = connection.execute(soonest.where(gate.lets_through(connection))).scalar()
            return connection.execute(pending).scalar_one(), next_at

        count, next_at = await self._database.ask(look)
        self._metrics.pending.set(count)
        if next_at is None or len(self._busy) >= _AT_ONCE:
            return _POLL_S
        return float(min(max(next_at - self._clock(), 0.0), _POLL_S))

    @traces.traced("command")
    async def _carry_out(self, due: _Command) -> None:
        try:
            outcome = await self._act(due)
            read = await self._target.state(due.imsi)
        except EnforcementError as e:
            await self._again(due, str(e))
        except Exception as e:
            log.exception("target failed", command=due.id)
            await self._again(due, f"{type(e).__name__} in the target's code; see the log")
        else:
            if read is not (outcome.reads or Read(due.access.value)):
                await self._again(due, f"the target was told, but reads back '{read.value}'", read)
            elif not outcome.complete and self._untold.get(due.id, 0) < _UNTOLD_AGAIN:
                told = self._untold[due.id] = self._untold.get(due.id, 0) + 1
                await self._again(due, outcome.detail, read, tries=told)
            else:
                await self._confirm(due, outcome, read)

    async def _act(self, due: _Command) -> Outcome:
        match due.access:
            case Access.BARRED:
                return await self._target.suspend(due.imsi)
            case Access.RESTRICTED:
                return await self._target.restrict(due.imsi)
            case Access.ALLOWED:
                return await self._target.resume(due.imsi)

    async def _confirm(self, due: _Command, outcome: Outcome, read: Read) -> None:
        now = self._clock()
        self._untold.pop(due.id, None)
        error = "" if outcome.complete else outcome.detail[:400]
        if await self._note(due, read, outcome="confirmed", done_at=now, error=error):
            self._metrics.commands.labels(due.access.value, "confirmed").inc()
            self._metrics.confirm_s.observe(now - due.at)
            log.info("confirmed", command=due.id, access=due.access.value, ms=round((now - due.at) * 1000, 1))

    async def _again(self, due: _Command, error: str, read: Read | None = None, tries: int | None = None) -> None:
        """read: what the target's records said; None: nothing. tries: how often it failed like this; as often as it was
        attempted unless given."""
        tries = due.attempts + 1 if tries is None else tries
        pause = min(0.5 * 2 ** min(tries - 1, _DOUBLINGS), _LONGEST_BACKOFF_S) * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load
        self._metrics.commands.labels(due.access.value, "failed").inc()
        log.warning("not confirmed", command=due.id, access=due.access.value, error=error, again_s=round(pause, 1))
        if not await self._note(due, read, next_at=self._clock() + pause, error=error[:400]):
            self._untold.pop(due.id, None)

    async def _note(self, due: _Command, read: Read | None, **values: Any) -> bool:
        """Writes how an attempt went, and what was read back. False when a newer command superseded this one meanwhile,
        or when the database did not take it: then the command stays as it was and is tried again."""
        change = (
            update(command)
            .where(command.c.id == due.id, command.c.outcome == "pending")
            .values(attempts=due.attempts + 1, **values)
        )
        answer = insert(readback).values(
            at=self._clock(),
            command_id=due.id,
            target=self._target.name,
            said="" if read is None else read.value,
            error=values["error"],
        )

        def note(connection: Connection) -> bool:
            connection.execute(answer)
            return connection.execute(change).rowcount > 0

        try:
            return await self._writer.submit(note)
        except (StoreBusy, StoreUnavailable) as e:
            log.warning("outbox not written", error=str(e))
            await asyncio.sleep(1)
            return False
