"""The agent on QuecPython's documented modules (support/quecpython), end to end."""

import os
import re
import subprocess
from pathlib import Path
from shutil import copyfile, copytree, rmtree

import pytest

from simbond_tools import parts
from simbond_tools.agent_process import AgentProcess
from simbond_tools.build import build_agent
from simbond_tools.demo.authority import make_authority
from simbond_tools.micropython import find
from support.cards import CARD, OTHER_CARD
from support.device_server import DeviceServer

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "quecpython"
PARTS = ["quecpython", "quectel", "http", "spool"]
LAUNCH = ROOT / "tests" / "support" / "quecpython" / "launch.py"


@pytest.fixture
def seed(tmp_path):
    path = tmp_path / "simbond.seed"
    path.write_bytes(os.urandom(32))
    return path


@pytest.fixture
def plain_server():
    server = DeviceServer()
    yield server
    server.stop()


@pytest.fixture
def usr(server, authority, seed, tmp_path, monkeypatch):
    """A module's /usr, as the example says that it is to be filled. Called with settings that differ: writes those."""
    folder = tmp_path / "usr"
    for path in parts.files_of(PARTS):
        target = folder / "simbond_agent" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        copyfile(parts.SOURCE / path, target)
    for name in ("main.py", "board.py"):
        copyfile(EXAMPLE / name, folder / name)
    monkeypatch.setenv("SIMBOND_USR", str(folder))

    def settle(**different: object) -> Path:
        settings = {
            "url": server.url,
            "ca": str(authority.ca_der),
            "state_dir": str(tmp_path / "state"),
            "seed": str(seed),
            "scenario": 260,
            **different,
        }
        (folder / "settings.py").write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))
        return folder

    return settle


@pytest.fixture
def module(agent, usr, monkeypatch):
    """Starts the module."""

    def start(ussl: str = "port", **settings: object) -> AgentProcess:
        usr(**settings)
        monkeypatch.setenv("SIMBOND_USSL", ussl)
        return agent(program=LAUNCH, heap="256wk")

    return start


def test_attests_over_https_where_the_firmware_verifies_the_server(module, server, modem):
    process = module()
    kid = server.enrol(process.wait_for("enrolment")["request"])
    received = server.evidence()
    assert (received.kid, received.bootcount, received.iccid) == (kid, 1, CARD.iccid)
    process.wait_for("attested", tier="affirming")
    assert not process.noise


def test_the_compiled_parts_do_the_same(module, server, usr, tmp_path):
    build_agent(tmp_path, PARTS)
    rmtree(usr() / "simbond_agent")
    copytree(tmp_path / "rom", usr(), dirs_exist_ok=True)
    process = module()
    server.enrol(process.wait_for("enrolment")["request"])
    assert server.evidence().iccid == CARD.iccid


def test_a_pulled_and_another_card_are_told_at_once(module, server, modem):
    process = module()
    server.enrol(process.wait_for("enrolment")["request"])
    server.evidence()
    process.wait_for("waiting", why="interval")
    modem.remove()
    assert server.evidence().iccid is None
    modem.insert(OTHER_CARD)
    while (inserted := server.evidence()).iccid is None:
        pass
    assert inserted.iccid == OTHER_CARD.iccid
    assert not process.noise


@pytest.mark.parametrize(("ussl", "detail"), [("documented", "cannot verify a server"), ("port", "cert")])
def test_a_server_that_cannot_be_verified_gets_nothing(ussl, detail, module, server, tmp_path):
    stranger = make_authority(tmp_path / "stranger")
    process = module(ussl, ca=str(stranger.ca_der))
    assert detail in process.wait_for("error", what="uplink")["detail"].lower()
    assert server.requests == []


def test_attests_over_http_where_the_firmware_cannot_verify(module, plain_server):
    process = module("documented", url=plain_server.url, ca=None)
    plain_server.enrol(process.wait_for("enrolment")["request"])
    assert plain_server.evidence().iccid == CARD.iccid


def test_makes_no_key_of_the_random_numbers_of_the_firmware(module, tmp_path):
    process = module(seed=str(tmp_path / "none"))
    assert process.wait_for_end() == 1
    assert f"put 32 random octets into {tmp_path / 'none'}" in process.events[-1]["detail"]
    assert not (tmp_path / "state" / "key").exists()


def test_every_seed_makes_another_key_and_is_used_once(module, seed, tmp_path):
    kids = set()
    for name in ("one", "two"):
        seed.write_bytes(name.encode() * 16)
        process = module(state_dir=str(tmp_path / name))
        kids.add(process.wait_for("start")["kid"])
        process.stop()
        assert name.encode() not in seed.read_bytes()
        assert len(seed.read_bytes()) == 32
    first = module(state_dir=str(tmp_path / "one"))
    assert first.wait_for("start")["kid"] in kids
    first.stop()
    kids.add(module(state_dir=str(tmp_path / "three")).wait_for("start")["kid"])
    assert len(kids) == 3


def test_a_silent_modem_is_asked_again(module, modem):
    modem.fault("silence", 12)
    process = module()
    process.wait_for("error", what="modem")
    process.wait_for("enrolment", timeout_s=120)


