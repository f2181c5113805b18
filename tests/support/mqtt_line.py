"""A device's end of MQTT, by paho: what it publishes, and what comes on its topic."""

import queue
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import cbor2
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from .attester import Attester
from .mosquitto import Mosquitto


class Result(NamedTuple):
    """An answer, and how it came."""

    topic: str
    payload: bytes
    qos: int
    retained: bool

    @property
    def fields(self) -> dict[int, Any]:
        return dict(cbor2.loads(self.payload))

    @property
    def verdict(self) -> tuple[int, list[str]]:
        return self.fields[1], self.fields[2]

    @property
    def nonce(self) -> bytes:
        return bytes(self.fields[10])


class Line:
    """A connection as a device's user, between `with` and its end."""

    def __init__(
        self,
        broker: Mosquitto,
        device: Attester,
        *,
        name: str | None = None,
        filters: Sequence[str] | None = None,
        client_id: str = "",
    ) -> None:
        """name: its user, and what stands in its topics; the key id unless given. filters: what to subscribe to; its
        own results unless given. The broker is to know the user."""
        self.name = name or device.kid.hex()
        self.device = device
        self._port = broker.plain_port
        self._filters = [f"simbond/1/{self.name}/result/#"] if filters is None else filters
        self._results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._subscribed = threading.Event()
        self.refused = False
        self._client = client = paho.Client(CallbackAPIVersion.VERSION2, client_id or self.name, protocol=paho.MQTTv311)
        client.username_pw_set(self.name, password(self.name))
        client.reconnect_delay_set(1, 1)
        client.on_connect = self._connected
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.on_message = self._received

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        self.refused = code.is_failure
        if not self.refused and self._filters:
            client.subscribe([(topic, 1) for topic in self._filters])

    def _received(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self._results.put(Result(message.topic, message.payload, message.qos, message.retain))

    def __enter__(self) -> "Line":
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        if self._filters:
            assert self._subscribed.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Returns once the broker has it."""
        sent = self._client.publish(topic, payload, 1, retain)
        sent.wait_for_publish(60)
        assert sent.is_published(), f"the broker does not take {topic}"

    def send(self, kind: str, message: bytes) -> None:
        self.publish(f"simbond/1/{self.name}/{kind}", message)

    def result(self, seconds: float = 60) -> Result:
        """The next one. Raises queue.Empty."""
        return self._results.get(timeout=seconds)

    def ask(self, kind: str, message: bytes, tag: str = "") -> Result:
        """The answer; with a tag the one to this message, whatever comes before it."""
        self.send(kind + tag, message)
        while True:
            result = self.result()
            if result.topic.endswith(f"result{tag}"):
                return result

    def attest(self) -> Result:
        return self.ask("evidence", self.device.evidence(self.ask("challenge", self.device.kid).nonce))


def password(name: str) -> str:
    return f"of {name}"


def admit(broker: Mosquitto, *names: str) -> None:
    """Gives users their passwords."""
    broker.add({name: password(name) for name in names})
