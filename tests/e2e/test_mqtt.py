"""Evidence by way of a real broker, with the configuration that is shipped as an example."""

import json
import queue
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import cbor2
import pytest

from simbond_verifier.redaction import mask
from support.attester import Attester
from support.field import Field, eventually, new_device
from support.mosquitto import VERIFIER, Mosquitto
from support.mqtt_line import Line, admit
from support.server import VerifierServer, simbond

AFFIRMING = (2, [])
LOCAL = 7


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def field(broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    folder = tmp_path_factory.mktemp("verifier")
    with VerifierServer(folder, options=broker.serve_options()) as server, Field(server) as made:
        wait_until_connected(made)
        yield made


def wait_until_connected(field: Field) -> None:
    eventually(lambda: field.metrics()["simbond_mqtt_connected"])


@pytest.fixture
def meter(field: Field, broker: Mosquitto) -> Attester:
    """A bound device that the broker knows."""
    return bound(field, broker)


def bound(field: Field, broker: Mosquitto) -> Attester:
    device = new_device()
    field.bind(device)
    admit(broker, device.kid.hex())
    return device


@pytest.fixture
def line(broker: Mosquitto, meter: Attester) -> Iterator[Line]:
    with Line(broker, meter) as made:
        yield made


# Messages and answers


def test_a_device_asks_attests_and_attests_again(field: Field, line: Line, meter: Attester) -> None:
    challenge = line.ask("challenge", meter.kid)
    assert challenge.verdict == (0, [])
    first = line.ask("evidence", meter.evidence(challenge.nonce))
    assert (first.verdict, first.fields[4]) == (AFFIRMING, 3600)
    assert (first.topic, first.qos, first.retained) == (f"simbond/1/{line.name}/result", 1, False)
    assert line.ask("evidence", meter.evidence(first.nonce)).verdict == AFFIRMING
    assert field.attest(meter, first.nonce).verdict == AFFIRMING, "over HTTP it is the same device"


def test_the_last_level_of_the_topic_comes_back(line: Line, meter: Attester) -> None:
    answer = line.ask("challenge", meter.kid, "/4f00")
    assert answer.topic == f"simbond/1/{line.name}/result/4f00"


def test_bad_evidence_gets_its_verdict(line: Line, meter: Attester) -> None:
    assert line.ask("evidence", b"\xd2\x84").verdict == (96, ["truncated"])
    assert line.ask("evidence", meter.evidence(b"\1" * 8)).verdict == (96, ["nonce-wrong"])
    assert line.ask("evidence", b"\xd2" + bytes(1024)).verdict == (96, ["oversized"])


def test_a_key_is_rotated(line: Line, meter: Attester) -> None:
    nonce = line.attest().nonce
    successor = meter.successor()
    order = meter.rotation(nonce, successor.enrolment())
    first = line.ask("rotation", order)
    assert first.verdict == AFFIRMING
    again = line.ask("rotation", order)
    assert again.verdict == AFFIRMING, "its answer may have been lost"
    assert line.ask("evidence", successor.evidence(again.nonce)).verdict == AFFIRMING


def test_messages_as_text_are_answered_as_text(line: Line, meter: Attester) -> None:
    challenge = line.ask("challenge", b64encode(meter.kid))
    nonce = cbor2.loads(b64decode(challenge.payload, validate=True))[10]
    answer = line.ask("evidence", b64encode(meter.evidence(nonce)))
    assert cbor2.loads(b64decode(answer.payload, validate=True))[1] == 2


def test_text_is_taken_by_http_by_the_same_rule(field: Field, meter: Attester) -> None:
    challenge = field.post("/v1/challenge", b64encode(meter.kid))
    assert challenge.headers["content-type"] == "text/plain"
    nonce = cbor2.loads(b64decode(challenge.content, validate=True))[10]
    answer = field.post("/v1/evidence", b64encode(meter.evidence(nonce)))
    assert cbor2.loads(b64decode(answer.content, validate=True))[1] == 2
    assert field.post("/v1/evidence", b64encode(b"\xd2" + bytes(1024))).status_code == 413
    assert field.post("/v1/challenge", b64encode(bytes(9))).status_code == 400


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("simbond/1/{}/challenge", b"1234567"),
        ("simbond/1/{}/challenge", b""),
        ("simbond/1/{}/challenge", bytes(1500)),
        ("simbond/1/{}/evidence/two/levels", b"\xd2"),
        ("simbond/1/{}/evidence/not-a-tag", b"\xd2"),
        ("simbond/1/{}/evidence/", b"\xd2"),
    ],
)
def test_what_cannot_be_answered_is_noted_and_done_with(
    field: Field, line: Line, meter: Attester, topic: str, payload: bytes
) -> None:
    before = field.metrics()['simbond_mqtt_messages_total{kind="refused"}']
    line.publish(topic.format(line.name), payload)
    assert line.attest().verdict == AFFIRMING, "nothing is held up"
    assert field.metrics()['simbond_mqtt_messages_total{kind="refused"}'] == before + 1
    entry = [entry for entry in field.log() if entry["event"] == "message refused"][-1]
    assert (entry["topic"], entry["octets"]) == (mask(topic.format(line.name)), len(payload))


