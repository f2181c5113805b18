"""RADIUS of one verifier, put together: two ports that listen, and what reaches back to the gateways."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from time import time
from typing import NamedTuple

import structlog
from prometheus_client import CollectorRegistry

from ..enforcement.target import Target
from ..policy import Radius
from ..scenario import Scenarios
from ..store.database import Database
from ..store.group_commit import GroupCommit
from .accounting import Accounting
from .clients import Clients
from .endpoint import Asked, Endpoint, Handler, Reply
from .gate import Gate, Observe
from .packet import Code
from .sessions import Sessions
from .tally import Tally
from .target import Disconnecting

log = structlog.get_logger("simbond.radius")


class Ports(NamedTuple):
    """Where a service listens."""

    auth: int
    acct: int


class RadiusService:
    """What a policy's [radius] asks for. Raises InvalidPolicy where a secret cannot be read."""

    def __init__(
        self,
        section: Radius,
        database: Database,
        writer: GroupCommit,
        scenarios: Scenarios,
        observe: Observe,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time,
    ) -> None:
        """observe: takes what gateways report, and returns once it is on disk."""
        self._section = section
        self._clients = Clients(section.clients)
        self._tally = Tally(registry)
        self.sessions = Sessions(database, writer, self._clients, self._tally, clock)
        """Those that gateways reported, to be ended or restricted."""
        self._gate = Gate(section, database, scenarios, observe, clock)
        self._accounting = Accounting(database, writer, observe, self._end_soon, clock)
        self._ending: dict[str, asyncio.Task[None]] = {}

    def over(self, target: Target) -> Target:
        """The target with running sessions seen to, too."""
        return Disconnecting(target, self.sessions, self._section.filter_id)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Ports]:
        """Answers gateways until the block ends. Raises OSError where a port is taken."""
        auth, auth_port = await self._open(
            self._section.auth_port, {Code.ACCESS_REQUEST: self._gate.access, Code.STATUS_SERVER: _alive_auth}
        )
        try:
            acct, acct_port = await self._open(
                self._section.acct_port,
                {Code.ACCOUNTING_REQUEST: self._accounting.account, Code.STATUS_SERVER: _alive_acct},
            )
            log.info("listening", address=str(self._section.listen), auth_port=auth_port, acct_port=acct_port)
            try:
                yield Ports(auth_port, acct_port)
            finally:
                await acct.close()
        finally:
            await auth.close()
            for task in self._ending.values():
                task.cancel()
            await asyncio.gather(*self._ending.values(), return_exceptions=True)

    async def _open(self, port: int, handlers: Mapping[Code, Handler]) -> tuple[Endpoint, int]:
        transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Endpoint(self._clients, handlers, self._tally), local_addr=(str(self._section.listen), port)
        )
        return protocol, transport.get_extra_info("sockname")[1]

    def _end_soon(self, imsi: str) -> None:
        """A session that began while its card was being barred, or at a gateway that does not ask."""
        if imsi not in self._ending:
            task = self._ending[imsi] = asyncio.create_task(self._end(imsi))
            task.add_done_callback(lambda _: self._ending.pop(imsi, None))

    async def _end(self, imsi: str) -> None:
        told = await self.sessions.end(imsi)
        for failure in told.failures:
            log.warning("session of a barred card goes on", error=failure)


async def _alive_auth(_: Asked) -> Reply:
    """Status-Server (RFC 5997 section 3)."""
    return Reply(Code.ACCESS_ACCEPT, {})


async def _alive_acct(_: Asked) -> Reply:
    return Reply(Code.ACCOUNTING_RESPONSE, {})
