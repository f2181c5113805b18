"""`simbond swap` as a technician runs it: two real agents on cables, a laptop that loses its network, its power and its
process at any moment, and the verifier that has the last word."""

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simbond_tools.field.console import Console
from simbond_tools.field.line import open_line
from support import schemas
from support.cable import AgentOnCable
from support.cards import CARD, OTHER_CARD
from support.operator import HEADER, Operator
from support.screens import Terminal, kept
from support.server import SIMBOND, VerifierServer, simbond

SCENARIO = """
id = 1
name = "meter"
[reporting]
interval_s = 3600
tolerance_s = 600
"""
NOWHERE = {"SIMBOND_URL": "http://127.0.0.1:9"}


class Site:
    """A card in its old device, a new device beside it, an approved swap, and a laptop with the order."""

    def __init__(self, server: VerifierServer, folder: Path, old: AgentOnCable, new: AgentOnCable) -> None:
        self.server = server
        self.operator = Operator(server)
        self.folder = folder
        self.old = old
        self.new = new
        self.kids = {device: self._enrolled(device) for device in (old, new)}
        row = f"{CARD.iccid},{CARD.imsi},meter,8613800138000,Pudong Water\n"
        with server.api() as api:
            api.post_csv("/v1/cards/import", (HEADER + row).encode())
            api.post(f"/v1/cards/{CARD.iccid}/bind", {"device": self.kids[old]})
        server.token("technician")
        ask = ("cards", "swap", CARD.iccid, "--device", self.kids[new], "--reason", "meter replaced")
        self.decision = self.operator.json(*ask, role="technician")["id"]
        self.operator.ok("decisions", "approve", str(self.decision))

    def _enrolled(self, device: AgentOnCable) -> str:
        device.process.wait_for("enrolment")
        with open_line(device.port) as line:
            request = Console(line).enrolment().hex()
        with self.server.api() as api:
            kid: str = api.post("/v1/devices", {"request": request})["kid"]
        return kid

    def order(self) -> int:
        """A work order, fetched."""
        order = ("work-orders", "create", CARD.iccid, "--technician", "technician", "--words", "Meter 7")
        number = self.operator.json(*order, "--kind", "swap", "--decision", str(self.decision))["number"]
        self.operator.json("work-orders", "fetch", "--folder", str(self.folder), role="technician")
        return int(number)

    def command(self, device: AgentOnCable, *arguments: str) -> list[str]:
        return ["swap", *arguments, "--port", device.port, "--folder", str(self.folder)]

    def swap(self, device: AgentOnCable, *arguments: str, code: int = 1, **environment: str) -> Any:
        """One look at a device, without a network."""
        done = simbond(*self.command(device, *arguments), "--json", **(NOWHERE | environment))
        assert (done.returncode, done.stderr) == (code, ""), done.stdout
        return schemas.read(done.stdout)

    def holder(self) -> str:
        """The key id of the device that the card is bound to."""
        kid: str = self.operator.json("cards", "show", CARD.iccid)["device"]["kid"]
        return kid


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with (
        VerifierServer(folder / "server", scenarios=[SCENARIO]) as server,
        AgentOnCable(folder / "old", imei="861234050000013", card=CARD) as old,
        AgentOnCable(folder / "new", imei="861234050000021", card=OTHER_CARD, url=server.url) as new,
    ):
        new.remove()
        yield Site(server, folder / "laptop", old, new)


def killed(command: list[str], after_s: float) -> None:
    """Runs a command, and kills it."""
    run = subprocess.Popen([*SIMBOND, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after_s)
    run.send_signal(signal.SIGKILL)
    run.wait()


@pytest.mark.parametrize(
    ("lang", "enter", "next_step"),
    [("en", "Press Enter when it is plugged in:", "cable in there."), ("zh", "接好后按回车:", "设备。")],
)
def test_a_technician_is_led_and_may_stop(site: Site, lang: str, enter: str, next_step: str) -> None:
    number = str(site.order())
    with Terminal(*site.command(site.old, number), lang=lang, env=NOWHERE) as terminal:
        terminal.until(enter)
        terminal.press("\r")
        terminal.until(f"{next_step}\n{enter}")
        replace = {site.old.port: "/dev/ttyUSB0", f" {number}:": " 17:", f"swap {number} ": "swap 17 "}
        kept("swap-old-checked", terminal, replace | {str(site.folder): "work-orders"})
        terminal.interrupt()
        assert terminal.end() == 130
    assert site.swap(site.old, number)["outcome"] == "old-again"


def test_an_order_that_was_withdrawn_is_not_carried_out(site: Site) -> None:
    number = str(site.order())
    assert site.swap(site.new, number)["step"] == "old"
    assert site.swap(site.new, number, "--old-gone")["old"] == "gone"
    site.operator.ok("work-orders", "cancel", number, "--reason", "done by somebody else")
    online = site.server.environment("technician")
    assert site.swap(site.old, number, code=5, **online)["error"]["code"] == "not-in-orders"


def test_a_device_that_nobody_knows_is_enrolled_on_site(site: Site) -> None:
    offline = site.swap(site.old, "--enrol", code=0)
    assert (offline["device"], offline["enrolled"]) == (site.kids[site.old], [])
    assert offline["problem"]
    online = site.swap(site.old, "--enrol", code=0, **site.server.environment("technician"))
    assert (online["enrolled"], online["problem"]) == ([site.kids[site.old]], None)
    assert not list((site.folder / "enrolments").iterdir())


def test_a_swap_that_is_interrupted_at_every_step(site: Site) -> None:
    dice = random.Random("swap")
    number = str(site.order())

    too_early = site.swap(site.new, number)
    assert (too_early["outcome"], too_early["step"]) == ("new-too-early", "old")
    killed(site.command(site.old, number), dice.uniform(0.3, 2))
    seen = site.swap(site.old, number)
    assert (seen["step"], seen["old"], seen["found"]) == ("move", "seen", CARD.iccid)
    assert seen["outcome"] in ("old-checked", "old-again")

    site.old.process.restart()  # its power goes
    site.old.remove()
    killed(site.command(site.new, number), dice.uniform(0.3, 2))
    assert site.swap(site.new, number)["outcome"] == "new-empty"
    site.new.insert(OTHER_CARD)
    wrong = site.swap(site.new, number)
    assert (wrong["outcome"], wrong["found"]) == ("new-other-card", OTHER_CARD.iccid)
    assert site.swap(site.old, number)["outcome"] == "old-emptied"

    site.new.remove()
    site.new.insert(CARD)
    killed(site.command(site.new, number), dice.uniform(0.3, 3))
    done = site.swap(site.new, number, code=0)
    assert (done["step"], done["old"]) == ("done", "seen")
    assert done["reported"]
    assert site.swap(site.new, number, code=0)["outcome"] == "already-done"
    assert sorted((site.folder / "results").glob(f"{number}-*.txt"))

    assert site.holder() == site.kids[site.new]  # by the device's own Evidence, not by a result of a laptop
    after = site.swap(site.new, number, code=0, **site.server.environment("technician"))
    assert {done["finding"] for done in after["uploaded"]} == {"confirmed"}
    assert not list((site.folder / "results").glob("*.txt"))
    shown = site.operator.json("work-orders", "show", number)
    assert shown["outcome"] == "done"
    assert {result["finding"] for result in shown["results"]} == {"confirmed"}
    history = site.operator.json("cards", "history", CARD.iccid)["history"]
    assert "field-check" in {line["kind"] for line in history}
