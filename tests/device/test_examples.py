"""Every shipped example, with the parts and files that its README names, on an emulated modem."""

import os
import re
import signal
import subprocess
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

from simbond_tools.agent_process import AgentProcess
from simbond_tools.build import ROM, build_agent
from simbond_tools.demo.authority import Authority
from simbond_tools.emulator import Modem
from simbond_tools.flash import choice
from simbond_tools.flash.needs import Part, read
from support import needs
from support.cards import CARD
from support.device_server import DeviceServer, Reply
from support.ports import free_port

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
START = (ROOT / "docs" / "start.md").read_text()
LAUNCH = ROOT / "tests" / "support" / "boards" / "launch.py"
BOARDS = {
    "esp32-uart": ("esp32", "generic"),
    "pico-sim7600": ("rp2", "simcom-sim7600"),
    "pico-bg95": ("rp2", "quectel-bg95"),
}


class TextServer(DeviceServer):
    """Takes messages in base64, as modems' own stacks send them, and answers so."""

    def answer(self, path: str, body: bytes) -> tuple[Reply, bytes]:
        reply, octets = super().answer(path, b64decode(body, validate=True))
        return reply, b64encode(octets)


@pytest.fixture
def text_server(authority: Authority) -> Iterator[TextServer]:
    server = TextServer(authority)
    yield server
    server.stop()


@pytest.fixture
def example_rom(tmp_path: Path) -> Callable[[str], Path]:
    """The agent with the parts that an example's README builds."""

    def build(name: str) -> Path:
        wanted = re.findall(r"--with (\w+)", (EXAMPLES / name / "README.md").read_text())
        assert wanted
        build_agent(tmp_path / "agent", wanted)
        return tmp_path / "agent" / ROM

    return build


@pytest.fixture
def board(agent: Callable[..., AgentProcess], example_rom, authority, tmp_path, monkeypatch):
    """Starts an example on its modem: what its README copies to the board, with settings that differ."""

    def start(name: str, modem: Modem, **settings: Any) -> AgentProcess:
        flash = tmp_path / "flash"
        flash.mkdir()
        for path in (EXAMPLES / name).glob("*.py"):
            copyfile(path, flash / path.name)
        settings = {"ca": str(authority.ca_der), "state_dir": str(tmp_path / "state"), "scenario": 260, **settings}
        shipped = (flash / "settings.py").read_text()
        assert settings.keys() <= set(re.findall(r"^(\w+) = ", shipped, re.MULTILINE))
        changed = "".join(f"{setting} = {value!r}\n" for setting, value in settings.items())
        (flash / "settings.py").write_text(shipped + changed)
        monkeypatch.setenv("SIMBOND_FLASH", str(flash))
        monkeypatch.setenv("SIMBOND_PORT", BOARDS[name][0])
        return agent(program=LAUNCH, tty=modem.port, rom=example_rom(name), heap="128wk")

    return start


def test_esp32_uart(board, server):
    with Modem("generic", card=CARD) as modem:
        process = board("esp32-uart", modem, url=server.url, wifi=("network", "password"))
        assert process.wait_for("wifi") == {"event": "wifi", "ssid": "network", "active": True}
        process.wait_for("fed")
        assert process.wait_for("clock")["set_to"][0] >= 2024
        server.enrol(process.wait_for("enrolment")["request"])
        assert server.evidence().iccid == CARD.iccid
        assert not process.noise


@pytest.mark.parametrize(("name", "switches_off_at_ms"), [("pico-sim7600", 2500), ("pico-bg95", 650)])
def test_pico_attests_through_its_modem(name, switches_off_at_ms, board, text_server):
    with Modem(BOARDS[name][1], card=CARD) as modem:
        process = board(name, modem, url=text_server.url.replace("https", "modem+https"), own_ca=True)
        text_server.enrol(process.wait_for("enrolment")["request"])
        assert text_server.evidence().iccid == CARD.iccid
        assert process.wait_for("attested")["tier"] == "affirming"
        (pulse,) = [event for event in process.events if event["event"] == "pulse"]
        assert pulse["pin"] == 2
        assert pulse["ms"] >= 500
        assert not process.noise
    shipped = re.search(r"_ON_MS = (\d+)", (EXAMPLES / name / "board.py").read_text())
    assert int(shipped[1]) < switches_off_at_ms


def test_linux_gateway(agent, example_rom, server):
    process = agent(program=EXAMPLES / "linux-gateway" / "main.py", rom=example_rom("linux-gateway"))
    server.enrol(process.wait_for("enrolment")["request"])
    assert server.evidence().iccid == CARD.iccid


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_is_flashed_with_the_parts_that_its_readme_builds(name):
    readme = (EXAMPLES / name / "README.md").read_text()
    assert f"simbond flash --board examples/{name} --ca ca.pem" in readme
    dialect, *others = re.findall(r"--with (\w+)", readme)
    sources = {path.name: path.read_text().replace(".example", ".test") for path in (EXAMPLES / name).glob("*.py")}
    chosen = choice.choose([], Part(dialect, "the modem says so"), choice.Maker(sources, read(sources)))
    assert {part.name for part in chosen} == {dialect, *others}


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir() if (path / "board.py").is_file()))
def test_every_example_says_what_to_copy_and_where_to_go_on(name):
    readme = (EXAMPLES / name / "README.md").read_text()
    assert "python -m simbond_tools.build agent build/agent --with " in readme
    assert "(../../docs/start.md)" in readme
    for link in re.findall(r"\]\(([^)#]+)\)", readme):
        assert (EXAMPLES / name / link).exists(), link


class Terminal:
    """A shell that runs one of the blocks of docs/start.md, in the background, from start() to stop()."""

    def __init__(self, name: str, folder: Path, port: int) -> None:
        (block,) = re.findall(rf"```sh {name}\n(.*?)```", START, re.DOTALL)
        self.script = block.replace("simbond serve ", f"simbond serve --port {port} ").replace(":8443", f":{port}")
        self._folder = folder
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        beside = Path(sys.executable).parent
        environment = {**os.environ, "PATH": f"{beside}:{os.environ['PATH']}"}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["bash", "-ec", self.script],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_it_says(self, pattern: str, timeout_s: float = 90) -> None:
        end = time.monotonic() + timeout_s
        while not re.search(pattern, self._log.read_text()):
            assert time.monotonic() < end, f"no {pattern} in: {self._log.read_text()}"
            time.sleep(0.1)

    def wait_for_end(self) -> None:
        assert self._process is not None
        assert self._process.wait(120) == 0, self._log.read_text()

    def stop(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(30)


def test_the_way_from_nothing_to_accepted_evidence(tmp_path):
    needs.program("openssl", package="openssl")
    (tmp_path / "examples").symlink_to(EXAMPLES)
    port = free_port()
    verifier, modem, device, operator = (Terminal(f"terminal-{n}", tmp_path, port) for n in (1, 2, 3, 4))
    try:
        verifier.start()
        modem.start()
        verifier.wait_until_it_says("Listening on https")
        modem.wait_until_it_says("meter: Quectel EC25")
        device.start()
        device.wait_until_it_says("key-unknown")
        operator.start()
        operator.wait_for_end()
        device.stop()
        device.start()
        device.wait_until_it_says('"tier": "affirming"')
    finally:
        for terminal in (verifier, modem, device, operator):
            terminal.stop()


def test_the_guide_leads_to_every_example():
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", START)
    for link in links:
        assert (ROOT / "docs" / link).exists(), link
    assert {f"../examples/{board.parent.name}" for board in EXAMPLES.glob("*/board.py")} <= set(links)
