"""The uplinks through a modem's own stack, on emulated modems that bridge to a real broker and a real web server."""

import asyncio
import importlib
import os
import ssl
import threading
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cbor2
import paho.mqtt.client as mqtt
import pytest

from simbond_agent.at import Channel
from simbond_agent.modem import probe
from simbond_agent.uplink import UplinkError, native_mqtt
from simbond_tools.demo.authority import make_authority
from simbond_tools.emulator import Fault, Modem
from support.cards import CARD
from support.mosquitto import VERIFIER, Mosquitto
from support.port_stream import opened
from support.ports import free_port

KID = bytes(range(0xA0, 0xA8))
KINDS = ("challenge", "evidence", "rotation")
PASSWORD = "of the device"
EVIDENCE = b"\xd2" + bytes(range(150))
FAMILIES = [
    ("quectel-ec25", "mqtt"),
    ("quectel-ec25", "http"),
    ("simcom-sim7600", "mqtt"),
    ("simcom-sim7600", "http"),
    ("simcom-sim7080", "mqtt"),
    ("ublox-sara-r5", "mqtt"),
]
# What differs from one above by nothing that can go wrong
ALIKE = [("quectel-bg95", "mqtt"), ("quectel-bg95", "http")]
# Those whose module compares the name in the certificate
NAMED = [("ublox-sara-r5", "mqtt")]
MQTT = [family for family in FAMILIES if family[1] == "mqtt"]
HTTP = [family for family in FAMILIES if family[1] == "http"]


class Verifier:
    """Stands in for the verifier: takes what comes, answers with octets that nobody else gives.

    messages: (kind, message) in the order in which they came. answer: from those to the list of answers, None for the
    usual one, which is new each time.
    """

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.given: list[bytes] = []
        self.answer: Callable[[str], list[bytes]] | None = None
        self.interval_s = 60

    def result(self) -> bytes:
        return cbor2.dumps({1: 2, 2: [], 4: self.interval_s, 10: os.urandom(8)})

    def take(self, kind: str, text: bytes) -> list[bytes]:
        self.messages.append((kind, b64decode(text, validate=True)))
        answers = self.answer(kind) if self.answer else [self.result()]
        self.given += answers
        return [b64encode(answer) for answer in answers]