@pytest.fixture
def run(modem, usr):
    """What a program prints that runs on the module in place of the example's main.py."""

    def run(program: str) -> str:
        (usr() / "main.py").write_text(f"from simbond_agent import quecpython\nquecpython.prepare()\n{program}")
        environment = {**os.environ, "SIMBOND_TTY": modem.port, "MICROPYPATH": f"{LAUNCH.parent}:{parts.SOURCE.parent}"}
        command = [find(), "-X", "heapsize=512k", "-c", "import launch"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        return done.stdout + done.stderr

    return run


TRANSPORT = """
import asyncio, atcmd
from simbond_agent.quecpython.atcmd import Transport

def answer(command, reply, include, timeout):
    octets = {reply!r}
    reply[: len(octets)] = octets
    return {code}

atcmd.sendSync = answer
print(asyncio.run(Transport().command({command!r})))
"""


@pytest.mark.parametrize(
    ("command", "code", "reply", "expected"),
    [
        ("AT+CPIN?", 0, b"\r\n+CPIN: READY\r\n\n", ("OK", ["+CPIN: READY"])),
        ("AT+CPIN?", 0, b"\r\n+CPIN: READY\r\n\r\nOK\r\n", ("OK", ["+CPIN: READY"])),
        ("AT+CPIN?", 0, b"AT+CPIN?\r\r\n+CPIN: READY", ("OK", ["+CPIN: READY"])),
        ("ATE0", 0, b"\n", ("OK", [])),
        ("AT+CPIN", 1, b"\r\nERROR\r\n\n", ("ERROR", [])),
        ("AT+CPIN", 1, b"", ("ERROR", [])),
        ("AT+CPIN?", 2, b"\r\n+CME ERROR: 10\r\n\n", ("+CME ERROR: 10", [])),
        ("AT+CPIN?", 2, b"", ("+CME ERROR", [])),
        ("AT+CPIN?", 5, b"\r\n+CPIN: READY\r\n", (None, [])),
        ("AT+CPIN?", 6, b"", (None, [])),
        ("AT+CPIN?", -1, b"", (None, [])),
        ("AT+CPIN?", 0, b"+CPIN: READY\r\n" * 80, (None, [])),  # more than fits: perhaps cut
    ],
)
def test_return_codes_and_replies(command, code, reply, expected, run):
    assert run(TRANSPORT.format(command=command, code=code, reply=reply)).strip() == repr(expected)


def test_what_atcmd_cannot_do_is_an_error(run):
    program = """
import asyncio
from simbond_agent.quecpython.atcmd import Transport

async def main():
    transport = Transport()
    print(await transport.command("AT+QHTTPPOST=3", data=b"abc"))
    print(await transport.command("AT+QMTOPEN=0", until="+QMTOPEN:"))
    print(await transport.command("AT+CGMI"))

asyncio.run(main())
"""
    assert run(program).splitlines() == ["('ERROR', [])", "('ERROR', [])", "('OK', ['Quectel'])"]


def test_the_rest_goes_on_while_a_command_waits(run):
    program = """
import asyncio, atcmd, utime
from simbond_agent.quecpython.atcmd import Transport

running = []

def answer(command, reply, include, timeout):
    running.append(command)
    assert len(running) == 1
    utime.sleep_ms(600)
    running.clear()
    return 0

atcmd.sendSync = answer

async def main():
    transport = Transport()
    ticks = 0
    try:
        await asyncio.wait_for(transport.command("AT+ONE"), 0.1)
    except asyncio.TimeoutError:
        print("given up")
    task = asyncio.create_task(transport.command("AT+TWO"))  # while the first one's thread still waits
    while not task.done():
        await asyncio.sleep(0.02)
        ticks += 1
    print(task.outcome(), ticks > 10)

asyncio.run(main())
"""
    assert run(program).splitlines() == ["given up", "('OK', []) True"]


LOOP = """
async def child(name, lock, event, said):
    await event.wait()
    async with lock:
        said.append(name + " in")
        await asyncio.sleep(0.05)
        said.append(name + " out")
    return name

async def stubborn(said):
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        said.append("cancelled")
        raise
    finally:
        said.append("tidied")

async def failing():
    await asyncio.sleep(0.01)
    raise ValueError("no")

async def main():
    said = []
    lock, event = asyncio.Lock(), asyncio.Event()
    for name in ("a", "b"):
        asyncio.create_task(child(name, lock, event, said))
    await asyncio.sleep(0.02)
    said.append("set" if not event.is_set() else "?")
    event.set()
    await asyncio.sleep(0.3)
    said.append(await asyncio.wait_for(child("c", lock, event, said), 1))
    for late in (stubborn(said), asyncio.Event().wait()):
        try:
            await asyncio.wait_for_ms(late, 30)
        except asyncio.TimeoutError:
            said.append("late")
    try:
        await asyncio.wait_for(failing(), 1)
    except ValueError as e:
        said.append("ValueError " + str(e))
    task = asyncio.create_task(stubborn(said))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0.05)
    outer = asyncio.create_task(asyncio.wait_for(stubborn(said), 60))
    await asyncio.sleep(0.05)
    outer.cancel()
    await asyncio.sleep(0.05)
    return said

print(asyncio.run(main()))
try:
    asyncio.run(failing())
except ValueError as e:
    print("run raises", e)
"""


def test_the_loop_does_what_asyncio_does(run):
    expected = subprocess.run([find(), "-c", f"import asyncio\n{LOOP}"], capture_output=True, text=True, check=True)
    assert "run raises no" in expected.stdout
    assert run(f"import asyncio\n{LOOP}") == expected.stdout


def test_the_settings_of_the_tests_are_those_of_the_example(usr):
    names = [
        re.findall(r"^(\w+) = ", (folder / "settings.py").read_text(), re.MULTILINE) for folder in (EXAMPLE, usr())
    ]
    assert names[0] == names[1]
