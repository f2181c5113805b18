"""Evidence by MQTT (docs/mqtt.md): takes what devices publish, answers on each device's own topic.

A message is acknowledged to the broker when its result is durable and its answer is on its way, and not before: what
the verifier did not finish, the broker delivers again.
"""

import asyncio
import re
from collections import deque
from typing import NamedTuple

import structlog
from prometheus_client import Counter, Gauge

from simbond_agent import claims

from ..metrics import Metrics
from ..store.database import Database
from ..store.group_commit import StoreBusy, StoreUnavailable
from . import text_form
from .broker import Broker
from .mqtt_session import Delivery, Session
from .pipeline import Ingest
from .redelivery import first_result

log = structlog.get_logger("simbond.mqtt")

_KINDS = ("challenge", "evidence", "rotation")
# The last level is the device's to choose, and comes back in the topic of the answer.
_FILTERS = [f"simbond/1/+/{kind}/#" for kind in _KINDS]
_TOPIC = re.compile(rf"simbond/1/([0-9a-f]{{16}})/({'|'.join(_KINDS)})(/[0-9A-Za-z]{{1,16}})?")
_PAUSE_S = 1.0
_NOT_NOW = (StoreBusy, StoreUnavailable)


class _Message(NamedTuple):
    kind: str
    answer_topic: str
    delivery: Delivery


class _Unusable(Exception):
    """Nothing can be answered to a message; the text says why."""


class MqttIngest:
    """Takes messages from a broker until `run` is cancelled. The messages of one device are settled in their order,
    those of several beside each other."""

    def __init__(self, broker: Broker, ingest: Ingest, database: Database, metrics: Metrics) -> None:
        self._ingest = ingest
        self._database = database
        self._messages = Counter(
            "simbond_mqtt_messages",
            "Messages from the broker, by kind; refused: none of the profile's; failed: a fault of the verifier's",
            ["kind"],
            registry=metrics.registry,
        )
        self._retries = Counter(
            "simbond_mqtt_retries", "Messages that the store did not take at once", registry=metrics.registry
        )
        connected = Gauge(
            "simbond_mqtt_connected", "Whether the broker delivers to this verifier", registry=metrics.registry
        )
        self._session = Session(broker, _FILTERS, self._take, connected.set)
        self._waiting: dict[str, deque[_Message]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Takes messages; never returns. What is not settled when it is cancelled, the broker keeps."""
        try:
            await self._session.run()
        finally:
            for task in self._tasks:
                task.cancel()
            self._waiting.clear()

    def _take(self, delivery: Delivery) -> None:
        found = _TOPIC.fullmatch(delivery.topic)
        if found is None:
            self._refuse(delivery, "the topic is none of docs/mqtt.md")
            return
        device, kind, tag = found.groups()
        message = _Message(kind, f"simbond/1/{device}/result{tag or ''}", delivery)
        if device in self._waiting:
            self._waiting[device].append(message)
            return
        self._waiting[device] = deque([message])
        task = asyncio.create_task(self._settle_all(device))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle_all(self, device: str) -> None:
        waiting = self._waiting[device]
        while waiting:
            await self._settle(waiting.popleft())
        del self._waiting[device]

    async def _settle(self, message: _Message) -> None:
        kind, answer_topic, delivery = message
        try:
            answer = await self._answer(kind, delivery)
        except _Unusable as e:
            self._refuse(delivery, str(e))
        except Exception:
            # Our own fault. Delivered again, it would fail again, and hold up everything behind it.
            log.exception("message failed", topic=delivery.topic)
            self._messages.labels("failed").inc()
            self._session.settle(delivery)
        else:
            self._messages.labels(kind).inc()
            self._session.settle(delivery, answer_topic, answer)

    async def _answer(self, kind: str, delivery: Delivery) -> bytes:
        message, as_text = text_form.read(delivery.payload)
        if kind == "challenge":
            if len(message) != claims.KID_OCTETS:
                raise _Unusable(f"a challenge request is a key id of {claims.KID_OCTETS} octets")
            answer = self._ingest.challenge(message)
        else:
            answer = await self._durable(kind, message, delivery.again)
        return text_form.write(answer, as_text)

    async def _durable(self, kind: str, message: bytes, again: bool) -> bytes:
        """The answer once its result is durable, however long the store takes nothing."""
        while True:
            try:
                if kind == "rotation":
                    result = await self._ingest.rotate(message)
                else:
                    before = await first_result(self._database, message) if again else None
                    result = before or await self._ingest.one(message)
                return self._ingest.answer(result)
            except _NOT_NOW:
                self._retries.inc()
                await asyncio.sleep(_PAUSE_S)

    def _refuse(self, delivery: Delivery, problem: str) -> None:
        self._messages.labels("refused").inc()
        log.info("message refused", topic=delivery.topic[:100], octets=len(delivery.payload), problem=problem)
        self._session.settle(delivery)
