"""Asks a target that sees cards, an HLR, which device each is in: one card after the other, round and round."""

import asyncio
from collections.abc import Callable
from functools import partial
from time import time
from typing import NamedTuple

import structlog
from sqlalchemy import Connection, select

from ..enforcement.target import EnforcementError, NetworkView, Sighting
from ..lifecycle import State
from ..observation import Observation
from ..observer import Observer
from ..store.database import Database
from ..store.group_commit import StoreBusy, StoreUnavailable
from ..store.schema import card, network

log = structlog.get_logger("simbond.network-poll")

_READ = 100
"""Cards that are looked up at a time."""
_IDLE_S = 60.0
"""After a round over no card at all."""


class _Card(NamedTuple):
    id: int
    imsi: str
    imei: str | None
    """14 digits: where a network last saw it."""


class NetworkPoll:
    """`run` until cancelled. Slow on purpose: claims about a card are the corroborator's, which asks at once."""

    def __init__(
        self,
        database: Database,
        observer: Observer,
        view: NetworkView,
        source: str,
        per_second: float,
        clock: Callable[[], float] = time,
    ) -> None:
        """source: what its observations are named after, for example `osmo-hlr`. per_second: cards, at most."""
        self._database = database
        self._observer = observer
        self._view = view
        self._source = source
        self._pause_s = 1 / per_second
        self._clock = clock

    async def run(self) -> None:
        last = 0
        while True:
            try:
                cards = await self._database.ask(partial(_behind, last))
            except StoreUnavailable as e:
                log.warning("network view not asked", error=str(e))
                cards = []
            if not cards:
                await asyncio.sleep(_IDLE_S if last == 0 else self._pause_s)
                last = 0
            for found in cards:
                last = found.id
                await self._ask(found)
                await asyncio.sleep(self._pause_s)

    async def _ask(self, found: _Card) -> None:
        try:
            seen = await self._view.sighting(found.imsi)
        except EnforcementError as e:
            log.warning("network view", card=found.id, error=str(e))
            return
        if seen is None or not _is_news(seen, found):
            return
        now = self._clock()
        try:
            await self._observer.take(Observation(found.imsi, min(now, seen.at or now), self._source, seen.imei))
        except (StoreBusy, StoreUnavailable) as e:
            log.warning("sighting not written", card=found.id, error=str(e))


def _is_news(seen: Sighting, found: _Card) -> bool:
    """Without a time, what is known already says nothing: it may be as old as anything."""
    return seen.at is not None or seen.imei[:14] != found.imei


def _behind(last: int, connection: Connection) -> list[_Card]:
    """The next cards that are bound."""
    query = (
        select(card.c.id, card.c.imsi, network.c.imei)
        .outerjoin(network, network.c.card_id == card.c.id)
        .where(card.c.id > last, card.c.device_id.is_not(None), card.c.state != State.RETIRED)
        .order_by(card.c.id)
        .limit(_READ)
    )
    return [_Card(*row) for row in connection.execute(query)]