class Broker(Verifier):
    """mosquitto as it is shipped, with the stand-in behind it in the verifier's place."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._mosquitto = Mosquitto(folder / "broker")
        self.authority = self._mosquitto.authority
        self._mosquitto.add({KID.hex(): PASSWORD})
        self._mosquitto.start()
        self._subscribed = threading.Event()
        self._client = client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.username_pw_set(*VERIFIER)
        client.on_connect = lambda client, *_: client.subscribe([(f"simbond/1/+/{kind}/#", 1) for kind in KINDS])
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.on_message = self._received
        client.reconnect_delay_set(min_delay=1, max_delay=1)
        client.connect("127.0.0.1", self._mosquitto.plain_port)
        client.loop_start()
        assert self._subscribed.wait(60)

    def url(self, tls: bool) -> str:
        return "modem+" + (self._mosquitto.url if tls else self._mosquitto.plain_url)

    def start(self) -> None:
        """Returns once the stand-in is back on it."""
        self._subscribed.clear()
        self._mosquitto.start()
        assert self._subscribed.wait(60)

    def stop(self) -> None:
        self._mosquitto.stop()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        # paho closes its sockets when the last reference goes, which is not in our circle of callbacks
        self._client.on_message = self._client.on_subscribe = None
        del self._client
        self.stop()

    def _received(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        base, kind, tag = message.topic.rsplit("/", 2)
        assert base == f"simbond/1/{KID.hex()}"
        for answer in self.take(kind, message.payload):
            client.publish(f"{base}/result/{tag}", answer, 1)


class WebServer(Verifier):
    """Two HTTP servers, plain and with TLS, with the stand-in behind them. status, headers: of the next answers."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.authority = make_authority(folder / "tls")
        self.status, self.headers = 200, {}
        self._ports = [free_port(), free_port()]
        self.start()

    def url(self, tls: bool) -> str:
        return f"modem+http{'s' if tls else ''}://localhost:{self._ports[tls]}/in"

    def start(self) -> None:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                base, _, kind = self.path.rpartition("/")
                assert base == "/in/v1"
                (answer,) = owner.take(kind, self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(owner.status)
                for name, value in owner.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = False
            allow_reuse_address = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that refuses the certificate is no error of the test."""

        self._servers = [Server(("127.0.0.1", port), Handler) for port in self._ports]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.authority.server)
        secure = self._servers[1]
        secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
        self._threads = [threading.Thread(target=server.serve_forever, args=(0.05,)) for server in self._servers]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()

    close = stop


@pytest.fixture
def verifier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """What answers on the far side of the family's stack."""
    _profile, stack = request.getfixturevalue("family")
    made = (Broker if stack == "mqtt" else WebServer)(tmp_path)
    yield made
    made.close()


@pytest.fixture
def modem(family: tuple[str, str]) -> Iterator[Modem]:
    with Modem(family[0], card=CARD) as modem:
        yield modem


class Watched(Channel):  # type: ignore[misc]
    """A channel that gives up sooner, and that does something just before a certain command."""

    longest_ms = 20000
    before: tuple[str, Callable[[], None]] | None = None

    async def command(self, command: str, timeout_ms: int = 3000, data: bytes | None = None, until: Any = None) -> Any:
        if self.before and command.startswith(self.before[0]):
            (_, action), self.before = self.before, None
            action()
        return await super().command(command, min(timeout_ms, self.longest_ms), data, until)


class Device:
    """The uplink of a device, with its channel; `board` is what it was made with."""

    def __init__(self, channel: Watched, board: SimpleNamespace, stack: str) -> None:
        self.channel, self.board, self._stack = channel, board, stack
        self.uplink: Any = None

    async def attach(self) -> None:
        """As the agent does after each start of the modem."""
        found = await probe(self.channel)
        await found.setup()
        if self.uplink is None:
            module = importlib.import_module(f"simbond_agent.uplink.{found.name}_{self._stack}")
            self.uplink = module.Uplink(self.board, KID)
        self.uplink.attach(found)

    async def send(self, kind: str = "evidence", message: bytes = EVIDENCE) -> bytes:
        answer: bytes = await self.uplink.send(kind, message)
        return answer


def drive(
    modem: Modem,
    verifier: Any,
    play: Callable[[Device], Awaitable[None]],
    *,
    tls: bool = False,
    **board: object,
) -> None:
    """Has a device on the modem play its part."""
    stack = "mqtt" if isinstance(verifier, Broker) else "http"

    async def run() -> None:
        with opened(modem.port) as stream:
            channel = Watched(stream, stream)
            try:
                settings = {"url": verifier.url(tls), "mqtt_user": KID.hex(), "mqtt_password": PASSWORD, **board}
                device = Device(channel, SimpleNamespace(**settings), stack)
                await device.attach()
                await play(device)
            finally:
                channel.close()

    asyncio.run(run())


def said(modem: Modem) -> str:
    return b"".join(chunk.data for chunk in modem.transcript if chunk.sender == "host").decode("latin-1")


# --- what works -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("family", [*FAMILIES, *ALIKE], ids="-".join)
def test_messages_and_answers_go_through(modem: Modem, verifier: Any, tls: bool) -> None:
    answers = []

    async def play(device: Device) -> None:
        for kind, message in (("challenge", KID), ("evidence", EVIDENCE), ("rotation", EVIDENCE + EVIDENCE)):
            answers.append(await device.send(kind, message))
        await device.uplink.close()

    drive(modem, verifier, play, tls=tls, ca=str(verifier.authority.ca_der), own_ca=True, apn="iot.example")
    assert verifier.messages == [("challenge", KID), ("evidence", EVIDENCE), ("rotation", EVIDENCE + EVIDENCE)]
    assert answers == verifier.given
    assert "iot.example" in said(modem)


# --- who is at the other end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES, ids="-".join)
def test_a_server_of_another_authority_gets_nothing(modem: Modem, verifier: Any, tmp_path: Path) -> None:
    stranger = make_authority(tmp_path / "stranger").ca_der.read_bytes()

    async def play(device: Device) -> None:
        with pytest.raises(UplinkError, match=r"AT\+"):
            await device.send()

    drive(modem, verifier, play, tls=True, ca=stranger, own_ca=True)
    assert verifier.messages == []


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in NAMED], ids="-".join)
def test_a_module_that_compares_no_names_wants_a_ca_of_our_own(modem: Modem, verifier: Any) -> None:
    async def play(device: Device) -> None:
        with pytest.raises(UplinkError, match="own_ca"):
            await device.send()

    drive(modem, verifier, play, tls=True, ca=verifier.authority.ca_der.read_bytes())
    assert verifier.messages == []


