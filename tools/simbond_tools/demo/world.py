"""Everything that the demo runs: verifier, network, two modems of different makes, an agent on each."""

import json
import sqlite3
import ssl
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import httpx

from ..agent_process import AgentProcess
from ..build import ROM, build_agent
from ..client import Api
from ..emulator import Card, Cell, Modem
from ..hlr import PrivateHlr
from .authority import make_authority
from .network import Embedded, Network, Osmocom

CARD = Card(iccid="89860012345678901237", imsi="001010123456789")
CELL = Cell(rat="LTE", plmn="00101", tac=29846, cell_id=251941991, rsrp_dbm=-97)
_MSISDN = "861064000000001"
_SCENARIO = """
id = 1
name = "demo-meter"
title = "A meter in the test network"
[reporting]
interval_s = 5
tolerance_s = 60
[area]
plmn = ["00101"]
"""
_SIMBOND = (sys.executable, "-m", "simbond_tools.cli")


class DemoError(Exception):
    """The demo cannot run here; the message says what is missing."""


class Device:
    """A modem with its agent."""

    def __init__(self, name: str, make: str, modem: Modem, agent: AgentProcess) -> None:
        self.name = name
        self.make = make
        self.modem = modem
        self.agent = agent
        self.kid = ""


class World:
    """Runs while its `with` block lasts. target: "osmo-hlr", "embedded", or None for the first that is installed."""

    def __init__(self, target: str | None = None) -> None:
        if target is None:
            target = "osmo-hlr" if PrivateHlr.available() else "embedded"
        elif target == "osmo-hlr" and not PrivateHlr.available():
            raise DemoError("osmo-hlr is not installed; try: apt-get install osmo-hlr, or --target embedded")
        self.target = target
        self.network: Network
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as running:
            self._start(running)
            self._running = running.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def _start(self, running: ExitStack) -> None:
        self.folder = Path(running.enter_context(TemporaryDirectory(prefix="simbond-demo-")))
        hlr = None
        if self.target == "osmo-hlr":
            hlr = running.enter_context(PrivateHlr())
            hlr.add_subscriber(CARD.imsi, _MSISDN)
        authority = make_authority(self.folder)
        self._database = self.folder / "simbond.db"
        (self.folder / "scenarios").mkdir()
        (self.folder / "scenarios" / "demo.toml").write_text(_SCENARIO)
        url = self._serve(running, hlr.url if hlr else "embedded:", authority.server)
        self.api = running.enter_context(Api(url, self._token(), str(authority.ca_pem)))
        trust = ssl.create_default_context(cafile=authority.ca_pem)
        self._device_http = running.enter_context(httpx.Client(verify=trust, trust_env=False))
        if hlr:
            network = Osmocom(hlr)
            running.callback(network.close)
            self.network = network
        else:
            self.network = Embedded(self.api)
        build_agent(self.folder / "agent")
        self.meter = self._device(running, "meter", "quectel-ec25", "861234050000013", CARD, url, authority.ca_der)
        self.foreign = self._device(
            running, "foreign", "simcom-sim7600", "353456060000024", None, url, authority.ca_der
        )

    def _serve(self, running: ExitStack, target: str, certificate: Path) -> str:
        order = ["serve", "--json", "--port", "0", "--db", self._database, "--scenarios", self.folder / "scenarios"]
        order += ["--target", target, "--tls-cert", certificate, "--tls-key", certificate]
        log = running.enter_context((self.folder / "serve.log").open("w"))
        process = subprocess.Popen([*_SIMBOND, *map(str, order)], stdout=subprocess.PIPE, stderr=log, text=True)
        running.callback(_end, process)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise DemoError(f"the verifier did not start: {(self.folder / 'serve.log').read_text()}")
        url: str = json.loads(line)["listening"]
        return url.replace("127.0.0.1", "localhost")  # the name in the certificate

    def _token(self) -> str:
        order = ["token", "create", "--db", str(self._database), "--name", "demo", "--role", "operator"]
        return subprocess.run([*_SIMBOND, *order], capture_output=True, text=True, check=True).stdout.strip()

    def _device(
        self, running: ExitStack, name: str, profile: str, imei: str, card: Card | None, url: str, ca: Path
    ) -> Device:
        modem = running.enter_context(Modem(profile, imei=imei, card=card, cell=CELL))
        agent = running.enter_context(
            AgentProcess(
                tty=modem.port,
                url=url,
                ca=ca,
                state_dir=self.folder / name,
                rom=self.folder / "agent" / ROM,
                sim_poll_s=1,
                console=True,
            )
        )
        return Device(name, profile, modem, agent)

    def last_evidence(self) -> bytes:
        """The newest Evidence that the verifier keeps: what an eavesdropper would have recorded."""
        connection = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)
        try:
            row = connection.execute("SELECT message FROM evidence ORDER BY id DESC LIMIT 1").fetchone()
        finally:
            connection.close()
        return bytes(row[0])

    def send(self, message: bytes) -> bytes:
        """Hands a message in as a device would. Returns the verifier's answer."""
        response = self._device_http.post(f"{self.api.url}/v1/evidence", content=message)
        return response.raise_for_status().content

    def card(self) -> dict[str, Any]:
        card: dict[str, Any] = self.api.get(f"/v1/cards/{CARD.iccid}")
        return card

    def history(self) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = self.api.get(f"/v1/cards/{CARD.iccid}/history")["history"]
        return lines


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    if process.stdout is not None:
        process.stdout.close()
    process.wait()
