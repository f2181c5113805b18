"""One session with an MQTT broker, kept up for good: paho-mqtt on this event loop."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import structlog
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from .broker import Broker

log = structlog.get_logger("simbond.mqtt")

_QOS = 1
_WINDOW = 1000  # messages that are taken and not settled; past that, nothing more is read
_KEEPALIVE_S = 30
_LONGEST_PAUSE_S = 60


class Delivery(NamedTuple):
    """A message that the broker holds until it is settled."""

    topic: str
    payload: bytes
    again: bool
    """The broker has delivered it before, and was not told that it was settled (DUP, MQTT 3.1.1 section 3.3.1.1)."""
    connection: int
    mid: int
    qos: int


class Session:
    """A persistent session (clean session 0): the broker queues for it while the verifier is away, and delivers again
    what was not settled before the connection was lost."""

    def __init__(
        self,
        broker: Broker,
        filters: Sequence[str],
        on_delivery: Callable[[Delivery], None],
        on_connected: Callable[[bool], None],
    ) -> None:
        """filters: topics to subscribe to, at QoS 1. on_connected: called with False when the connection is lost."""
        self._where = f"{broker.host}:{broker.port}"
        self._filters = filters
        self._on_delivery = on_delivery
        self._on_connected = on_connected
        self._loop = asyncio.get_running_loop()
        self._lost = asyncio.Event()
        self._connection = 0  # which one since the start
        self._held = 0
        self._pause_s = 1
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2,
            broker.client_id,
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.tls is not None:
            client.tls_set_context(broker.tls)
        client.max_inflight_messages_set(_WINDOW)
        client.connect_async(broker.host, broker.port, _KEEPALIVE_S)
        client.on_connect = self._accepted
        client.on_subscribe = self._subscribed
        client.on_message = self._received
        client.on_disconnect = self._disconnected
        client.on_socket_close = self._closing
        client.on_socket_register_write = self._has_output
        client.on_socket_unregister_write = self._has_no_output

    async def run(self) -> None:
        """Connects, and connects again, until cancelled."""
        while True:
            self._connection += 1
            self._held = 0
            self._lost.clear()  # not later: the connection may be lost while it is made
            try:
                # Name look-up, connection and handshake block; nobody else has the client meanwhile.
                await asyncio.to_thread(self._client.reconnect)
            except OSError as e:
                log.warning("broker cannot be reached", broker=self._where, problem=str(e), retry_s=self._pause_s)
            else:
                await self._stay()
                log.warning("broker lost", broker=self._where, retry_s=self._pause_s)
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def settle(self, delivery: Delivery, topic: str = "", answer: bytes | None = None) -> None:
        """Publishes the answer, if any, and lets the broker forget the message. Does nothing where the connection that
        brought it is lost: the broker delivers it again."""
        if delivery.connection != self._connection or self._lost.is_set():
            return
        if answer is not None:
            self._client.publish(topic, answer, _QOS)
        self._client.ack(delivery.mid, delivery.qos)
        self._held -= 1
        if self._held == _WINDOW // 2:
            self._read_on()

    async def _stay(self) -> None:
        """Returns when the connection is lost."""
        self._read_on()
        try:
            while not self._lost.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await self._lost.wait()
                if self._held < _WINDOW:  # else nothing is read, and a ping would seem unanswered
                    self._client.loop_misc()
        finally:
            self._on_connected(False)
            self._client.disconnect()  # in good order, if it can still be said
            self._client.loop_write()

    def _accepted(self, client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        if code.is_failure:
            log.error("broker refuses the verifier: see --mqtt-user", broker=self._where, problem=str(code))
        else:
            client.subscribe([(topic, _QOS) for topic in self._filters])

    def _subscribed(self, _client: Any, _data: Any, _mid: int, codes: list[ReasonCode], _properties: Any) -> None:
        if any(code.is_failure for code in codes):
            log.error("broker refuses subscriptions: see its access control list", broker=self._where)
            return
        self._pause_s = 1
        self._on_connected(True)
        log.info("broker connected", broker=self._where)

    def _received(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self._held += 1
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self._on_delivery(
            Delivery(topic, bytes(message.payload), message.dup, self._connection, message.mid, message.qos)
        )

    def _disconnected(self, *_: Any) -> None:
        self._lost.set()

    def _closing(self, _client: Any, _data: Any, sock: Any) -> None:
        self._loop.remove_reader(sock)

    def _has_output(self, *_: Any) -> None:
        self._loop.call_soon_threadsafe(self._write)  # threadsafe: connecting is done in a thread

    def _has_no_output(self, _client: Any, _data: Any, sock: Any) -> None:
        self._loop.remove_writer(sock)

    def _read_on(self) -> None:
        sock = self._client.socket()
        if sock is not None:
            self._loop.add_reader(sock, self._read)
            self._loop.call_soon(self._read)  # what TLS has decrypted already makes no socket readable

    def _read(self) -> None:
        try:
            while self._client.loop_read() is MQTTErrorCode.MQTT_ERR_SUCCESS and self._held < _WINDOW:
                sock = self._client.socket()
                if not (isinstance(sock, ssl.SSLSocket) and sock.pending()):
                    break
        except Exception:
            log.exception("broker sends what is no MQTT", broker=self._where)
            self._lost.set()
        sock = self._client.socket()
        if sock is not None and self._held >= _WINDOW:
            self._loop.remove_reader(sock)

    def _write(self) -> None:
        self._client.loop_write()
        sock = self._client.socket()
        if sock is not None and self._client.want_write():
            self._loop.add_writer(sock, self._client.loop_write)
