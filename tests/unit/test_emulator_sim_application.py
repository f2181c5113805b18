"""The emulated card's applications, as AT commands reach them."""

import pytest

from simbond_tools.emulator import Card, EmulatorError, Module, load_profile
from simbond_tools.emulator.engine import Engine
from simbond_tools.emulator.uicc import Uicc
from support.cards import CARD

KEYED = Card(CARD.iccid, CARD.imsi, private_key="01".zfill(64))
SELECT = 'AT+CCHO="A0000005590010"'


class Bench:
    def __init__(self, card=KEYED):
        self.engine = Engine(Module(load_profile("generic"), card=card))
        self.now = 0.0
        self.ask("ATE0", "AT+CMEE=1")

    def ask(self, *commands):
        return [self._send(command) for command in commands]

    def _send(self, command):
        self.now += 1
        sent = self.engine.step(self.now, command.encode() + b"\r")
        return b"".join(sent).decode().strip().replace("\r\n", "|")

    def swap(self, card):
        taken = self.engine.remove(self.now)
        self.engine.insert(card, self.now)
        self.now += 5
        self.engine.step(self.now)
        return taken


def test_a_session_is_opened_used_and_closed():
    assert Bench().ask(SELECT, 'AT+CGLA=1,18,"00CD000003850101"', 'AT+CGLA=1,16,"00CD000003850101"', "AT+CCHC=1") == [
        "+CCHO: 1||OK",
        "+CME ERROR: 50",
        '+CGLA: 4,"6147"||OK',
        "OK",
    ]


def test_the_public_key_is_the_one_that_the_card_states():
    bench = Bench()
    *_, answer = bench.ask(SELECT, 'AT+CGLA=1,16,"00CD000003850101"', 'AT+CGLA=1,10,"00C0000047"')
    assert KEYED.sim_key.upper() in answer


def test_more_sessions_than_channels_are_refused():
    assert Bench().ask(*[SELECT] * 4) == ["+CCHO: 1||OK", "+CCHO: 2||OK", "+CCHO: 3||OK", "+CME ERROR: 3"]


def test_by_csim_the_channel_is_in_the_class():
    assert Bench().ask(
        'AT+CSIM=10,"0070000001"',
        'AT+CSIM=24,"01A4040007A0000005590010"',
        'AT+CSIM=16,"00CD000003850101"',
        'AT+CSIM=16,"01CD000003850101"',
        'AT+CSIM=10,"0070800100"',
        'AT+CSIM=16,"01CD000003850101"',
    ) == [
        '+CSIM: 6,"019000"||OK',
        '+CSIM: 4,"6104"||OK',
        '+CSIM: 4,"6D00"||OK',
        '+CSIM: 4,"6147"||OK',
        '+CSIM: 4,"9000"||OK',
        '+CSIM: 4,"6881"||OK',
    ]


def test_a_card_without_a_key_has_no_applet():
    assert Bench(CARD).ask(SELECT, SELECT) == ["+CME ERROR: 22"] * 2


def test_another_card_knows_nothing_of_the_channels():
    bench = Bench()
    bench.ask(SELECT, SELECT)
    bench.swap(KEYED)
    assert bench.ask('AT+CGLA=1,16,"00CD000003850101"', SELECT) == ["+CME ERROR: 50", "+CCHO: 1||OK"]


def test_without_a_card_there_is_nothing_to_reach():
    commands = (SELECT, "AT+CCHC=1", 'AT+CGLA=1,8,"00CD0000"', 'AT+CSIM=8,"00CD0000"')
    assert Bench(None).ask(*commands) == ["+CME ERROR: 10"] * 4


@pytest.mark.parametrize(
    "command",
    ["AT+CCHO", "AT+CCHO=XY", "AT+CCHC=9", "AT+CCHC=x", "AT+CGLA=1,4", 'AT+CGLA=9,8,"00CD0000"', 'AT+CSIM=8,"00CD00"'],
)
def test_what_makes_no_sense_is_refused(command):
    assert Bench().ask(command)[0] in ("+CME ERROR: 50", "+CME ERROR: 22")


@pytest.mark.parametrize(
    ("apdu", "answer"),
    [
        ("00CD", "6700"),
        ("00CD00000385", "6700"),
        ("0070010000", "6a86"),
        ("0070800000", "6881"),
        ("0070800300", "6881"),
        ("00C0000010", "6700"),
        ("00A4040002AAAA", "6a82"),
        ("40CD0000", "6881"),
    ],
)
def test_status_words_of_the_card(apdu, answer):
    assert Uicc({}).exchange(bytes.fromhex(apdu)).hex() == answer


@pytest.mark.parametrize("key", ["", "00" * 32, "FF" * 32, "01" * 31])
def test_no_card_has_a_key_that_is_none(key):
    with pytest.raises(EmulatorError, match="P-256"):
        Card(CARD.iccid, CARD.imsi, private_key=key)
