"""Where `simbond check` is used: a meter with a device in force, and a technician's laptop without a network."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simbond_tools.field.console import Console
from simbond_tools.field.line import open_line
from simbond_tools.onsite import results
from simbond_tools.onsite.fetching import fetch
from simbond_tools.onsite.upload import Handed, upload
from simbond_verifier.work_orders.proof import Proof

from . import schemas
from .cable import AgentOnCable
from .cards import CARD
from .operator import HEADER, Operator
from .server import VerifierServer, simbond

NOWHERE = {"SIMBOND_URL": "http://127.0.0.1:9"}


@dataclass
class Site:
    """A verifier, a device in force on a cable, and a laptop with a work order for it. port: another way there."""

    server: VerifierServer
    device: AgentOnCable
    kid: str
    folder: Path = Path()
    number: int = 0
    port: str = ""

    @property
    def operator(self) -> Operator:
        return Operator(self.server)

    @property
    def command(self) -> tuple[str, ...]:
        return ("check", str(self.number), "--port", self.port or self.device.port, "--folder", str(self.folder))

    def laptop(self, folder: Path, iccid: str = CARD.iccid) -> "Site":
        """With an order of its own, fetched into a folder of its own."""
        order = {"iccid": iccid, "technician": "technician", "words": "Meter 7, cellar left"}
        with self.server.api() as api:
            number = api.post("/v1/work-orders", order)["number"]
        with self.server.api("technician") as api:
            fetch(folder, api, hours=24)
        return replace(self, folder=folder, number=number)

    def check(self, code: int = 0) -> Any:
        """Without a network."""
        return self.offline(*self.command, code=code)

    def verify(self, shown: str, code: int = 0) -> Any:
        """Without a network, with the keys in this laptop's folder."""
        return self.offline("check", "--verify", shown, "--folder", str(self.folder), code=code)

    def offline(self, *command: str, code: int = 0) -> Any:
        done = simbond(*command, "--json", **NOWHERE)
        assert (done.returncode, done.stderr) == (code, ""), done
        return schemas.read(done.stdout)

    def upload(self) -> Handed:
        with self.server.api("technician") as api:
            return upload(self.folder, api)

    def put(self, proof: Proof, number: int) -> None:
        """A result that somebody made up."""
        results.keep(self.folder, number, proof)

    def history(self) -> list[str]:
        with self.server.api() as api:
            shown = api.get(f"/v1/cards/{CARD.iccid}/history")["history"]
        return [line["detail"]["finding"] for line in shown if line["kind"] == "field-check"]


@contextmanager
def site_on_cable(folder: Path, imei: str | None = None) -> Iterator[Site]:
    """Has the device enrolled and in force; the laptop is yet to be prepared, see Site.laptop(). imei: the device's."""
    with VerifierServer(folder / "server") as server, AgentOnCable(folder / "device", imei=imei) as device:
        device.process.wait_for("enrolment")
        with open_line(device.port) as line:
            request = Console(line).enrolment().hex()
        row = f"{CARD.iccid},{CARD.imsi},meter,8613800138000,Pudong Water\n"
        with server.api() as api:
            api.post_csv("/v1/cards/import", (HEADER + row).encode())
            kid = api.post("/v1/devices", {"request": request})["kid"]
            api.post(f"/v1/cards/{CARD.iccid}/bind", {"device": kid})
        server.token("technician")
        yield Site(server, device, kid)
