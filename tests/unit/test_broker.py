"""Which brokers a verifier goes to, and which it refuses to."""

from pathlib import Path
from typing import Any

import pytest

from simbond_tools.demo.authority import make_authority
from simbond_verifier.ingest.broker import Broker, InvalidBroker


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("mqtts://broker.example", "broker.example", 8883),
        ("mqtts://broker.example:443/", "broker.example", 443),
        ("mqtts://[2001:db8::1]", "2001:db8::1", 8883),
        ("mqtts://bröker.example", "xn--brker-kua.example", 8883),
        ("mqtt://127.0.0.1", "127.0.0.1", 1883),
        ("mqtt://localhost:1884", "localhost", 1884),
    ],
)
def test_a_broker_that_may_be_used(url: str, host: str, port: int) -> None:
    broker = Broker(url)
    assert (broker.host, broker.port, broker.tls is not None) == (host, port, url.startswith("mqtts"))


@pytest.mark.parametrize(
    "url",
    [
        *("", "broker.example", "mqtt://", "https://broker.example", "mqtts://broker.example:port"),
        *("mqtts://broker.example/topics", "mqtts://broker.example?x=1", f"mqtts://{'a' * 64}.example", "mqtts://[::1"),
    ],
)
def test_what_is_no_broker(url: str) -> None:
    with pytest.raises(InvalidBroker, match=r"--mqtt is to be mqtts://HOST\[:PORT\]"):
        Broker(url)


def test_beyond_loopback_it_takes_tls_or_a_word() -> None:
    with pytest.raises(InvalidBroker, match=r"mqtts://, or --plain-mqtt"):
        Broker("mqtt://192.0.2.1")
    assert Broker("mqtt://192.0.2.1", plain=True).tls is None


def test_no_secret_stands_in_a_url() -> None:
    with pytest.raises(InvalidBroker, match="--mqtt-user") as error:
        Broker("mqtts://verifier:hunter2@broker.example")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [({"password": "secret"}, "--mqtt-user"), ({"client_id": ""}, "--mqtt-client-id")],
)
def test_settings_that_cannot_work(more: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidBroker, match=words):
        Broker("mqtts://broker.example", **more)


def test_who_vouches_for_it_is_read_at_once(tmp_path: Path) -> None:
    assert Broker("mqtts://broker.example", ca=make_authority(tmp_path).ca_pem).tls is not None
    (tmp_path / "bad.pem").write_text("no certificate")
    for file in ("bad.pem", "none.pem", "ca.der"):
        with pytest.raises(InvalidBroker, match=f"{file}.*--mqtt-ca"):
            Broker("mqtts://broker.example", ca=tmp_path / file)
