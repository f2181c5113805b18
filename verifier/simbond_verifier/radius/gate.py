"""Answers Access-Request: the sighting goes in first, so that what the rules make of it counts already."""

from collections.abc import Awaitable, Callable
from functools import partial
from time import time

import structlog

from ..observation import Observation
from ..policy import Radius
from ..reasons import EXPLAINED, Reason
from ..scenario import Scenarios
from ..store.database import Database
from ..store.group_commit import StoreBusy, StoreUnavailable
from . import admission
from .endpoint import Asked, Reply
from .packet import Code, Dropped
from .reading import read_observation
from .undated import Undated

log = structlog.get_logger("simbond.radius")

Observe = Callable[[Observation], Awaitable[object]]
"""Returns once the observation is on disk. Raises StoreBusy, StoreUnavailable."""


class Gate:
    """Handles the requests of the authentication port."""

    def __init__(
        self,
        section: Radius,
        database: Database,
        scenarios: Scenarios,
        observe: Observe,
        clock: Callable[[], float] = time,
    ) -> None:
        self._section = section
        self._database = database
        self._scenarios = scenarios
        self._observe = observe
        self._undated = Undated()
        self._clock = clock

    async def access(self, asked: Asked) -> Reply:
        """Access-Accept or Access-Reject. Raises Dropped when the store cannot be read."""
        now = self._clock()
        seen = read_observation(asked.request, asked.client.section.imsi_from, now)
        if seen is None:
            return self._reply(self._decide(None, None))
        try:
            if not self._undated.counted(asked):
                await self._observe(seen)
                self._undated.count(asked)
        except (StoreBusy, StoreUnavailable) as e:
            # No card has to wait for a disk: the gateway reports it again by accounting.
            log.warning("sighting not written", error=str(e))
        try:
            subject = await self._database.ask(partial(admission.subject, imsi=seen.imsi, now=now))
        except StoreUnavailable:
            raise Dropped("store-away") from None
        return self._reply(self._decide(subject, seen.imei))

    def _decide(self, subject: admission.Subject | None, imei: str | None) -> admission.Verdict:
        return admission.decide(
            subject,
            imei,
            subject and self._scenarios.get(subject.scenario),
            reject_unknown=self._section.reject_unknown,
            reject_foreign_imei=self._section.reject_foreign_imei,
        )

    def _reply(self, verdict: admission.Verdict) -> Reply:
        if verdict.reason is not None:
            return Reply(Code.ACCESS_REJECT, {"Reply-Message": _message(verdict.reason)})
        return Reply(Code.ACCESS_ACCEPT, {"Filter-Id": self._section.filter_id} if verdict.restricted else {})


def _message(reason: Reason) -> str:
    return f"{reason}: {EXPLAINED[reason]}"
