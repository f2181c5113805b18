"""What one attestation costs on the air: the agent under MicroPython and the real verifier, through a proxy that counts
what passes in both directions."""

import socket
import struct
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from simbond_tools.agent_process import AgentProcess, Event
from simbond_tools.build import ROM, build_agent
from simbond_tools.emulator import Card, Modem
from support.mosquitto import Mosquitto
from support.server import VerifierServer

_ATTESTATIONS = 2
_PASSWORD = "sixteen letters!"
_PROGRAM = f"""\
from simbond_agent import run
from simbond_agent.posix import from_environment
board = from_environment()
board.mqtt_password = "{_PASSWORD}"
board.mqtt_keep_s = {{}}
run(board)
"""
_SCENARIO = 'id = 1\nname = "meter"\n[reporting]\ninterval_s = 5\ntolerance_s = 600'
_CARD = Card(iccid="89860012345678901237", imsi="460001234567890")
_HEADERS = 40  # IPv4 and TCP without options
_SEGMENTS = 136  # offset of segs_out and segs_in in Linux' struct tcp_info


class CountingProxy:
    """Forwards TCP between `with` and its end; octets is the payload so far, in both directions."""

    def __init__(self, port: int) -> None:
        """port: where to, on loopback."""
        self.octets = 0
        self._to = port
        self._sockets: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    @property
    def segments(self) -> int:
        """TCP segments between the client and this proxy so far, in both directions."""
        infos = [near.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256) for near, _ in self._sockets]
        return sum(sum(struct.unpack_from("II", info, _SEGMENTS)) for info in infos)

    def __enter__(self) -> "CountingProxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for each in (self._listener, *(s for pair in self._sockets for s in pair)):
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # closed
            far = socket.create_connection(("127.0.0.1", self._to))
            self._sockets.append((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while octets := source.recv(65536):
                self.octets += len(octets)
                sink.sendall(octets)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one of them has hung up


def measure() -> dict[str, float]:
    """Octets of one attestation whose nonce is there already: on_air_https; on_air_mqtts and on_air_mqtt with a
    connection of its own; on_air_mqtts_open and on_air_mqtt_open on one that stays open.

    They are the TCP payload, TLS and all. Each has a twin in ..._ip with the headers of IPv4 and TCP: an estimate, for
    links lose segments, and put options into them.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        build_agent(folder)
        broker = stack.enter_context(Mosquitto(folder / "broker"))
        server = VerifierServer(folder / "verifier", tls=True, options=broker.serve_options(), scenarios=[_SCENARIO])
        verifier = stack.enter_context(server)
        modem = stack.enter_context(Modem("quectel-ec25", card=_CARD))
        https = int(verifier.url.rpartition(":")[2])
        ways = {
            "https": ("https", https, verifier.ca_der, 0),
            "mqtts": ("mqtts", broker.port, broker.authority.ca_der, 0),
            "mqtts_open": ("mqtts", broker.port, broker.authority.ca_der, 60),
            "mqtt": ("mqtt", broker.plain_port, None, 0),
            "mqtt_open": ("mqtt", broker.plain_port, None, 60),
        }
        found = {}
        for way, (scheme, port, ca, keep_s) in ways.items():
            program = folder / "agent_program.py"
            program.write_text(_PROGRAM.format(keep_s))
            proxy = stack.enter_context(CountingProxy(port))
            agent = AgentProcess(
                tty=modem.port,
                url=f"{scheme}://localhost:{proxy.port}",
                ca=ca,
                state_dir=folder / "state",
                rom=folder / ROM,
                program=program,
            )
            with agent:
                if not found:
                    _admit(agent.wait_for("enrolment"), verifier, broker)
                octets, segments = _one_attestation(agent, proxy)
            found[f"on_air_{way}"] = octets
            found[f"on_air_{way}_ip"] = octets + _HEADERS * segments
        return found


def _admit(enrolment: Event, verifier: VerifierServer, broker: Mosquitto) -> None:
    """Enrols the device, binds the card to it, and makes it a user of the broker."""
    with verifier.api() as api:
        api.post("/v1/devices", {"request": enrolment["request"]})
        api.post_csv("/v1/cards/import", f"iccid,imsi,scenario\n{_CARD.iccid},{_CARD.imsi},meter".encode())
        api.post(f"/v1/cards/{_CARD.iccid}/bind", {"device": enrolment["kid"]})
    broker.add({enrolment["kid"]: _PASSWORD})


def _one_attestation(agent: AgentProcess, proxy: CountingProxy) -> tuple[float, float]:
    """(octets, segments) of one of those behind the first that is affirmed, which needed a nonce."""
    before = (0, 0)
    for number in range(1 + _ATTESTATIONS):
        agent.wait_for("attested", tier="affirming", timeout_s=60)
        time.sleep(1)  # until the connection is closed, if it is
        if number == 0:
            before = (proxy.octets, proxy.segments)
    octets, segments = proxy.octets - before[0], proxy.segments - before[1]
    return octets / _ATTESTATIONS, segments / _ATTESTATIONS
