"""`simbond doctor` on real pseudo-terminals: an emulated module, the agent under MicroPython, a verifier with TLS."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from socket import create_server
from typing import Any

import pytest

from simbond_tools import i18n
from simbond_tools.demo.authority import make_authority
from simbond_tools.doctor import Diagnosis, Findings, judge
from simbond_tools.doctor.gather import gather
from simbond_tools.doctor.register import look_up
from simbond_tools.emulator import Card, Fault, Modem
from simbond_tools.field.console import Console
from simbond_tools.field.line import open_line
from simbond_tools.field.modem import ModemOnLine
from simbond_tools.onsite.fetching import fetch
from support.cable import AgentOnCable, Cable
from support.cards import CARD, OTHER_CARD
from support.operator import HEADER
from support.schemas import read
from support.screens import Terminal, kept, run
from support.server import VerifierServer, simbond

HOME, OTHER_HOME = CARD.imsi[:5], OTHER_CARD.imsi[:5]
SCENARIO = f"""
id = 1
name = "meter"
[area]
plmn = ["{HOME}", "{OTHER_HOME}"]
[ladder]
out-of-area = "suspend"
"""
LOCKED = Card(iccid=CARD.iccid, imsi=CARD.imsi, pin="1234")


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VerifierServer]:
    with VerifierServer(tmp_path_factory.mktemp("verifier"), tls=True, scenarios=[SCENARIO]) as server:
        with server.api() as api:
            rows = "".join(f"{card.iccid},{card.imsi},meter,,\n" for card in (CARD, OTHER_CARD))
            api.post_csv("/v1/cards/import", (HEADER + rows).encode())
        yield server


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory, verifier: VerifierServer) -> Iterator[AgentOnCable]:
    """A device that is enrolled, at home, with its card in it."""
    with AgentOnCable(tmp_path_factory.mktemp("device"), url=verifier.url, ca=verifier.ca_der) as device:
        device.move(plmn=HOME)
        request = device.process.wait_for("enrolment")
        with verifier.api() as api:
            api.post("/v1/devices", {"request": request["request"]})
            api.post(f"/v1/cards/{CARD.iccid}/bind", {"device": request["kid"]})
        report(device, "affirming")
        yield device


@pytest.fixture
def home(device: AgentOnCable) -> Iterator[AgentOnCable]:
    """The device, which a test may treat as it likes: afterwards its card is in it, at home, and that was reported."""
    yield device
    if device.modem.card != CARD:
        if device.modem.card is not None:
            device.remove()
        device.insert(CARD)
    device.lose_cell()
    device.move(plmn=HOME, registration="auto", rsrp_dbm=-95)
    report(device, "affirming")


def report(device: AgentOnCable, tier: str) -> None:
    """Has the device attest until the verifier's word on it is this."""
    with open_line(device.port) as line:
        console = Console(line)
        console.attest()
        while console.wait_for("attested")["tier"] != tier:
            console.attest()


@pytest.fixture(scope="module")
def modem() -> Iterator[Modem]:
    """A module without an agent."""
    with Modem("quectel-bg95", card=CARD) as modem:
        yield modem


def look(port: str, *, attest: bool = False, **more: Any) -> Diagnosis:
    return judge(Findings.read(gather(port, attest=attest, **more)))


def asked(port: str, verifier: VerifierServer, *, attest: bool = False) -> Diagnosis:
    """The verdict where a technician's token is there, too."""
    found = gather(port, attest=attest)
    with verifier.api("technician") as api:
        return judge(Findings.read(found | {"verifier": look_up(api, found)}))


def also(diagnosis: Diagnosis) -> list[str]:
    return [one.verdict.code for one in diagnosis.also]


def show(name: str, device: AgentOnCable, verifier: VerifierServer, *options: str) -> int:
    """Draws the screen in both languages, as docs/screens have it. Returns the exit status."""
    kid = device.process.events[0]["kid"]
    stable = {
        device.port: "/dev/ttyUSB2",
        verifier.url: "https://verifier.example",
        kid: "1df40ecbda9e0cdc",
        "$ simbond doctor --port /dev/ttyUSB2": "$ simbond doctor",
        " --no-attest": "",
    }
    statuses = set()
    for lang in i18n.LANGUAGES:
        arguments = ("doctor", "--port", device.port, *options)
        status, terminal = run(*arguments, lang=lang, env=verifier.environment("technician"))
        kept(f"doctor-{name}", terminal, stable)
        statuses.add(status)
        options = (*options, "--no-attest")
    (status,) = statuses
    return status


# --- the cable ---


def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    assert look(str(tmp_path / "ttyUSB9")).verdict.code == "no-port"


def test_what_is_no_port(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("x")
    assert look(str(tmp_path / "notes")).verdict.code == "port-unusable"


def test_a_port_that_another_program_has(modem: Modem) -> None:
    with open_line(modem.port):
        assert look(modem.port).verdict.code == "port-busy"


def test_a_port_where_nobody_is() -> None:
    cable = Cable()
    try:
        assert look(cable.right, baud=115200).verdict.code == "silent"
    finally:
        cable.pull()


def test_a_cable_that_is_pulled() -> None:
    with create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].close()).start()
        assert look(f"socket://127.0.0.1:{server.getsockname()[1]}").verdict.code == "unplugged"


