"""What the MQTT uplink says to a broker, and what it makes of brokers that say other things than they should."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simbond_agent.uplink import UplinkError
from simbond_agent.uplink import mqtt as uplink_module
from simbond_agent.uplink.mqtt import MqttUplink
from support import mqtt_packets as mqtt
from support.idle_clock import run
from support.mqtt_packets import Packet
from support.tcp_server import tcp_server

KID = bytes.fromhex("d549f7bb842ad3ae")
NAME = KID.hex()
TOPIC = f"simbond/1/{NAME}"
MESSAGE = b"\xd2" + bytes(150) + b"\xab\xcd"


@pytest.fixture(autouse=True, scope="module")
def _no_collection():
    """It takes a fifth of a second in a process as large as this one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uplink_module, "gc", SimpleNamespace(collect=lambda: None))
        yield


def result(**changed: Any) -> bytes:
    fields = {"tier": 2, "reasons": [], "interval": 3600, "nonce": b"nonce-08"} | changed
    return cbor2.dumps(dict(zip((1, 2, 4, 10), fields.values(), strict=True)))


ANSWER = result()


class Script:
    """A broker: answers as it should, but for the answers to a message, which are the test's."""

    def __init__(self, *answers: bytes, connack: bytes = mqtt.ACCEPTED, suback: bytes = mqtt.GRANTED) -> None:
        """answers: what goes out for each PUBLISH in turn; nothing more: the connection ends."""
        self._answers = list(answers)
        self._connack = connack
        self._suback = suback
        self.received: list[Packet] = []
        self.connections = 0
        self._open = 0

    async def play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open += 1
        try:
            await self._talk(reader, writer)
        finally:
            self._open -= 1

    async def ended(self) -> None:
        """Waits until it has read everything; not for long, where a client does not end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                while self._open:  # noqa: ASYNC110 - simpler than a condition
                    await asyncio.sleep(0.001)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            packet = await mqtt.read_packet(reader)
            self.received.append(packet)
            if packet.kind == mqtt.CONNECT:
                writer.write(self._connack)
            elif packet.kind == mqtt.SUBSCRIBE:
                writer.write(self._suback)
            elif packet.kind == mqtt.PUBLISH:
                if not self._answers:
                    return
                writer.write(b"\x40\x02" + packet.mid + self._answers.pop(0))
            elif packet.kind == mqtt.DISCONNECT:
                return

    @property
    def kinds(self) -> list[int]:
        return [packet.kind for packet in self.received]


Talk = Callable[[MqttUplink], Awaitable[Any]]


async def evidence(uplink: MqttUplink) -> bytes:
    return await uplink.send("evidence", MESSAGE)


def talk(script: Script, what: Talk = evidence, timeout_s: float = 5, **board: Any) -> Any:
    async def session() -> Any:
        async with tcp_server(script.play) as port:
            uplink = MqttUplink(SimpleNamespace(url=f"mqtt://127.0.0.1:{port}", **board), KID)
            uplink.timeout_s = timeout_s
            try:
                return await what(uplink)
            finally:
                await uplink.close()
                await script.ended()

    return run(session())


def answered(octets: bytes = ANSWER, topic: str = f"{TOPIC}/result/abcd") -> bytes:
    return mqtt.publish(topic, octets)


def test_a_message_goes_out_as_the_profile_says():
    broker = Script(answered())
    assert talk(broker, mqtt_password="secret") == ANSWER
    connect, subscribe, publish, puback, disconnect = broker.received
    assert connect.octets[:1] == b"\x10"
    assert connect.body[:8] == b"\x00\x04MQTT\x04\xc2"  # a clean session, user name, password
    assert connect.strings(10) == [NAME.encode(), NAME.encode(), b"secret"]
    assert (subscribe.flags, subscribe.body) == (2, b"\x00\x01\x00\x23" + f"{TOPIC}/result/#".encode() + b"\x01")
    assert (publish.flags, publish.topic, publish.payload) == (2, f"{TOPIC}/evidence/abcd", MESSAGE)
    assert puback.octets == b"\x40\x02\x00\x07"
    assert disconnect.octets == b"\xe0\x00"


def test_without_a_password_there_is_a_user_name_only():
    broker = Script(answered())
    talk(broker)
    assert broker.received[0].body[7] == 0x82
    assert broker.received[0].strings(10) == [NAME.encode()] * 2


def test_another_user_is_another_name_in_the_topics():
    broker = Script(answered(topic="simbond/1/0123456789abcdef/result/abcd"))
    assert talk(broker, mqtt_user="0123456789abcdef") == ANSWER
    assert broker.received[0].strings(10) == [b"0123456789abcdef"] * 2
    assert broker.received[2].topic == "simbond/1/0123456789abcdef/evidence/abcd"


def test_a_long_message_has_a_length_of_two_octets():
    broker = Script(answered(topic=f"{TOPIC}/result/0000"))
    talk(broker, lambda uplink: uplink.send("evidence", bytes(1024)))
    assert broker.received[2].payload == bytes(1024)


# What stays open, and what does not


async def twice(uplink: MqttUplink) -> list[bytes]:
    return [await evidence(uplink), await evidence(uplink)]


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (result(interval=60), True),
        (result(interval=240), True),
        (result(interval=241), False),
        (result(interval=0), True),
        (result(tier=96, reasons=["nonce-expired"], interval=3600), True),
    ],
)
def test_the_connection_is_kept_for_what_is_due_soon(answer, kept):
    broker = Script(answered(answer), answered())
    assert talk(broker, twice) == [answer, ANSWER]
    assert broker.connections == (1 if kept else 2)
    mids = [packet.mid for packet in broker.received if packet.kind == mqtt.PUBLISH]
    assert len(set(mids)) == 2


def test_a_board_may_keep_nothing():
    broker = Script(answered(result(interval=5)), answered())
    talk(broker, twice, mqtt_keep_s=0)
    assert broker.connections == 2


def test_evidence_follows_its_challenge_on_the_same_connection():
    async def both(uplink: MqttUplink) -> Any:
        return await uplink.send("challenge", KID), await evidence(uplink)

    nonce = result(tier=0)
    broker = Script(answered(nonce, f"{TOPIC}/result/d3ae"), answered())
    assert talk(broker, both) == (nonce, ANSWER)
    assert broker.connections == 1


@pytest.mark.parametrize("silently", [False, True])
def test_a_connection_that_was_dropped_meanwhile_is_made_anew(silently):
    class Forgetful(Script):
        """Takes a second message on its second connection only."""

        async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if self.connections == 2:
                self._answers.append(answered())
            await super()._talk(reader, writer)
            if silently:
                await reader.read()

    async def impatient(uplink: MqttUplink) -> list[bytes]:
        uplink.alive_s = 0.1
        return await twice(uplink)

    broker = Forgetful(answered(result(interval=5)))
    assert talk(broker, impatient) == [result(interval=5), ANSWER]
    assert broker.connections == 2
    assert [p.payload for p in broker.received if p.kind == mqtt.PUBLISH] == [MESSAGE] * 3


def test_a_broker_that_is_there_is_waited_for_as_long_as_the_answer_takes():
    class Slow(Script):
        async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while (packet := await mqtt.read_packet(reader)).kind != mqtt.DISCONNECT:
                self.received.append(packet)
                if packet.kind == mqtt.CONNECT:
                    writer.write(mqtt.ACCEPTED + mqtt.GRANTED)
                elif packet.kind == mqtt.PUBLISH:
                    writer.write(b"\x40\x02" + packet.mid)
                    await asyncio.sleep(0.3)
                    writer.write(answered(result(interval=5)))

    async def impatient(uplink: MqttUplink) -> list[bytes]:
        uplink.alive_s = 0.1
        return await twice(uplink)

    broker = Slow()
    assert talk(broker, impatient) == [result(interval=5)] * 2
    assert broker.connections == 1


# What is no answer to this message


@pytest.mark.parametrize(
    "before",
    [
        answered(result(tier=96), f"{TOPIC}/result/0102"),
        answered(result(tier=96), f"{TOPIC}/result"),
        answered(result(tier=96), f"{TOPIC}/result/abcde"),
        mqtt.packet(0x30, b"\x00\x01a" + bytes(200)),
        b"\x40\x02\x00\x63",
    ],
    ids=["to an earlier message", "untagged", "a longer tag", "of another topic at QoS 0", "stray PUBACK"],
)
def test_what_comes_before_the_answer_is_passed_over(before):
    broker = Script(before + answered())
    assert talk(broker) == ANSWER
    pubacks = broker.kinds.count(mqtt.PUBACK)
    assert pubacks == (2 if before[:1] == b"\x32" else 1)


def test_a_late_answer_on_a_kept_connection_is_none_to_the_next_message():
    late = answered(result(tier=96), f"{TOPIC}/result/d3ae")
    broker = Script(answered(result(interval=5)) + late, answered())
    assert talk(broker, twice)[1] == ANSWER


# What goes wrong


@pytest.mark.parametrize(("code", "words"), [(1, "code 1"), (2, "code 2"), (3, "code 3"), (4, "user"), (5, "password")])
def test_a_broker_that_refuses_says_why(code, words):
    with pytest.raises(UplinkError, match=f"127.0.0.1: the broker refuses {NAME}.*{words}"):
        talk(Script(connack=b"\x20\x02\x00" + bytes((code,))))


def test_a_refused_subscription_is_told():
    with pytest.raises(UplinkError, match=r"refuses .*: topics"):
        talk(Script(b"", suback=b"\x90\x03\x00\x01\x80"))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x32",
        b"\x32\x00",
        b"\x32\x01\x00",
        b"\x32\x02\x00\x05",
        b"\x32\x04\x00\x01a\x00",
        b"\x32\xff\xff\xff\x7f",
        b"\x32\x81\x10" + bytes(2049),
        b"\x32\xff\x80\x01" + bytes(300),
        b"\x20\x00",
        b"\x90\x02\x00\x01",
        b"\xd0\x00",
        b"\x00\x00",
        b"\xf0\x00",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        answered(b""),
        answered(cbor2.dumps([])),
        answered(result(nonce=b"short")),
        answered()[:-1],
    ],
)
def test_what_is_no_answer_is_an_uplink_error(raw):
    with pytest.raises(UplinkError):
        talk(Silent(raw))


class Silent(Script):
    """Sends something, and hangs up once it was told something."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self._raw = raw

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await mqtt.read_packet(reader)
        writer.write(self._raw)
        await writer.drain()
        writer.write_eof()
        await reader.read()


