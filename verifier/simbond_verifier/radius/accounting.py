"""Answers Accounting-Request: never before what it says is on disk (RFC 2866 section 4.1), so that a gateway that is
answered may forget it, and one that is not sends it again.
"""

import asyncio
from collections.abc import Callable
from enum import IntEnum
from functools import partial
from time import time
from typing import NamedTuple

from sqlalchemy import Connection, select

from ..lifecycle import Access
from ..observation import Observation
from ..store import radius_sessions
from ..store.database import Database
from ..store.group_commit import GroupCommit, StoreBusy, StoreUnavailable
from ..store.schema import card
from .endpoint import Asked, Reply
from .gate import Observe
from .packet import Code, Dropped
from .reading import Session, is_dated, made_at, read_observation, read_session
from .undated import Undated


class Status(IntEnum):
    """Acct-Status-Type (RFC 2866 section 5.1), as far as a session changes by it."""

    START = 1
    STOP = 2
    INTERIM_UPDATE = 3
    ACCOUNTING_ON = 7
    ACCOUNTING_OFF = 8


class _Report(NamedTuple):
    status: int
    host: str
    session: Session
    seen: Observation | None


class Accounting:
    """Handles the requests of the accounting port."""

    def __init__(
        self,
        database: Database,
        writer: GroupCommit,
        observe: Observe,
        on_barred: Callable[[str], None],
        clock: Callable[[], float] = time,
    ) -> None:
        """on_barred: called with the IMSI of a card that has a session though it is barred."""
        self._database = database
        self._writer = writer
        self._undated = Undated()
        self._observe = observe
        self._on_barred = on_barred
        self._clock = clock

    async def account(self, asked: Asked) -> Reply:
        """Accounting-Response. Raises Dropped when nothing could be written, or a session is not named."""
        status = asked.request.number("Acct-Status-Type")
        try:
            if not self._undated.counted(asked):
                await self._take(asked, status)
                self._undated.count(asked)
        except (StoreBusy, StoreUnavailable):
            raise Dropped("store-away") from None
        return Reply(Code.ACCOUNTING_RESPONSE, {})

    async def _take(self, asked: Asked, status: int | None) -> None:
        if status in (Status.ACCOUNTING_ON, Status.ACCOUNTING_OFF):
            at = made_at(asked.request, self._clock())
            await self._writer.submit(partial(radius_sessions.cleared, client=asked.host, at=at))
        else:
            await self._session(asked, status)

    async def _session(self, asked: Asked, status: int | None) -> None:
        session = read_session(asked.request)
        if session is None or status is None:
            raise Dropped("malformed")
        seen = read_observation(asked.request, asked.client.section.imsi_from, self._clock())
        if seen is not None and not is_dated(asked.request):
            seen = await self._dated(seen, asked.host, session, status)
        noted = self._writer.submit(partial(_note, report=_Report(status, asked.host, session, seen)))
        if seen is None:
            await noted
            return
        # In one commit, and the session first: where the sighting suspends the card, it is known what to end.
        barred, _ = await asyncio.gather(noted, self._observe(seen))
        if barred:
            self._on_barred(seen.imsi)

    async def _dated(self, seen: Observation, host: str, session: Session, status: int) -> Observation:
        """Dates what a packet without a time of its own says by the session, where that is known: when it began, and
        for how long it has run."""
        seconds = 0 if status == Status.START else session.seconds
        if seconds is None:
            return seen
        began = await self._database.ask(partial(radius_sessions.began, client=host, session=session.id))
        return seen if began is None else seen._replace(at=min(seen.at, began + seconds))


def _note(connection: Connection, report: _Report) -> bool:
    """Brings the table of sessions up to date. Returns whether a card that is barred has a session."""
    if report.status == Status.STOP:
        radius_sessions.ended(connection, report.host, report.session.id)
    if report.status not in (Status.START, Status.INTERIM_UPDATE) or report.seen is None:
        return False
    row = connection.execute(select(card.c.id, card.c.access).where(card.c.imsi == report.seen.imsi)).first()
    if row is None:
        return False
    radius_sessions.started(
        connection,
        row.id,
        report.host,
        report.session.id,
        user_name=report.session.user_name,
        address=report.session.address,
        at=report.seen.at,
        seconds=report.session.seconds or 0,
    )
    return bool(row.access == Access.BARRED)