def test_an_agent_that_takes_no_questions() -> None:
    cable = Cable()
    with open_line(cable.left) as board:
        talking = threading.Event()

        def talk() -> None:
            while not talking.wait(0.1):
                board.write(b'{"event": "waiting", "seconds": 60, "why": "interval"}\r\n')

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            assert look(cable.right).verdict.code == "agent-mute"
        finally:
            talking.set()
            thread.join()
    cable.pull()


# --- the card, as the modem sees it ---


def test_a_module_that_is_well_says_nothing_of_the_agent(modem: Modem) -> None:
    modem.move(plmn=HOME)
    assert look(modem.port).verdict.code == "agent-unseen"


def test_a_radio_that_is_off(modem: Modem) -> None:
    tell(modem, "AT+CFUN=0")
    assert look(modem.port).verdict.code == "radio-off"
    tell(modem, "AT+CFUN=1")


def test_a_card_that_asks_for_its_puk() -> None:
    with Modem("quectel-bg95", card=LOCKED) as modem:
        assert look(modem.port).verdict.code == "sim-pin"
        tell(modem, *['AT+CPIN="0000"'] * 3)
        assert look(modem.port).verdict.code == "sim-puk"


def test_a_card_that_is_still_being_read() -> None:
    with Modem("quectel-bg95", sim_busy_s=600) as modem:
        modem.insert(CARD)
        assert look(modem.port).verdict.code == "sim-busy"


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [('"+CPIN: PH-NET PIN"', "module-locked"), ("[{ when = 'sim-present', error = 13 }]", "sim-failure")],
)
def test_what_has_no_word_among_the_agent_s(tmp_path: Path, answer: str, verdict: str) -> None:
    profile = tmp_path / "odd.toml"
    profile.write_text(f"extends = 'quectel-bg95'\nname = 'odd'\n[replies]\n'+CPIN?' = {answer}\n")
    with Modem(str(profile), card=CARD) as modem:
        assert look(modem.port).verdict.code == verdict


def tell(modem: Modem, *commands: str) -> None:
    with open_line(modem.port) as line, ModemOnLine(line) as channel:
        for command in commands:
            channel.command(command)


# --- the agent, its card and its network ---


def test_all_is_well(home: AgentOnCable, verifier: VerifierServer) -> None:
    assert show("well", home, verifier) == 0


def test_no_card(home: AgentOnCable, verifier: VerifierServer) -> None:
    home.remove()
    home.process.wait_for("attested", reasons=["tray-empty"])
    assert show("no-sim", home, verifier, "--no-attest") == 31


def test_a_card_that_asks_for_its_pin(home: AgentOnCable, verifier: VerifierServer) -> None:
    home.remove()
    home.insert(LOCKED)
    assert show("sim-pin", home, verifier, "--no-attest") == 33


def test_the_network(home: AgentOnCable, verifier: VerifierServer) -> None:
    home.move(registration="denied")
    assert show("registration-denied", home, verifier, "--no-attest") == 60
    home.move(registration="searching")
    assert look(home.port).verdict.code in ("searching", "no-coverage")  # not every module measures meanwhile
    home.move(registration="auto", rsrp_dbm=-121)
    assert look(home.port).verdict.code == "weak-signal"
    home.lose_cell()
    assert look(home.modem_port).verdict.code == "no-coverage"


def test_a_modem_that_does_not_answer_its_agent(tmp_path: Path) -> None:
    with AgentOnCable(tmp_path) as device:
        device.modem.fault(Fault.SILENCE, None)
        assert look(device.port).verdict.code == "modem-silent"


def test_another_card_is_in(home: AgentOnCable, verifier: VerifierServer, tmp_path: Path) -> None:
    verifier.token("technician")
    with verifier.api() as api:
        api.post("/v1/work-orders", {"iccid": CARD.iccid, "technician": "technician", "words": "Meter 7"})
    with verifier.api("technician") as api:
        fetch(tmp_path, api, hours=1)
    home.remove()
    home.insert(OTHER_CARD)
    home.move(plmn=OTHER_HOME)
    report(home, "warning")
    assert show("wrong-card", home, verifier, "--no-attest") == 40
    assert look(home.port).verdict.code == "wrong-card", "the device remembers its own without a verifier"
    done = simbond("doctor", "--port", home.port, "--no-attest", "--json", SIMBOND_FOLDER=str(tmp_path))
    document = read(done.stdout)
    assert (document["verdict"]["code"], document["findings"]["verifier"]["device"]["card"]) == (
        "wrong-card",
        CARD.iccid,
    )


def test_the_module_states_another_imei(home: AgentOnCable, verifier: VerifierServer) -> None:
    own = home.modem.imei
    home.lie("004999010640018")
    try:
        assert asked(home.port, verifier).verdict.code == "wrong-imei"
    finally:
        home.lie(own)