@pytest.mark.parametrize("family", FAMILIES, ids="-".join)
def test_the_ca_goes_into_the_module_once_and_again_when_it_is_another(
    modem: Modem, verifier: Any, tmp_path: Path
) -> None:
    stranger = make_authority(tmp_path / "stranger").ca_der.read_bytes()
    stored = verifier.authority.ca_der.read_bytes()

    def uploads() -> int:
        return said(modem).count("-----BEGIN CERTIFICATE-----")

    async def play(device: Device) -> None:
        await device.send()
        assert uploads() == 1
        await device.uplink.close()
        await device.send()
        assert uploads() == 1

    async def play_stranger(device: Device) -> None:
        with pytest.raises(UplinkError):
            await device.send()
        assert uploads() == 2

    drive(modem, verifier, play, tls=True, ca=stored, own_ca=True)
    drive(modem, verifier, play_stranger, tls=True, ca=stranger, own_ca=True)


@pytest.fixture
def named_profile(tmp_path: Path) -> Path:
    """A Quectel module whose firmware can compare names."""
    path = tmp_path / "checkhost.toml"
    path.write_text(
        'extends = "quectel-ec25"\nname = "checkhost"\n[behaviours]\n"+QSSLCFG" = "quectel-ssl-checkhost"\n'
    )
    return path


@pytest.mark.parametrize("family", [("quectel-ec25", "mqtt"), ("ublox-sara-r5", "mqtt")], ids="-".join)
def test_a_module_that_can_compares_the_name(verifier: Broker, family: tuple[str, str], named_profile: Path) -> None:
    ca = verifier.authority.ca_der.read_bytes()

    async def play(device: Device) -> None:
        await device.send()

    async def play_wrong(device: Device) -> None:
        with pytest.raises(UplinkError, match=r"AT\+"):
            await device.send()

    profile = named_profile if family[0].startswith("quectel") else family[0]
    with Modem(profile, card=CARD) as modem:
        drive(modem, verifier, play, tls=True, ca=ca)
    url = verifier.url(True).replace("localhost", "127.0.0.1")  # the certificate is for the name
    with Modem(profile, card=CARD) as modem:
        drive(modem, verifier, play_wrong, url=url, ca=ca)
    assert len(verifier.messages) == 1


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES, ids="-".join)
def test_a_server_that_is_away_is_reached_when_it_is_back(modem: Modem, verifier: Any) -> None:
    async def play(device: Device) -> None:
        await device.send()
        verifier.stop()
        with pytest.raises(UplinkError):
            await device.send()
        verifier.start()
        assert await device.send() == verifier.given[-1]

    drive(modem, verifier, play)


@pytest.mark.parametrize("family", FAMILIES, ids="-".join)
def test_a_network_that_refuses_the_card_is_told_by_command_and_code(modem: Modem, verifier: Any) -> None:
    modem.move(registration="denied")

    async def play(device: Device) -> None:
        with pytest.raises(UplinkError, match=r"AT\+\w+: .*(ERROR|\d)"):
            await device.send()
        modem.move(registration="auto")
        await device.send()

    drive(modem, verifier, play)


@pytest.mark.parametrize("family", FAMILIES, ids="-".join)
def test_a_data_connection_that_was_lost_is_made_anew(modem: Modem, verifier: Any) -> None:
    async def play(device: Device) -> None:
        await device.send()
        modem.lose_context()
        assert await device.send() == verifier.given[-1]

    drive(modem, verifier, play)
    assert len(verifier.messages) == 2


@pytest.mark.parametrize("family", FAMILIES, ids="-".join)
def test_a_server_that_started_anew_is_noticed_before_sending(modem: Modem, verifier: Any) -> None:
    async def play(device: Device) -> None:
        await device.send()
        verifier.stop()
        verifier.start()
        assert await device.send() == verifier.given[-1]

    drive(modem, verifier, play)


