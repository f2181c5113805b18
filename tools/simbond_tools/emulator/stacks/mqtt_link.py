"""An MQTT connection of an emulated module to a real broker."""

import socket
import threading
from collections.abc import Callable

from ..module import Module
from .bridge import Security, Trouble, dial, hang_up

_READ = 4096
_CONNECT, _CONNACK, _PUBLISH, _PUBACK, _SUBSCRIBE, _SUBACK, _DISCONNECT = 1, 2, 3, 4, 8, 9, 14


class MqttLink:
    """One MQTT 3.1.1 connection (OASIS standard, section numbers below) at QoS 0 and 1.

    on_message(packet id or 0, topic, payload) and on_lost() are called in the engine, as are the `done` callbacks; the
    latter never after the link was lost or closed.
    """

    def __init__(
        self, module: Module, on_message: Callable[[int, str, bytes], None], on_lost: Callable[[], None]
    ) -> None:
        self._module = module
        self._on_message = on_message
        self._on_lost = on_lost
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._waiting: dict[tuple[int, int], Callable[[int], None]] = {}

    def open(self, host: str, port: int, security: Security | None, done: Callable[[Trouble | None], None]) -> None:
        """Connects TCP, and TLS; done(None), or done(why not)."""
        self._thread = threading.Thread(target=self._run, args=(host, port, security, done), name="mqtt link")
        self._thread.start()

    def connect(self, client: str, user: str, password: str, keepalive_s: int, done: Callable[[int], None]) -> None:
        """3.1: done(return code of the CONNACK)."""
        flags = 0x02 | (0x80 if user else 0) | (0x40 if password else 0)
        body = _text("MQTT") + bytes([4, flags]) + keepalive_s.to_bytes(2, "big") + _text(client)
        self._waiting[_CONNACK, 0] = done
        self._send(_CONNECT << 4, body + (_text(user) if user else b"") + (_text(password) if password else b""))

    def subscribe(self, packet: int, topic: str, qos: int, done: Callable[[int], None]) -> None:
        """3.8: done(granted QoS, or 0x80)."""
        self._waiting[_SUBACK, packet] = done
        self._send(_SUBSCRIBE << 4 | 2, packet.to_bytes(2, "big") + _text(topic) + bytes([qos]))

    def publish(self, packet: int, topic: str, payload: bytes, flags: int, done: Callable[[int], None]) -> None:
        """3.3: done(0) after the PUBACK, or at once with QoS 0. flags: QoS in bits 1 and 2, retain in bit 0."""
        qos = flags >> 1
        if qos:
            self._waiting[_PUBACK, packet] = done
        identifier = packet.to_bytes(2, "big") if qos else b""
        self._send(_PUBLISH << 4 | flags, _text(topic) + identifier + payload)
        if not qos:
            done(0)

    def disconnect(self) -> None:
        """3.14, and the end of the connection."""
        self._send(_DISCONNECT << 4, b"")
        self.close()

    def close(self) -> None:
        """Ends the connection without a word; nothing is called back any more."""
        self._closed = True
        hang_up(self._socket, self._thread)

    def _send(self, first: int, body: bytes) -> None:
        size, length = bytearray(), len(body)
        while True:  # 2.2.3: seven bits an octet
            length, low = divmod(length, 128)
            size.append(low | (0x80 if length else 0))
            if not length:
                break
        try:
            if self._socket:
                self._socket.sendall(bytes([first]) + size + body)
        except OSError:
            pass  # the reading side notices too, and tells

    def _tell(self, action: Callable[[], None]) -> None:
        self._module.post(lambda: None if self._closed else action())

    def _run(self, host: str, port: int, security: Security | None, done: Callable[[Trouble | None], None]) -> None:
        try:
            connected = dial(host, port, security)
        except Trouble as trouble:
            reason = trouble
            self._tell(lambda: done(reason))
            return
        with connected:
            connected.settimeout(None)
            self._socket = connected
            if not self._closed:
                self._tell(lambda: done(None))
                self._read(connected)
            self._socket = None
        self._tell(self._on_lost)

    def _read(self, connected: socket.socket) -> None:
        buffer = b""
        try:
            while octets := connected.recv(_READ):
                buffer += octets
                while packet := _split(buffer):
                    first, body, buffer = packet
                    self._tell(lambda first=first, body=body: self._take(first, body))  # type: ignore[misc]
        except OSError:
            return  # as good as an end

    def _take(self, first: int, body: bytes) -> None:
        kind = first >> 4
        if kind == _PUBLISH:
            self._take_message(first, body)
        elif kind == _CONNACK:
            self._answer(kind, 0, body[1])
        elif kind in (_SUBACK, _PUBACK):
            self._answer(kind, int.from_bytes(body[:2], "big"), body[2] if kind == _SUBACK else 0)

    def _take_message(self, first: int, body: bytes) -> None:
        end = 2 + int.from_bytes(body[:2], "big")
        topic, packet = body[2:end].decode("utf-8", "replace"), 0
        if first & 0x06:
            packet = int.from_bytes(body[end : end + 2], "big")
            end += 2
            self._send(_PUBACK << 4, packet.to_bytes(2, "big"))
        self._on_message(packet, topic, body[end:])

    def _answer(self, kind: int, packet: int, value: int) -> None:
        done = self._waiting.pop((kind, packet), None)
        if done:
            done(value)


def _text(text: str) -> bytes:
    octets = text.encode()
    return len(octets).to_bytes(2, "big") + octets


def _split(buffer: bytes) -> tuple[int, bytes, bytes] | None:
    """The first packet of `buffer`: its first octet, its body, and what follows. None until it is whole."""
    length, shift = 0, 0
    for i in range(1, min(len(buffer), 5)):
        length |= (buffer[i] & 0x7F) << shift
        shift += 7
        if not buffer[i] & 0x80:
            end = i + 1 + length
            return (buffer[0], buffer[i + 1 : end], buffer[end:]) if len(buffer) >= end else None
    return None
