"""The verifier by way of an MQTT 3.1.1 broker (docs/mqtt.md), at QoS 1, through MicroPython's own sockets.

mqtts verifies the broker's certificate and name, always. CONNECT, SUBSCRIBE and PUBLISH leave together, as section
3.1.4 allows: a round trip takes seconds on NB-IoT. The session is a clean one: what was not answered is sent again
anyway, and no broker has to keep anything for a device that may never come back.
"""

import asyncio
import gc
from binascii import hexlify

from .. import codes
from . import UplinkError, bad_answer, parse_url, read_answer

_MAX_OCTETS = 2048  # of a packet
_KEEP_S = 240  # hardly a mobile network forgets an idle connection within five minutes
_CONNECT = b"\x00\x04MQTT\x04"  # protocol name and level
_CLEAN_USER_PASSWORD = 0xC2
_CLEAN_USER = 0x82


class MqttUplink:
    """board.url: mqtt(s)://host[:port]. board.ca: as tls.options takes it. board.mqtt_user: 16 hex digits that name the
    device in the topics, too; its kid unless set. board.mqtt_password: None unless set. board.mqtt_keep_s: where the
    next Evidence is due within so many seconds, the connection stays open; 240 unless set. Raises ValueError.
    """

    timeout_s = 30  # for one request, from look-up to answer
    alive_s = 10  # for the broker's first word on a connection that was kept; else a NAT has forgotten it

    def __init__(self, board, kid):
        is_tls, self._host, port, _ = parse_url(board.url, ("mqtt", "mqtts"))
        self._port = port or (8883 if is_tls else 1883)
        self._named = hasattr(board, "mqtt_user")
        self._user = board.mqtt_user if self._named else hexlify(kid).decode()
        if len(self._user) != 16:
            raise ValueError("mqtt_user is to be 16 hex digits")
        self._password = getattr(board, "mqtt_password", None)
        self._keep_s = getattr(board, "mqtt_keep_s", _KEEP_S)
        self._reader = self._writer = None
        self._id = 1
        self._options = {}
        if is_tls:
            from .tls import options

            self._options = options(board, self._host)

    async def close(self):
        writer, self._writer = self._writer, None
        if writer:
            try:
                try:
                    writer.write(b"\xe0\x00")  # DISCONNECT
                finally:
                    writer.close()
                    await writer.wait_closed()
            except OSError:
                pass
            self._reader = None

    async def send(self, kind, message):
        if kind == "rotation" and self._password and not self._named:
            raise UplinkError(codes.MQTT_USER, "set mqtt_user to " + self._user)
        keep = False
        try:
            octets = await asyncio.wait_for(self._exchange(kind, message), self.timeout_s)
            answer = read_answer(octets)
            keep = kind == "challenge" or answer.again or answer.interval_s <= self._keep_s
            return octets
        except asyncio.TimeoutError:
            raise UplinkError(codes.NO_ANSWER, "no answer within {} s".format(self.timeout_s))
        except (OSError, EOFError, ValueError, IndexError, MemoryError) as e:
            raise UplinkError(codes.CONNECTION, "{}: {}".format(self._host, str(e) or "the broker has hung up"))
        finally:
            if not keep:
                await self.close()

    async def _exchange(self, kind, message):
        # The last level comes back with the answer, which is thereby none to an earlier message.
        tag = "/" + hexlify(message[-2:]).decode()
        topic = "simbond/1/" + self._user + "/"
        self._id = self._id % 65535 + 1
        publish = _packet(0x32, _string(topic + kind + tag), self._id.to_bytes(2, "big"), message)
        expected = (topic + "result" + tag).encode()
        if self._writer:
            try:
                return await self._ask(publish, expected, self.alive_s)
            except (OSError, EOFError, asyncio.TimeoutError):
                await self.close()
        gc.collect()  # where TLS shares this heap, it wants 16 KiB in one piece
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port, **self._options)
        subscribe = _packet(0x82, b"\x00\x01", _string(topic + "result/#"), b"\x01")
        return await self._ask(self._connect() + subscribe + publish, expected, self.timeout_s)

    def _connect(self):
        flags = _CLEAN_USER_PASSWORD if self._password else _CLEAN_USER
        keep_alive = (self._keep_s + 60).to_bytes(2, "big")
        user = _string(self._user)  # and client id
        password = _string(self._password) if self._password else b""
        return _packet(0x10, _CONNECT, bytes((flags,)), keep_alive, user, user, password)

    async def _ask(self, packets, expected, patience_s):
        self._writer.write(packets)
        await self._writer.drain()
        while True:
            head, body = await asyncio.wait_for(self._receive(), patience_s)
            patience_s = self.timeout_s
            kind = head >> 4
            if kind == 3:  # PUBLISH
                end = 2 + (body[0] << 8 | body[1])
                topic = body[2:end]
                if head & 6:  # QoS 1: PUBACK
                    self._writer.write(bytes((0x40, 2, body[end], body[end + 1])))
                    end += 2
                if topic == expected:
                    return body[end:]
            elif kind == 2:  # CONNACK
                if body[1]:
                    why = "user or password" if body[1] > 3 else "code {}".format(body[1])
                    raise self._refused(why)
            elif kind == 9:  # SUBACK
                if body[2] > 2:
                    raise self._refused("topics")
            elif kind != 4:  # PUBACK
                raise bad_answer("no such packet was due: {:#x}".format(head))

    def _refused(self, why):
        return UplinkError(codes.BROKER_REFUSED, "{}: the broker refuses {}: {}".format(self._host, self._user, why))

    async def _receive(self):
        head = await self._reader.readexactly(2)
        size = head[1]
        if size > 127:
            more = (await self._reader.readexactly(1))[0]
            size += (more - 1) << 7
            if more > 127 or size > _MAX_OCTETS:
                raise bad_answer("the packet is too long")
        return head[0], await self._reader.readexactly(size)


def _packet(head, *fields):
    body = b"".join(fields)
    size = len(body)
    return bytes((head, size) if size < 128 else (head, size & 127 | 128, size >> 7)) + body


def _string(text):
    octets = text.encode()
    return len(octets).to_bytes(2, "big") + octets
