"""Between broker and verifier nothing is lost, whoever goes away at whatever moment: what the verifier acknowledged is
durable, what it did not comes again and is no replay then."""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from sqlite3 import connect
from typing import Any

import pytest

from simbond_verifier.ingest import mqtt_session
from simbond_verifier.ingest.broker import Broker
from support.attester import Attester
from support.field import Field, eventually, new_device
from support.mosquitto import VERIFIER, Mosquitto
from support.mqtt_line import Line, admit
from support.mqtt_packets import PUBACK, PUBLISH, Packet
from support.mqtt_proxy import MqttProxy
from support.server import VerifierServer
from support.workers import until

AFFIRMING = (2, [])
ROUNDS = 3
SENDERS = 5


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as running:
        yield running


Start = Callable[..., Field]


@pytest.fixture
def start(tmp_path: Path, broker: Mosquitto) -> Iterator[Start]:
    """Starts a verifier on the broker, or on another way to it; returns a Field once it takes messages."""
    with ExitStack() as stack:

        def started(url: str = "") -> Field:
            server = stack.enter_context(VerifierServer(tmp_path / "verifier", options=broker.serve_options(url)))
            field = stack.enter_context(Field(server))
            connected(field)
            return field

        yield started


def connected(field: Field) -> None:
    eventually(lambda: field.metrics()["simbond_mqtt_connected"])


def bound(field: Field, broker: Mosquitto, count: int = 1) -> list[Attester]:
    """Bound devices that the broker knows."""
    devices = [new_device() for _ in range(count)]
    field.bind(*devices)
    admit(broker, *(device.kid.hex() for device in devices))
    return devices


def kept(field: Field) -> list[bytes]:
    """Every Evidence in the database, in order."""
    return [row[0] for row in field.rows("SELECT message FROM evidence ORDER BY id")]


def test_what_was_sent_while_the_verifier_was_away_is_answered_in_order(start: Start, broker: Mosquitto) -> None:
    field = start()
    (meter,) = bound(field, broker)
    with Line(broker, meter) as line:
        nonce = line.attest().nonce
        field.server.stop()
        messages = [meter.evidence(nonce) for _ in range(30)]
        for message in messages:
            line.send("evidence", message)
        field.server.start()
        assert [line.result().verdict for _ in messages] == [AFFIRMING] * 30
    assert kept(field)[1:] == messages


def test_a_kill_between_receipt_and_durability_loses_nothing(start: Start, broker: Mosquitto) -> None:
    field = start()
    devices = bound(field, broker, 8)
    with ExitStack() as stack:
        lines = [stack.enter_context(Line(broker, device)) for device in devices]
        nonces = [line.attest().nonce for line in lines]
        with closing(connect(field.server.db, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # nothing becomes durable as long as this lasts
            for line, nonce in zip(lines, nonces, strict=True):
                line.send("evidence", line.device.evidence(nonce))
            eventually(lambda: broker.log.read_text().count("Sending PUBLISH to verifier") >= 3 * len(lines))
            time.sleep(0.2)
            field.server.kill()
        assert len(kept(field)) == len(lines)
        field.server.start()
        assert [line.result().verdict for line in lines] == [AFFIRMING] * len(lines)
    assert len(set(kept(field))) == len(kept(field)) == 2 * len(lines)


def test_a_kill_between_durability_and_acknowledgement_is_no_replay(start: Start, broker: Mosquitto) -> None:
    cut: list[Packet] = []
    killed = threading.Event()

    def passes(_connection: int, from_client: bool, packet: Packet) -> bool:
        """Neither answer nor acknowledgement reaches the broker, nor anything behind them until the kill."""
        if not killed.is_set() and from_client and packet.kind in (PUBLISH, PUBACK):
            cut.append(packet)
        return killed.is_set() or not cut

    with MqttProxy(broker.plain_port, passes) as proxy:
        field = start(proxy.url)
        (meter,) = bound(field, broker)
        with Line(broker, meter) as line:
            line.send("evidence", meter.evidence(field.nonce(meter)))
            eventually(lambda: cut)
            field.server.kill()
            assert (cut[0].kind, len(kept(field))) == (PUBLISH, 1), "it was to be answered, and so it is durable"
            killed.set()
            field.server.start()
            answer = line.result()
            assert (answer.verdict, answer.fields[4]) == (AFFIRMING, 0), "and fresh Evidence is wanted at once"
            assert line.ask("evidence", meter.evidence(answer.nonce)).verdict == AFFIRMING
        assert len(kept(field)) == 2
        assert field.metrics()['simbond_evidence_reason_total{reason="replayed"}'] == 0
        field.server.stop()


class Sender(threading.Thread):
    """Attests, each time over the last answer's nonce, until it is told to end."""

    def __init__(self, broker: Mosquitto, device: Attester) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.sent: list[bytes] = []
        self.verdicts: list[Any] = []
        self._broker = broker
        self._device = device

    def run(self) -> None:
        with Line(self._broker, self._device) as line:
            nonce = line.ask("challenge", self._device.kid).nonce
            while not self.over.is_set():
                self.sent.append(self._device.evidence(nonce))
                # A redelivered message may be answered twice.
                answer = line.ask("evidence", self.sent[-1], f"/{len(self.sent)}")
                self.verdicts.append(answer.verdict)
                nonce = answer.nonce


def test_kills_at_any_moment_leave_every_evidence_once_and_every_answer_good(start: Start, broker: Mosquitto) -> None:
    chance = random.Random()
    field = start()
    senders = [Sender(broker, device) for device in bound(field, broker, SENDERS)]
    for sender in senders:
        sender.start()
    for _ in range(ROUNDS):
        marks = [len(sender.verdicts) for sender in senders]
        eventually(lambda marks=marks: all(len(s.verdicts) > m for s, m in zip(senders, marks, strict=True)))  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.2))
        field.server.kill()
        field.server.start()
    for sender in senders:
        sender.over.set()
        sender.join(90)
        assert not sender.is_alive(), "an answer is missing"
        assert set(map(str, sender.verdicts)) == {str(AFFIRMING)}
    found = kept(field)
    assert len(found) == len(set(found))
    assert set(found) == {message for sender in senders for message in sender.sent}


