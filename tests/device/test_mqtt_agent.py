"""The agent under real MicroPython, through a real broker, with the whole verifier behind it."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from simbond_tools.agent_process import AgentProcess
from simbond_tools.demo.authority import make_authority
from simbond_tools.emulator import Modem
from support import needs
from support.attester import Attester
from support.cards import CARD
from support.field import Field, eventually
from support.mosquitto import Mosquitto
from support.mqtt_line import admit, password
from support.mqtt_packets import PUBACK, PUBLISH, Packet
from support.mqtt_proxy import MqttProxy
from support.server import VerifierServer

_SCENARIO = 'id = 1\nname = "meter"\n[reporting]\ninterval_s = {}\ntolerance_s = 600'
_AGENT = """\
import os
from simbond_agent import run
from simbond_agent.posix import from_environment
from simbond_agent.uplink.mqtt import MqttUplink
MqttUplink.timeout_s = int(os.getenv("TIMEOUT_S"))
board = from_environment()
board.mqtt_password = os.getenv("PASSWORD")
run(board)
"""

Start = Callable[..., AgentProcess]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as running:
        yield running


class World:
    """A verifier on a broker, which wants Evidence every so many seconds, and an agent on it."""

    def __init__(
        self,
        folder: Path,
        broker: Mosquitto,
        rom: Path,
        stack: ExitStack,
        monkeypatch: pytest.MonkeyPatch,
        interval_s: int,
    ) -> None:
        scenarios = (_SCENARIO.format(interval_s),)
        server = VerifierServer(folder / "verifier", options=broker.serve_options(), scenarios=scenarios)
        self.field = stack.enter_context(Field(stack.enter_context(server)))
        self.modem = stack.enter_context(Modem("quectel-ec25", card=CARD))
        self.broker = broker
        self.kid = ""
        self._rom = rom
        self._folder = folder
        self._stack = stack
        self._monkeypatch = monkeypatch

    def start(self, *, timeout_s: int = 30, **different: object) -> AgentProcess:
        """An agent whose key is enrolled and bound to the card, and known to the broker unless admitted is False.
        timeout_s: for one request."""
        self._monkeypatch.setenv("TIMEOUT_S", str(timeout_s))
        self._monkeypatch.setenv("PASSWORD", "secret")
        program = self._folder / "agent_program.py"
        program.write_text(_AGENT)
        admitted = different.pop("admitted", True)
        settings = {
            "tty": self.modem.port,
            "url": self.broker.url,
            "ca": self.broker.authority.ca_der,
            "rom": self._rom,
            "state_dir": self._folder / "state",
            "sim_poll_s": 1,
            "program": program,
        }
        agent = self._stack.enter_context(AgentProcess(**{**settings, **different}))  # type: ignore[arg-type]
        enrolment = agent.wait_for("enrolment")
        self.kid = enrolment["kid"]
        with self.field.server.api() as api:
            api.post("/v1/devices", {"request": enrolment["request"]})
            api.post_csv("/v1/cards/import", f"iccid,imsi,scenario\n{CARD.iccid},{CARD.imsi},meter".encode())
            api.post(f"/v1/cards/{CARD.iccid}/bind", {"device": self.kid})
        if admitted:
            self.broker.add({self.kid: "secret"})
        return agent

    def said_by_broker(self, words: str) -> int:
        return self.broker.log.read_text().count(words.format(self.kid))


@pytest.fixture
def world(
    tmp_path: Path, broker: Mosquitto, rom: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[int], World]]:
    with ExitStack() as stack:
        yield lambda interval_s: World(tmp_path, broker, rom, stack, monkeypatch, interval_s)


def test_attests_on_one_connection_while_evidence_is_due_soon(world: Callable[[int], World]) -> None:
    made = world(5)
    agent = made.start()
    agent.wait_for("attested", tier="affirming")
    connections = made.said_by_broker("as {} (")
    for _ in range(2):
        agent.wait_for("attested", tier="affirming")
    assert made.said_by_broker("as {} (") == connections
    made.modem.remove()
    assert agent.wait_for("attested", iccid=None)["reasons"] == ["tray-empty"]
    assert not agent.noise
    evidence = made.field.rows("SELECT count(*), sum(tier > 2) FROM evidence")
    assert evidence[0][0] >= 4
    assert made.field.metrics()['simbond_evidence_reason_total{reason="replayed"}'] == 0


def test_hangs_up_in_order_when_evidence_is_due_late(world: Callable[[int], World]) -> None:
    made = world(3600)
    agent = made.start()
    agent.wait_for("waiting", why="interval", seconds=3600)
    eventually(lambda: made.said_by_broker("Client {} disconnected."))
    eventually(lambda: made.said_by_broker("Received DISCONNECT from {}") == made.said_by_broker("as {} ("))


def test_a_broker_of_another_authority_or_name_gets_nothing(world: Callable[[int], World], tmp_path: Path) -> None:
    made = world(3600)
    agent = made.start(ca=make_authority(tmp_path / "stranger").ca_der)
    assert "CERT" in agent.wait_for("error", what="uplink")["detail"].upper()
    agent.stop()
    agent = made.start(url=made.broker.url.replace("localhost", "127.0.0.1"))
    agent.wait_for("error", what="uplink")
    agent.stop()
    assert made.said_by_broker("as {} (") == 0


def test_a_wrong_password_is_told_and_mended(world: Callable[[int], World]) -> None:
    made = world(3600)
    agent = made.start(admitted=False)
    detail = agent.wait_for("error", what="uplink")["detail"]
    assert detail == f"localhost: the broker refuses {made.kid}: user or password"
    made.broker.add({made.kid: "secret"})
    agent.wait_for("attested", tier="affirming", timeout_s=100)


def test_a_broker_that_restarts_is_not_noticed(world: Callable[[int], World]) -> None:
    made = world(200)
    agent = made.start(console=True)
    agent.wait_for("attested", tier="affirming")
    agent.wait_for("waiting", why="interval")
    assert made.said_by_broker("Received DISCONNECT from {}") == 0  # it is soon enough that the connection stays
    made.broker.stop()
    made.broker.start()
    eventually(lambda: made.field.metrics()["simbond_mqtt_connected"])
    before = len(agent.drained())
    agent.tell(do="attest")
    agent.wait_for("attested", tier="affirming")
    assert "error" not in {event["event"] for event in agent.events[before:]}


def test_evidence_waits_for_a_verifier_that_is_away(world: Callable[[int], World]) -> None:
    made = world(3600)
    agent = made.start(timeout_s=8)
    agent.wait_for("waiting", why="interval")
    made.field.server.kill()
    made.modem.remove()
    agent.wait_for("error", what="uplink", detail="no answer within 8 s")
    made.field.server.start()
    agent.wait_for("delivered", timeout_s=100)
    assert "tray-empty" in made.field.rows("SELECT reasons FROM evidence ORDER BY id")[-1][0]


_SENDER = """\
import asyncio
import json
import os
from simbond_agent.uplink import UplinkError
from simbond_agent.uplink.mqtt import MqttUplink