@pytest.mark.parametrize("name", ["meter-17", "0123456789ABCDEF"])
def test_a_name_that_is_no_key_id_is_refused(field: Field, broker: Mosquitto, name: str) -> None:
    admit(broker, name)
    topic = f"simbond/1/{name}/challenge"
    with Line(broker, Attester(), name=name) as line:
        line.publish(topic, line.device.kid)
        eventually(lambda: [entry for entry in field.log() if entry.get("topic") == mask(topic)])
        with pytest.raises(queue.Empty):
            line.result(0.1)


def test_kinds_are_counted(field: Field, line: Line) -> None:
    names = [f'simbond_mqtt_messages_total{{kind="{kind}"}}' for kind in ("challenge", "evidence")]
    before = field.metrics()
    line.attest()
    assert [field.metrics()[name] - before[name] for name in names] == [1, 1]


# Devices are kept apart


def test_a_device_reads_and_writes_only_under_its_own_name(field: Field, broker: Mosquitto, meter: Attester) -> None:
    thief = bound(field, broker)
    name = meter.kid.hex()
    filters = ["#", f"simbond/1/{name}/#", "simbond/1/+/result/#", f"simbond/1/{thief.kid.hex()}/result/#"]
    before = field.metrics()
    with Line(broker, meter) as line, Line(broker, thief, filters=filters) as liar:
        for kind in ("challenge", "evidence", "rotation", "result"):
            liar.publish(f"simbond/1/{name}/{kind}", meter.kid)
        liar.publish(f"simbond/1/{liar.name}/result", b"to itself")
        assert line.attest().verdict == AFFIRMING
        assert liar.attest().verdict == AFFIRMING, "its own are the only results that it has read"
        with pytest.raises(queue.Empty):
            line.result(0.2)
        with pytest.raises(queue.Empty):
            liar.result(0.2)
    after = field.metrics()
    for kind, count in {"challenge": 2, "evidence": 2, "rotation": 0, "refused": 0}.items():
        metric = f'simbond_mqtt_messages_total{{kind="{kind}"}}'
        assert after[metric] - before[metric] == count


def test_no_device_takes_the_session_of_the_verifier_or_of_another(broker: Mosquitto, field: Field) -> None:
    thief, meter = bound(field, broker), bound(field, broker)
    with Line(broker, meter) as line:
        for client_id in ("simbond-verifier", VERIFIER[0], line.name):
            with Line(broker, thief, client_id=client_id) as liar:
                assert liar.attest().verdict == AFFIRMING
            assert line.attest().verdict == AFFIRMING
    assert [entry for entry in field.log() if entry["event"] == "broker lost"] == []


def test_no_password_no_entry(broker: Mosquitto) -> None:
    with Line(broker, Attester(), filters=[]) as line:
        eventually(lambda: line.refused)


# Starting and ending


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--mqtt", "https://broker.example"], "--mqtt is to be mqtts://"),
        (["--mqtt", "mqtt://192.0.2.1"], "--plain-mqtt"),
        (["--mqtt", "mqtts://broker.example", "--mqtt-ca", "{}/none.pem"], "none.pem"),
        (["--mqtt", "mqtts://broker.example", "--mqtt-user", "v", "--mqtt-password-file", "{}/none"], "cannot be read"),
    ],
)
def test_a_broker_that_cannot_be_is_told_at_the_start(tmp_path: Path, options: list[str], words: str) -> None:
    done = simbond("serve", "--json", "--db", f"{tmp_path}/simbond.db", *(word.format(tmp_path) for word in options))
    assert done.returncode == LOCAL, done.stderr
    assert words in json.loads(done.stdout)["error"]["detail"]
    assert "Traceback" not in done.stderr


def test_the_password_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMBOND_SERVE_MQTT_PASSWORD", VERIFIER[1])
    monkeypatch.setenv("SIMBOND_SERVE_MQTT_USER", VERIFIER[0])
    with Mosquitto(tmp_path / "broker") as broker:
        monkeypatch.setenv("SIMBOND_SERVE_MQTT", broker.plain_url)
        with VerifierServer(tmp_path / "verifier") as server, Field(server) as field:
            wait_until_connected(field)
        eventually(lambda: "Client verifier disconnected.\n" in broker.log.read_text())  # it said goodbye
    assert "Traceback" not in server.log.read_text()