def test_a_store_that_takes_nothing_is_waited_for(start: Start, broker: Mosquitto) -> None:
    field = start()
    (meter,) = bound(field, broker)
    with Line(broker, meter) as line:
        nonce = line.attest().nonce
        with closing(connect(field.server.db, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            first, second = meter.evidence(nonce), meter.evidence(nonce)
            line.send("evidence", first)
            line.send("evidence", second)
            eventually(lambda: field.metrics()["simbond_mqtt_retries_total"])
        assert [line.result().verdict, line.result().verdict] == [AFFIRMING] * 2
    assert kept(field)[1:] == [first, second]


@pytest.mark.parametrize("tls", [False, True])
def test_no_more_is_read_than_is_settled(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch, tls: bool) -> None:
    monkeypatch.setattr(mqtt_session, "_WINDOW", 4)
    name, sent = "0123456789abcdef", [b"%d" % n for n in range(60)]
    admit(broker, name)
    url = broker.url if tls else broker.plain_url
    user, password = VERIFIER

    async def session() -> None:
        taken: list[mqtt_session.Delivery] = []
        ready = asyncio.Event()
        to = Broker(url, user=user, password=password, ca=broker.authority.ca_pem)
        session = mqtt_session.Session(to, ["simbond/1/+/evidence"], taken.append, lambda up: ready.set())
        task = asyncio.create_task(session.run())
        await ready.wait()
        with Line(broker, new_device(), name=name, filters=[]) as line:
            for message in sent:
                await asyncio.to_thread(line.send, "evidence", message)
        await until(lambda: len(taken) >= 4, "a window's messages")
        await asyncio.sleep(0.2)
        assert [delivery.payload for delivery in taken] == sent[:4]
        for number in range(len(sent)):
            await until(lambda number=number: len(taken) > number, f"message {number}")
            assert len(taken) <= number + 4
            session.settle(taken[number])
        assert [delivery.payload for delivery in taken] == sent
        assert not any(delivery.again for delivery in taken)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(session())


def test_the_broker_comes_back_with_what_it_had(start: Start, broker: Mosquitto) -> None:
    field = start()
    (meter,) = bound(field, broker)
    with Line(broker, meter) as line:
        nonce = line.attest().nonce
        field.server.kill()
        line.send("evidence", meter.evidence(nonce))
        broker.stop()
        broker.start()
        field.server.start()
        eventually(lambda: len(kept(field)) == 2)
        connected(field)
        broker.kill()
        eventually(lambda: not field.metrics()["simbond_mqtt_connected"])
        broker.start()
        connected(field)
    with Line(broker, meter) as line:
        # A broker that was killed may deliver again what it had delivered: only a tag tells whose answer comes.
        nonce = line.ask("challenge", meter.kid, "/c").nonce
        assert line.ask("evidence", meter.evidence(nonce), "/e").verdict == AFFIRMING
    assert {"broker lost", "broker cannot be reached"} & {entry["event"] for entry in field.log()}


def test_a_verifier_that_the_broker_refuses_says_so_and_serves_http(tmp_path: Path, broker: Mosquitto) -> None:
    options = broker.serve_options(password="wrong")
    with VerifierServer(tmp_path / "v", options=options) as server, Field(server) as field:
        (entry, *_) = eventually(lambda: [e for e in field.log() if e["level"] == "error"])
        assert "--mqtt-user" in entry["event"]
        assert entry["problem"] == "Not authorized"
        meter = new_device()
        field.bind(meter)
        assert field.attest(meter).verdict == AFFIRMING
        assert not field.metrics()["simbond_mqtt_connected"]


def test_a_broker_of_another_authority_is_none(tmp_path: Path, broker: Mosquitto) -> None:
    options = broker.serve_options()
    options[options.index("--mqtt-ca") + 1] = str(Mosquitto(tmp_path / "other").authority.ca_pem)
    with VerifierServer(tmp_path / "v", options=options) as server, Field(server) as field:
        (entry, *_) = eventually(lambda: [e for e in field.log() if "problem" in e])
        assert "CERTIFICATE_VERIFY_FAILED" in entry["problem"]
        assert field.server.log.read_text().count("Traceback") == 0


def test_a_broker_that_comes_later_is_found(tmp_path: Path) -> None:
    late = Mosquitto(tmp_path / "broker")
    with VerifierServer(tmp_path / "v", options=late.serve_options()) as server, Field(server) as field:
        eventually(lambda: [e for e in field.log() if e["event"] == "broker cannot be reached"])
        with late:
            connected(field)