class Board:
    url = os.getenv("SIMBOND_URL")
    mqtt_password = os.getenv("PASSWORD")

async def main():
    uplink = MqttUplink(Board, bytes.fromhex(os.getenv("KID")))
    for number in range(14):
        try:
            await uplink.send("challenge", bytes((number,)) * 8)
            print(json.dumps({"event": "answered"}))
        except UplinkError as e:
            print(json.dumps({"event": "failed", "detail": str(e)}))

asyncio.run(main())
"""
# CONNECT, SUBSCRIBE and PUBLISH up; CONNACK, SUBACK, PUBACK and PUBLISH down.
_TO_THE_ANSWER = 7


def test_a_cut_at_any_packet_is_an_error_or_mended_and_never_a_hang(
    tmp_path: Path, broker: Mosquitto, plain_rom: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Attester()
    admit(broker, device.kid.hex())
    monkeypatch.setenv("PASSWORD", password(device.kid.hex()))
    monkeypatch.setenv("KID", device.kid.hex())
    program = tmp_path / "sender_program.py"
    program.write_text(_SENDER)
    passed: Counter[int] = Counter()
    asked: dict[int, str] = {}
    late: set[bytes] = set()

    def passes(connection: int, from_client: bool, packet: Packet) -> bool:
        """The nth connection carries n packets, besides answers to what was asked on earlier ones."""
        if packet.kind == PUBLISH and from_client:
            asked[connection] = packet.topic.rpartition("/")[2]
        elif packet.kind == PUBLISH and packet.topic.rpartition("/")[2] != asked.get(connection):
            late.add(packet.mid)
            return True
        elif packet.kind == PUBACK and from_client and packet.body in late:
            return True
        passed[connection] += 1
        return passed[connection] <= connection

    with (
        VerifierServer(tmp_path / "verifier", options=broker.serve_options()) as server,
        Field(server) as field,
        MqttProxy(broker.plain_port, passes) as proxy,
    ):
        eventually(lambda: field.metrics()["simbond_mqtt_connected"])
        with AgentProcess(tty="", url=proxy.url, rom=plain_rom, state_dir=tmp_path, program=program) as sender:
            assert sender.wait_for_end(150) == 0
    outcomes = [event["event"] for event in sender.events]
    assert outcomes == ["failed"] * _TO_THE_ANSWER + ["answered"] * (14 - _TO_THE_ANSWER), json.dumps(sender.events)
    assert not sender.noise


def test_attests_in_the_heap_of_a_small_board(world: Callable[[int], World], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROPYTHON", needs.micropython32())
    made = world(5)
    agent = made.start(heap="64k")
    for _ in range(3):
        agent.wait_for("attested", tier="affirming")
    assert not agent.noise
