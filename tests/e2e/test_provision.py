"""A factory line: devices with the agent under MicroPython on real pseudo-terminals, from the cable to the verifier."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from simbond_tools.emulator import Card
from simbond_tools.factory.batch import Batch
from simbond_tools.factory.label import Label
from simbond_tools.factory.station import Station
from simbond_tools.factory.unit import Plan
from simbond_tools.qr import halves
from simbond_verifier import endorsement
from support.attester import Attester
from support.cable import AgentOnCable
from support.cards import CARD, OTHER_CARD
from support.operator import Operator, new_device
from support.screens import Terminal, kept, run
from support.server import SIMBOND, VerifierServer, simbond
from support.stations import Station as StationInMemory

IMEI, OTHER_IMEI = "861234050000010", "861234050000028"
THIRD_CARD = Card(iccid="89860490127123456716", imsi="460049012345679")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VerifierServer]:
    with VerifierServer(tmp_path_factory.mktemp("verifier")) as running:
        yield running


class Line:
    """Four devices on four ports: a good one, one with the same IMEI, an empty one, one with a card in no order."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        def on_cable(name: str, **more: Any) -> AgentOnCable:
            return running.enter_context(AgentOnCable(folder / name, **more))

        self.good = on_cable("good", imei=IMEI, card=CARD)
        self.twin = on_cable("twin", imei=IMEI, card=OTHER_CARD)
        self.empty = on_cable("empty", imei=OTHER_IMEI, card=None)
        self.stray = on_cable("stray", imei="861234050000036", card=THIRD_CARD)
        for device in (self.good, self.twin, self.empty, self.stray):
            device.process.wait_for("enrolment")

    @property
    def ports(self) -> dict[str, str]:
        """Names that mean the same in every run, for screens."""
        return {
            self.good.port: "/dev/ttyUSB0",
            self.twin.port: "/dev/ttyUSB1",
            self.empty.port: "/dev/ttyUSB2",
            self.stray.port: "/dev/ttyUSB3",
        }


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with ExitStack() as running:
        yield Line(tmp_path_factory.mktemp("line"), running)


@pytest.fixture
def station(tmp_path: Path) -> Path:
    folder = tmp_path / "station"
    done = simbond("stations", "create", str(folder), "--name", f"line-{tmp_path.name[-20:].strip('_')}")
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def provision(station: Path, *arguments: str, exit_code: int = 0) -> dict[str, Any]:
    done = simbond("provision", "--station", str(station), *arguments, "--json")
    assert (done.returncode, done.stderr) == (exit_code, ""), done
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def logged(station: Path) -> list[endorsement.Entry]:
    messages, rest = endorsement.split((station / "station.log").read_bytes())
    assert rest == b""
    return [endorsement.read(message) for message in messages]


def test_one_unit_and_its_label(station: Path, line: Line, tmp_path: Path) -> None:
    found = provision(station, "--port", line.good.port, "--labels", str(tmp_path / "labels"))

    (unit,) = found["units"]
    assert (unit["outcome"], unit["imei"], unit["iccid"], unit["entry"]) == ("endorsed", IMEI[:14], CARD.iccid, 1)
    assert unit["kid"] == line.good.process.events[0]["kid"]
    (label,) = (tmp_path / "labels").iterdir()
    assert f"SIMBOND/1/{unit['kid'].upper()}/{IMEI}/{CARD.iccid}" in label.read_text()
    (entry,) = logged(station)
    assert endorsement.read_unit(entry.request).kid.hex() == unit["kid"]

    again = provision(station, "--port", line.good.port)
    assert again["units"][0]["outcome"] == "known"
    assert len(logged(station)) == 1


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_its_screen(station: Path, line: Line, lang: str) -> None:
    status, terminal = run("provision", "--station", str(station), "--port", line.good.port, lang=lang)

    assert status == 0
    kid = line.good.process.events[0]["kid"]
    code = "\n".join(row.rstrip() for row in halves(Label(kid, IMEI[:14], CARD.iccid).qr)).rstrip("\n")
    kept(
        "provision-unit",
        terminal,
        line.ports | {str(station): "station", kid: "3925b726f7929926", code: "(the QR code)"},
    )