@settings(max_examples=60)
@given(st.binary(max_size=300) | st.builds(mqtt.packet, st.integers(0, 255), st.binary(max_size=3000)))
def test_no_broker_brings_about_another_error(raw):
    with pytest.raises(UplinkError):
        talk(Silent(raw), timeout_s=2)


def test_a_silent_broker_times_out():
    with pytest.raises(UplinkError, match=r"no answer within 0\.2 s"):
        talk(Script(b""), timeout_s=0.2)


def test_nobody_there():
    async def nobody() -> None:
        async with tcp_server(Script().play) as port:
            pass
        await evidence(MqttUplink(SimpleNamespace(url=f"mqtt://127.0.0.1:{port}"), KID))

    with pytest.raises(UplinkError, match=r"127\.0\.0\.1: "):
        run(nobody())


def test_a_key_is_not_rotated_where_the_broker_would_not_know_the_device_after_it():
    async def rotation(uplink: MqttUplink) -> bytes:
        return await uplink.send("rotation", MESSAGE)

    with pytest.raises(UplinkError, match=f"set mqtt_user to {NAME}"):
        talk(Script(answered()), rotation, mqtt_password="secret")
    assert talk(Script(answered()), rotation, mqtt_password="secret", mqtt_user=NAME) == ANSWER
    assert talk(Script(answered()), rotation) == ANSWER


@pytest.mark.parametrize("url", ["broker.example", "https://broker.example", "mqtt://", "mqtts://host:port"])
def test_a_url_that_cannot_work_is_refused(url):
    with pytest.raises(ValueError, match="url is to be"):
        MqttUplink(SimpleNamespace(url=url, ca=b"ca"), KID)


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ValueError, match="CA"):
        MqttUplink(SimpleNamespace(url="mqtts://broker.example"), KID)
    with pytest.raises(ValueError, match="16 hex digits"):
        MqttUplink(SimpleNamespace(url="mqtt://broker.example", mqtt_user="meter-17"), KID)