@pytest.mark.parametrize("fault", [Fault.LATE_URC, Fault.ECHO, Fault.BYTEWISE])
@pytest.mark.parametrize("family", FAMILIES, ids="-".join)
def test_the_habits_of_modems_change_nothing(modem: Modem, verifier: Any, fault: Fault) -> None:
    async def play(device: Device) -> None:
        modem.fault(fault, None)
        assert await device.send("challenge", KID) == verifier.given[0]
        assert await device.send() == verifier.given[1]

    drive(modem, verifier, play)


# The command with which a message leaves
LEAVING = {
    ("quectel", "mqtt"): "AT+QMTPUB=",
    ("quectel", "http"): "AT+QHTTPPOST=",
    ("simcom", "mqtt"): "AT+CMQTTPUB=",
    ("simcom", "http"): "AT+HTTPACTION=",
    ("ublox", "mqtt"): "AT+UMQTTC=2,",
}


def leaving(family: tuple[str, str]) -> str:
    if family[0] == "simcom-sim7080":
        return "AT+SMPUB="
    return LEAVING[family[0].split("-")[0], family[1]]


@pytest.mark.parametrize("family", FAMILIES, ids="-".join)
def test_a_modem_that_starts_anew_while_it_sends(modem: Modem, verifier: Any, family: tuple[str, str]) -> None:
    async def play(device: Device) -> None:
        def reset() -> None:
            modem.fault(Fault.RESET)
            device.channel.longest_ms = 2000

        await device.send("challenge", KID)
        device.channel.before = leaving(family), reset
        with pytest.raises(UplinkError, match="no answer"):
            await device.send()
        device.channel.longest_ms = 20000
        await device.attach()
        assert await device.send() == verifier.given[-1]

    drive(modem, verifier, play)


@pytest.mark.parametrize("family", FAMILIES, ids="-".join)
def test_a_reply_that_comes_too_late_spoils_only_its_own_message(
    modem: Modem, verifier: Any, family: tuple[str, str]
) -> None:
    async def play(device: Device) -> None:
        await device.send("challenge", KID)
        device.channel.longest_ms = 1000
        device.channel.before = leaving(family), lambda: modem.fault(Fault.SLOW, value=1.6)
        with pytest.raises(UplinkError, match="no answer"):
            await device.send()
        device.channel.longest_ms = 20000
        assert await device.send() == verifier.given[-1]

    drive(modem, verifier, play)


@pytest.mark.parametrize("family", MQTT, ids="-".join)
def test_an_answer_that_never_comes(modem: Modem, verifier: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(device: Device) -> None:
        verifier.answer = lambda kind: []
        with monkeypatch.context() as impatient:
            impatient.setattr(native_mqtt, "_ANSWER_MS", 500)
            with pytest.raises(UplinkError, match="no answer came"):
                await device.send()
        verifier.answer = None
        assert await device.send() == verifier.given[-1]

    drive(modem, verifier, play)


@pytest.mark.parametrize("family", MQTT, ids="-".join)
def test_an_answer_that_comes_twice_is_taken_once(modem: Modem, verifier: Broker) -> None:
    verifier.answer = lambda kind: [verifier.result()] * (2 if kind == "challenge" else 1)

    async def play(device: Device) -> None:
        assert await device.send("challenge", KID) == verifier.given[0]
        assert await device.send() == verifier.given[2]

    drive(modem, verifier, play)


@pytest.mark.parametrize("family", MQTT, ids="-".join)
def test_an_answer_that_is_no_text_of_ours(modem: Modem, verifier: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier, "take", lambda kind, text: [b"\xa4\r\n\x01\"'"])

    async def play(device: Device) -> None:
        device.channel.longest_ms = 3000
        with pytest.raises(UplinkError):
            await device.send()

    monkeypatch.setattr(native_mqtt, "_ANSWER_MS", 1000)
    drive(modem, verifier, play)


@pytest.mark.parametrize("family", HTTP, ids="-".join)
def test_an_overloaded_verifier_says_when_to_come_back(modem: Modem, verifier: WebServer) -> None:
    verifier.status, verifier.headers = 503, {"Retry-After": "17"}

    async def play(device: Device) -> None:
        with pytest.raises(UplinkError, match="HTTP 503") as refused:
            await device.send()
        assert refused.value.retry_after == 17

    drive(modem, verifier, play)
