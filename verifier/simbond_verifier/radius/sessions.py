"""Ends and restricts the sessions that a card has at gateways."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from time import time
from typing import NamedTuple

import structlog

from ..store import radius_sessions
from ..store.database import Database
from ..store.group_commit import GroupCommit, StoreBusy, StoreUnavailable
from ..store.radius_sessions import Running
from .clients import Clients
from .dynamic import Gateway, Unanswered, ask
from .packet import Answer, Code, Values
from .reading import octets
from .tally import Tally

log = structlog.get_logger("simbond.radius")

_GONE = 503
"""Session Context Not Found (RFC 5176 section 3.5), and of the same section what a gateway says that cannot do it:"""
_UNSUPPORTED = (401, 405, 406)


_Act = Callable[[str, Running], Awaitable[str]]


class Told(NamedTuple):
    """What came of it."""

    done: int
    """Sessions whose gateway did it."""
    left: int = 0
    """Sessions at gateways that take no such requests."""
    failures: tuple[str, ...] = ()
    """What kept the others; asking again may help."""


class Sessions:
    """Speaks to gateways about a card's sessions. Idempotent: a session that is ended is not asked for again."""

    def __init__(
        self,
        database: Database,
        writer: GroupCommit,
        clients: Clients,
        tally: Tally,
        clock: Callable[[], float] = time,
    ) -> None:
        self._database = database
        self._writer = writer
        self._clients = clients
        self._tally = tally
        self._clock = clock

    async def end(self, imsi: str) -> Told:
        """Ends every session of a card by Disconnect-Request."""
        return await self._each(imsi, self._end)

    async def restrict(self, imsi: str, filter_id: str) -> Told:
        """Puts every session of a card behind a filter by CoA-Request. Where a gateway cannot do that the session is
        ended: the next one is restricted from its beginning."""
        return await self._each(imsi, partial(self._restrict, filter_id=filter_id))

    async def _each(self, imsi: str, act: _Act) -> Told:
        try:
            running = await self._database.ask(partial(radius_sessions.running, imsi=imsi))
        except StoreUnavailable as e:
            return Told(0, failures=(f"the sessions cannot be read: {e}",))
        within_reach = [one for one in running if self._gateway(one) is not None]
        results = await asyncio.gather(*(act(imsi, one) for one in within_reach))
        failures = tuple(filter(None, results))
        return Told(len(within_reach) - len(failures), len(running) - len(within_reach), failures)

    def _gateway(self, running: Running) -> Gateway | None:
        client = self._clients.find(running.client)
        if client is None or not client.section.disconnect:
            return None
        return Gateway(running.client, client.section.coa_port, client.secret)

    async def _end(self, imsi: str, running: Running) -> str:
        """What kept it; empty when the session is no more."""
        answer = await self._ask(imsi, running, Code.DISCONNECT_REQUEST)
        if isinstance(answer, str):
            return answer
        if not answer.acknowledged and answer.error_cause != _GONE:
            return f"{running.client} refused to end a session (Error-Cause {answer.error_cause})"
        await self._forget(running)
        return ""

    async def _restrict(self, imsi: str, running: Running, filter_id: str) -> str:
        answer = await self._ask(imsi, running, Code.COA_REQUEST, {"Filter-Id": filter_id})
        if isinstance(answer, str):
            return answer
        if answer.acknowledged:
            return ""
        if answer.error_cause == _GONE:
            await self._forget(running)
            return ""
        if answer.error_cause in _UNSUPPORTED:
            return await self._end(imsi, running)
        return f"{running.client} refused to restrict a session (Error-Cause {answer.error_cause})"

    async def _ask(self, imsi: str, running: Running, code: Code, more: Values | None = None) -> Answer | str:
        """The answer, or why there was none."""
        gateway = self._gateway(running)
        assert gateway is not None  # see _each
        values: dict[str, str | bytes | int] = {
            "Event-Timestamp": int(self._clock()),
            "Acct-Session-Id": octets(running.session),
            "3GPP-IMSI": imsi.encode(),
            **(more or {}),
        }
        if running.user_name:
            values["User-Name"] = octets(running.user_name)
        name = code.name.lower()
        try:
            answer = await ask(gateway, code, values)
        except Unanswered as e:
            self._tally.asked(name, "unanswered")
            return str(e)
        self._tally.asked(name, answer.code.name.lower())
        return answer

    async def _forget(self, running: Running) -> None:
        """Its Accounting-Stop would say the same, but may be lost."""
        try:
            await self._writer.submit(partial(radius_sessions.ended, client=running.client, session=running.session))
        except (StoreBusy, StoreUnavailable) as e:
            log.warning("ended session not written", error=str(e))