MANIFEST = f"""\
iccid,order,imei,label
{CARD.iccid},PO-1,{IMEI},meter 1
{OTHER_CARD.iccid},PO-1,,meter 2
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    (tmp_path / "orders.csv").write_text(MANIFEST)
    return tmp_path / "orders.csv"


def order(line: Line, station: Path, manifest: Path) -> list[str]:
    ports = [word for port in line.ports for word in ("--port", port)]
    return ["--station", str(station), "--manifest", str(manifest), *ports]


def test_four_units_at_once_one_of_each_kind(station: Path, line: Line, manifest: Path) -> None:
    """Which of the twins is first is chance, so their IMEI is stated: it belongs with the first card."""
    found = provision(*[station, *order(line, station, manifest)[2:]], exit_code=1)  # type: ignore[arg-type]

    codes = {unit["port"]: unit["code"] or unit["outcome"] for unit in found["units"]}
    assert codes == {
        line.good.port: "endorsed",
        line.twin.port: "card-differs",
        line.empty.port: "no-card",
        line.stray.port: "card-in-no-order",
    }
    assert found["summary"] | {"reasons": None} == {
        "endorsed": 1,
        "known": 0,
        "stopped": 3,
        "yield": 0.25,
        "reasons": None,
    }
    assert found["manifest"] == {"cards": 2, "done": 1}
    (entry,) = logged(station)
    assert (entry.order, entry.label) == ("PO-1", "meter 1")


def test_twins_on_two_ports_at_once(station: Path, line: Line) -> None:
    found = provision(station, "--port", line.good.port, "--port", line.twin.port, exit_code=1)

    assert sorted(unit["code"] for unit in found["units"]) == ["", "imei-duplicate"]
    assert len(logged(station)) == 1
    again = provision(station, "--port", line.good.port, "--port", line.twin.port, exit_code=1)
    assert sorted(unit["outcome"] for unit in again["units"]) == ["known", "stopped"]


def test_a_card_of_an_earlier_log_is_not_used_again(station: Path, line: Line, tmp_path: Path) -> None:
    provision(station, "--port", line.good.port)
    simbond("stations", "create", str(tmp_path / "other"), "--name", "line-2")
    for seen in (station / "station.log", tmp_path / "orders.csv"):
        (tmp_path / "orders.csv").write_text(MANIFEST)
        found = provision(tmp_path / "other", "--port", line.good.port, "--seen", str(seen), exit_code=1)
        assert found["units"][0]["code"] == "imei-duplicate"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_screen_of_a_batch(station: Path, line: Line, manifest: Path, lang: str) -> None:
    arguments = order(line, station, manifest)
    status, terminal = run("provision", *arguments, lang=lang)

    assert status == 1
    kid = line.good.process.events[0]["kid"]
    kept(
        "provision-batch",
        _in_the_order_of_the_ports(terminal, line.ports),
        line.ports | {str(station): "station", str(manifest): "orders.csv", kid: "3925b726f7929926"},
    )


def _in_the_order_of_the_ports(terminal: Terminal, ports: Iterable[str]) -> Any:
    """The screen with the units in this order: which is done first is chance."""
    units, blank, rest = terminal.text.partition("\n\n")
    found = {unit.partition(":")[0]: unit for unit in re.split(r"\n(?! )", units)}
    text = "\n".join(found[port] for port in ports) + blank + rest
    return SimpleNamespace(command=terminal.command, lang=terminal.lang, text=text)


def test_kill_9_in_the_middle_of_a_shift(station: Path, line: Line) -> None:
    """The unit whose "done" was read is in the log; the others come again, and nothing is there twice."""
    shift = subprocess.Popen(
        [*SIMBOND, "provision", "--station", str(station), "--port", line.good.port, "--units", "9"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"SIMBOND_LANG": "en"},
    )
    assert shift.stdout is not None
    assert "endorsed, entry 1" in shift.stdout.readline()
    os.kill(shift.pid, signal.SIGKILL)
    shift.wait()
    shift.stdout.close()
    found = provision(station, "--port", line.good.port, "--port", line.stray.port)

    assert sorted(unit["outcome"] for unit in found["units"]) == ["endorsed", "known"]
    assert [entry.seq for entry in logged(station)] == [1, 2]


def test_nothing_answers(station: Path, line: Line) -> None:
    found = provision(station, "--port", line.good.modem_port, exit_code=3)

    assert found["units"][0]["code"] == "no-agent"
    assert provision(station, "--port", "/dev/ttyNONE", exit_code=7)["units"][0]["code"] == "no-port"


def test_from_the_line_to_the_verifier_and_a_revoked_station(station: Path, line: Line, server: VerifierServer) -> None:
    operator = Operator(server)
    name = provision(station, "--port", line.good.port)["station"]
    log = str(station / "station.log")
    assert operator.error(5, "devices", "import", log, role="station") == "station-unknown"
    registered = operator.json("stations", "register", "--cert", str(station / "station.crt"), "--per-day", "100")
    assert (registered["name"], registered["per_day"]) == (name, 100)
    kid = line.good.process.events[0]["kid"]

    first = operator.json("devices", "import", log, role="station")
    assert [(row["kid"], row["outcome"]) for row in first["rows"]] == [(kid, "enrolled")]
    assert operator.json("devices", "show", kid)["endorsement"]["station"] == name
    assert f"by station {name}, entry 1" in operator.ok("devices", "show", kid)

    provision(station, "--port", line.stray.port)
    assert operator.json("devices", "import", log, role="station")["counts"] == {
        "enrolled": 1,
        "known": 1,
        "refused": 0,
    }
    assert name in operator.ok("stations", "list")
    assert len(operator.json("stations", "devices", name)["devices"]) == 2

    provision(station, "--port", line.twin.port, exit_code=1)
    revoked = operator.json("stations", "revoke", name, "--reason", "stolen", "--from", "2026-01-01", "--with-devices")
    assert [each["kid"] for each in revoked["suspect"]] == [kid, line.stray.process.events[0]["kid"]]
    assert all(each["revoked_at"] for each in revoked["suspect"])
    assert operator.error(4, "devices", "import", log, role="station") == "station-revoked"
    assert "NOT TRUSTED" in operator.ok("devices", "show", kid)
    assert operator.error(6, "cards", "list", role="station") == "role"


def test_a_log_that_was_changed_is_not_sent(station: Path, line: Line, server: VerifierServer, tmp_path: Path) -> None:
    provision(station, "--port", line.good.port, "--port", line.stray.port)
    (_first, second) = endorsement.split((station / "station.log").read_bytes())[0]
    changed = tmp_path / "changed.log"
    changed.write_bytes(second + second)
    assert Operator(server).error(4, "devices", "import", str(changed)) == "log-broken"


def test_a_log_of_many_parts_with_a_torn_end_that_was_interrupted_once(server: VerifierServer, tmp_path: Path) -> None:
    operator = Operator(server)
    made = StationInMemory("line-9", at=time.time())
    log = made.endorse_all(new_device() for _unit in range(200))
    assert len(log) > 64 * 1024
    (tmp_path / "line-9.crt").write_bytes(made.pem)
    (tmp_path / "half.log").write_bytes(b"".join(made.log[:90]))
    (tmp_path / "whole.log").write_bytes(log + made.log[-1][:100])
    operator.json("stations", "register", "--cert", str(tmp_path / "line-9.crt"))

    operator.json("devices", "import", str(tmp_path / "half.log"))
    report = operator.json("devices", "import", str(tmp_path / "whole.log"))
    assert report["counts"] == {"enrolled": 110, "known": 90, "refused": 0}
    assert report["unfinished"] == 100
    assert [row["seq"] for row in report["rows"]] == list(range(1, 201))


def test_devices_are_bound_to_the_cards_in_them_where_these_are_new(server: VerifierServer, tmp_path: Path) -> None:
    operator = Operator(server)

    def holder(device: Attester) -> str | None:
        found = operator.json("cards", "show", str(device.iccid))["device"]
        return None if found is None else str(found["kid"])

    made = StationInMemory("line-8", at=time.time())
    new, foreign, used, moved, empty = units = [new_device() for _unit in range(5)]
    empty.iccid = empty.imsi = None
    other = new_device()
    (tmp_path / "line-8.crt").write_bytes(made.pem)
    (tmp_path / "line-8.log").write_bytes(made.endorse_all(units))
    order = ("devices", "import", "--bind", str(tmp_path / "line-8.log"))
    operator.json("stations", "register", "--cert", str(tmp_path / "line-8.crt"))
    operator.imported(new, used, moved)
    operator.enrolled(other)
    operator.json("cards", "bind", str(used.iccid), "--device", other.kid.hex())
    assert operator.error(6, *order, role="station") == "role"

    report = operator.json(*order, exit_code=1, role="operator")
    assert [row["binding"]["code"] for row in report["rows"]] == ["", "card-unknown", "card-used", "", "no-card"]
    assert report["bindings"] == {"bound": 2, "left": 3}
    assert (holder(new), holder(used), holder(moved)) == (new.kid.hex(), other.kid.hex(), moved.kid.hex())

    operator.json("cards", "unbind", str(moved.iccid), "--reason", "scrapped")
    operator.imported(foreign)
    again = operator.server.simbond(*order)
    assert again.returncode == 1
    assert "2 bound to the cards in them, 3 cards left as they are." in again.stdout
    assert (holder(moved), holder(foreign)) == (None, foreign.kid.hex())
    told = [line["kind"] for line in operator.json("cards", "history", str(new.iccid))["history"]]
    assert told.count("bind") == 1


def test_ctrl_c_leaves_the_log_in_order(station: Path, line: Line) -> None:
    with Terminal("provision", "--station", str(station), "--port", line.good.port, "--units", "9") as terminal:
        terminal.until("endorsed, entry 1")
        terminal.interrupt()
        assert terminal.end() == 130
    assert len(logged(station)) == 1


def test_the_example_of_ones_own_station_software(station: Path, line: Line) -> None:
    example = Path(__file__).parents[2] / "examples" / "factory_station.py"
    done = subprocess.run(
        [sys.executable, str(example), str(station), line.good.port, line.stray.port],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (1, "")
    assert f"{line.good.port}: print SIMBOND/1/" in done.stdout
    assert f"{line.stray.port}: put aside: " in done.stdout
    assert "1 of 2 good" in done.stdout
    assert len(logged(station)) == 1


def test_whatever_is_plugged_in_next(station: Path, line: Line) -> None:
    """Ports that were there before are left alone; each that comes is one unit."""
    ports = [line.stray.port]
    with Station(station) as open_station:
        batch = Batch(open_station, Plan(), units=2, done=lambda result: ports.append(line.empty.port))

        def listed() -> list[str]:
            now = list(ports)
            if line.good.port not in ports:
                ports.append(line.good.port)
            return now

        results = batch.plugged(listed)
    assert [(result.port, result.code) for result in results] == [(line.good.port, ""), (line.empty.port, "no-card")]
    assert len(logged(station)) == 1


def test_unit_after_unit_in_one_jig(station: Path, tmp_path: Path, line: Line) -> None:
    """The port stays, the devices change: each is one unit, however long it stays."""
    jig = tmp_path / "jig"
    jig.symlink_to(line.good.port)
    with Station(station) as open_station:
        batch = Batch(open_station, Plan(), units=2, done=lambda _result: _swap(jig, line.stray.port))
        results = batch.jigs([str(jig)])
    assert [result.iccid for result in results] == [CARD.iccid, THIRD_CARD.iccid]
    assert len(logged(station)) == 2


def _swap(jig: Path, port: str) -> None:
    jig.unlink()
    jig.symlink_to(port)
