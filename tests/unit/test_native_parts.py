"""The uplinks through a modem's own stack, without one: settings, what they refuse, and how they read what comes."""

import asyncio
import importlib
import ssl
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_agent.uplink import UplinkError, native, open_uplink, simcom
from simbond_tools.demo.authority import make_authority

KID = bytes(8)
Answers = Callable[[str], tuple[str | None, list[str]]]


class Modem:
    """Stands in for modem.Modem; answer: what its channel says to a command. sent: the commands."""

    def __init__(self, name: str, model: str = "", answer: Answers = lambda command: ("OK", [])) -> None:
        self.name, self.model = name, model
        self.channel = self
        self.urc: Callable[[str], None] | None = None
        self.sent: list[str] = []
        self._answer = answer

    async def command(self, command: str, timeout_ms: int = 3000, data: Any = None, until: Any = None) -> Any:
        assert 0 < timeout_ms <= 200000  # every wait is bounded
        self.sent.append(command)
        return self._answer(command)

    def expect(self, start: str) -> None: ...


def send(modem: Modem, kind: str = "challenge", **board: object) -> bytes:
    octets: bytes = asyncio.run(open_uplink(SimpleNamespace(**board), KID, modem).send(kind, KID))
    return octets


@pytest.mark.parametrize("name", ["quectel_mqtt", "quectel_http", "simcom_http", "ublox_mqtt"])
@pytest.mark.parametrize("url", ["modem+ftp://a", "modem+mqtt://", "modem+https://a:b", "modem+mqtts://a"])
def test_settings_that_cannot_work_are_refused(name: str, url: str) -> None:
    with pytest.raises(ValueError, match=r"url is to be|set ca"):
        importlib.import_module(f"simbond_agent.uplink.{name}").Uplink(SimpleNamespace(url=url), KID)


def test_a_modem_without_such_a_stack_is_named() -> None:
    with pytest.raises(ValueError, match=r"uplink/telit_mqtt.py"):
        open_uplink(SimpleNamespace(url="modem+mqtt://a"), KID, Modem("telit"))


@pytest.mark.parametrize(
    ("url", "modem", "message"),
    [
        ("modem+http://a", Modem("simcom", "SIMCOM_SIM7080"), "set url to modem"),
        ("modem+mqtt://a", Modem("ublox", "SARA-R410M-02B"), "SARA-R410M-02B"),
    ],
)
def test_models_that_speak_otherwise_are_refused(url: str, modem: Modem, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_uplink(SimpleNamespace(url=url), KID, modem)


@pytest.mark.parametrize(
    ("final", "lines", "said"),
    [
        ("+CME ERROR: 30", [], "AT+QIACT: +CME ERROR: 30"),
        ("ERROR", [], "AT+QIACT: ERROR"),
        ("ERROR", ["+QIACT: broken"], "AT+QIACT: +QIACT: broken"),
        (None, [], "AT+QIACT: no answer"),
    ],
)
def test_a_refusal_is_told_in_the_modules_words(final: str | None, lines: list[str], said: str) -> None:
    modem = Modem("quectel", answer=lambda command: (final, lines) if command == "AT+QIACT=1" else ("OK", []))
    with pytest.raises(UplinkError) as refused:
        send(modem, url="modem+mqtt://a")
    assert str(refused.value) == said


@pytest.mark.parametrize("name", ["quectel", "simcom", "ublox"])
def test_a_modem_that_says_nothing_costs_only_bounded_waits(name: str) -> None:
    modem = Modem(name, answer=lambda command: (None, []))
    with pytest.raises(UplinkError, match="no answer"):
        send(modem, url="modem+mqtt://a")
    assert len(modem.sent) < 10


def test_a_ca_that_is_not_there_is_an_uplink_error() -> None:
    modem = Modem("quectel")
    with pytest.raises(UplinkError, match="No such file"):
        send(modem, url="modem+mqtts://a", ca="/nowhere/ca.der")


def test_rotation_over_a_broker_with_passwords_wants_a_name_that_stays() -> None:
    with pytest.raises(UplinkError, match="set mqtt_user to 0000000000000000"):
        send(Modem("quectel"), "rotation", url="modem+mqtt://a", mqtt_password="secret")


def test_the_ca_goes_out_as_pem_under_a_name_of_its_own(tmp_path: Path) -> None:
    cas = [make_authority(tmp_path / name).ca_der.read_bytes() for name in ("a", "b")]
    names = []
    for ca in cas:
        name, pem = native.Native(SimpleNamespace(url="modem+mqtts://a", ca=ca), "mqtt", 1, 2)._pem()
        assert ssl.PEM_cert_to_DER_cert(pem.decode()) == ca
        assert max(map(len, pem.splitlines())) <= 64
        names.append(name)
    assert names[0] != names[1]


@given(st.binary(min_size=1, max_size=200))
def test_every_answer_comes_back_from_its_text(octets: bytes) -> None:
    assert native._octets(b64encode(octets).decode()) == octets


@given(st.text(max_size=60))
def test_what_is_no_base64_is_no_answer(text: str) -> None:
    try:
        octets = native._octets(text)
    except UplinkError:
        return
    assert b64encode(octets).decode() == text


@given(st.lists(st.sampled_from(["+CREG: 1", "RING", "+X: 1", "data", "+Y: 2", "more"]), max_size=12))
def test_only_data_right_behind_their_announcement_are_kept(said: list[str]) -> None:
    modem = Modem("simcom")
    heard: list[str] = []
    modem.urc = heard.append
    follower = simcom.Follower(modem, ("+X", "+Y"))
    for line in said:
        modem.urc(line)
    follower.close()
    assert heard == said
    assert modem.urc == heard.append
    expected = [b for a, b in zip(["", *said], said, strict=False) if a[:2] in ("+X", "+Y") and b[0] != "+"]
    assert follower.lines == expected
