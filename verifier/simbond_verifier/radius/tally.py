"""Counts packets, and logs what is dropped without letting who sends it fill the log."""

from collections.abc import Callable
from time import monotonic

import structlog
from prometheus_client import CollectorRegistry, Counter

log = structlog.get_logger("simbond.radius")

_QUIET_S = 10.0


class Tally:
    """Of one verifier's RADIUS: answered by code, dropped by cause, asked of gateways by outcome."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = monotonic) -> None:
        self._answered = Counter("simbond_radius_answered", "RADIUS requests answered", ["code"], registry=registry)
        self._dropped = Counter("simbond_radius_dropped", "RADIUS packets not answered", ["cause"], registry=registry)
        self._asked = Counter(
            "simbond_radius_asked", "Disconnect- and CoA-Requests", ["code", "outcome"], registry=registry
        )
        self._clock = clock
        self._spoke: dict[str, float] = {}
        self._unspoken: dict[str, int] = {}

    def answered(self, code: str) -> None:
        self._answered.labels(code).inc()

    def asked(self, code: str, outcome: str) -> None:
        self._asked.labels(code, outcome).inc()

    def dropped(self, cause: str, client: str) -> None:
        """Counts every one, and logs one line per cause in ten seconds, with how many there were since the last."""
        self._dropped.labels(cause).inc()
        count = self._unspoken[cause] = self._unspoken.get(cause, 0) + 1
        now = self._clock()
        if now - self._spoke.get(cause, -_QUIET_S) >= _QUIET_S:
            self._spoke[cause] = now
            self._unspoken[cause] = 0
            log.warning("packets dropped", cause=cause, client=client, packets=count)