def test_a_card_in_another_module(modem: Modem, device: AgentOnCable, verifier: VerifierServer) -> None:
    done = simbond("doctor", "--port", modem.port, "--json", **verifier.environment("technician"))
    document = read(done.stdout)
    assert (document["verdict"]["code"], done.returncode) == ("wrong-device", document["verdict"]["status"])
    assert "imsi" not in document["findings"]["modem"]


def test_a_card_that_is_suspended_and_why(home: AgentOnCable, verifier: VerifierServer) -> None:
    home.move(plmn="26299")
    assert show("card-suspended", home, verifier) == 48
    found = asked(home.port, verifier)
    assert (found.judged.reasons, also(found)) == (["out-of-area"], ["outside-scenario"])
    home.move(plmn=HOME)
    # Two steps of its own Evidence lift it; the device takes the second at once, perhaps before the verifier is asked.
    assert asked(home.port, verifier, attest=True).verdict.code in ("reverifying", "well")
    assert look(home.port, attest=True).verdict.code == "well"

    with verifier.api() as api:
        api.post(f"/v1/cards/{CARD.iccid}/suspend", {"reason": "the holder asked for it"})
    held = asked(home.port, verifier)
    assert (held.verdict.code, held.judged.detail) == ("card-held", "the holder asked for it")
    with verifier.api() as api:
        api.post(f"/v1/cards/{CARD.iccid}/resume", {"reason": "withdrawn", "reverify": False})


def test_a_transcript_holds_no_identities(home: AgentOnCable, tmp_path: Path) -> None:
    with Terminal("doctor", "--port", home.port, "--no-attest", "--transcript", str(tmp_path / "line")) as terminal:
        assert terminal.end() == 0
    assert CARD.iccid in terminal.text
    assert CARD.iccid not in (tmp_path / "line").read_text()


# --- the way to the verifier, and devices that it does not know ---


class Stranger:
    """A device that no verifier knows, with its own way to one."""

    def __init__(self, folder: Path, url: str, ca: Path | None = None) -> None:
        self.cable = AgentOnCable(folder, url=url, ca=ca, card=OTHER_CARD, imei="004999010640018")

    def __enter__(self) -> AgentOnCable:
        self.cable.__enter__()
        self.cable.move(plmn=OTHER_HOME)
        self.cable.process.wait_for("enrolment")
        return self.cable

    def __exit__(self, *_: Any) -> None:
        self.cable.__exit__(None, None, None)


def test_a_device_is_enrolled_by_what_the_doctor_says(tmp_path: Path, verifier: VerifierServer) -> None:
    with Stranger(tmp_path / "new", verifier.url, verifier.ca_der) as new:
        assert show("not-enrolled", new, verifier) == 44
        request = tmp_path / "key.req"
        done = simbond("doctor", "--port", new.port, "--enrolment", str(request))
        assert done.returncode == 0, done
        done = verifier.simbond("devices", "enrol", "--request", f"@{request}", role="technician")
        assert done.returncode == 0, done

        unbound = asked(new.port, verifier, attest=True)
        assert unbound.verdict.code == "card-not-bound"
        kid = new.process.events[0]["kid"]
        assert kid in unbound.judged.step
        with verifier.api() as api:
            api.post(f"/v1/cards/{OTHER_CARD.iccid}/bind", {"device": kid})
        assert asked(new.port, verifier, attest=True).verdict.code == "well"
        with verifier.api() as api:
            api.post(f"/v1/devices/{kid}/revoke", {"reason": "stolen"})
        assert asked(new.port, verifier).verdict.code == "key-revoked"


def test_certificates(tmp_path: Path, verifier: VerifierServer) -> None:
    wrong = make_authority(tmp_path / "wrong").ca_der
    with Stranger(tmp_path / "ca", verifier.url, wrong) as misled:
        assert look(misled.port, attest=True).verdict.code == "certificate-untrusted"
        assert look(misled.port, now=lambda: time.time() + 30 * 86400).verdict.code == "clock-wrong"
    elsewhere = verifier.url.replace("localhost", "127.0.0.1")
    with Stranger(tmp_path / "name", elsewhere, verifier.ca_der) as misled:
        assert look(misled.port, attest=True).verdict.code == "certificate-name"


def test_a_server_that_is_none(tmp_path: Path, verifier: VerifierServer) -> None:
    with Stranger(tmp_path / "path", verifier.url + "/elsewhere", verifier.ca_der) as misled:
        assert look(misled.port, attest=True).verdict.code == "server-answer"
    with Stranger(tmp_path / "dns", "http://no-such-host.invalid") as misled:
        assert look(misled.port, attest=True).verdict.code == "server-name"


def test_a_server_that_is_down(home: AgentOnCable, verifier: VerifierServer) -> None:
    verifier.stop()
    try:
        assert show("server-refused", home, verifier) == 72
    finally:
        verifier.start()
