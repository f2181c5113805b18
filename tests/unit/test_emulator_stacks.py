"""What the emulated modules' own stacks say while nothing is connected: prompts, results, errors in wrong states."""

import pytest

from simbond_tools.emulator import Card, Cell, Module, load_profile
from simbond_tools.emulator.engine import Engine

CARD = Card(iccid="89860490127123456708", imsi="460049012345678")


class Line:
    """An engine with a clock that the test turns, echo off and error codes on."""

    def __init__(self, profile: str, card: Card | None = CARD) -> None:
        loaded = load_profile(profile)
        self.module = Module(loaded, card=card, cell=Cell(rat=loaded.rats[0]))
        self.engine = Engine(self.module)
        self.now = 1000.0
        self.ask("ATE0")
        self.ask("AT+CMEE=1")

    def send(self, data: bytes) -> bytes:
        return b"".join(self.engine.step(self.now, data))

    def ask(self, command: str) -> str:
        """What comes, its lines joined by a bar."""
        return lines(self.send(command.encode() + b"\r"))

    def wait(self, seconds: float) -> str:
        self.now += seconds
        return lines(b"".join(self.engine.step(self.now)))


def lines(octets: bytes) -> str:
    return "|".join(line for line in octets.decode("latin-1").split("\r\n") if line)


@pytest.fixture
def quectel() -> Line:
    return Line("quectel-ec25")


def test_data_of_a_length_are_taken_as_they_are(quectel: Line) -> None:
    assert quectel.send(b'AT+QFUPL="a.pem",5\r') == b"\r\nCONNECT\r\n"
    assert quectel.send(b"A\r\x1a") == b""
    assert quectel.send(b"T\n") == b"\r\n+QFUPL: 5,5159\r\n\r\nOK\r\n"
    assert quectel.ask('AT+QFLST="*"') == '+QFLST: "a.pem",5|OK'


def test_data_may_be_cut_into_any_chunks_and_a_command_may_follow_at_once(quectel: Line) -> None:
    quectel.send(b'AT+QFUPL="a.pem",4\r')
    for octet in b"abc":
        assert quectel.send(bytes([octet])) == b""
    assert lines(quectel.send(b"dAT\r")) == "+QFUPL: 4,206|OK|OK"


def test_data_that_do_not_come_end_in_an_error(quectel: Line) -> None:
    quectel.send(b'AT+QFUPL="a.pem",4\rab')
    assert quectel.wait(29) == ""
    assert quectel.wait(2) == "ERROR"
    assert quectel.ask("AT") == "OK"
    assert quectel.ask('AT+QFLST="a.pem"') == "+CME ERROR: 405"


def test_a_reset_ends_the_wait_for_data(quectel: Line) -> None:
    quectel.send(b'AT+QFUPL="a.pem",4\rab')
    quectel.engine.reset(quectel.now)
    assert "RDY" in quectel.wait(1)
    assert quectel.ask("AT").endswith("OK")


def test_files_outlive_a_reset_and_settings_do_not(quectel: Line) -> None:
    quectel.send(b'AT+QFUPL="a.pem",1\rx')
    quectel.ask('AT+QSSLCFG="seclevel",2,1')
    quectel.engine.reset(quectel.now)
    quectel.wait(1)
    quectel.ask("ATE0")
    assert quectel.ask('AT+QFLST="a.pem"') == '+QFLST: "a.pem",1|OK'
    assert quectel.ask('AT+QSSLCFG="seclevel",2') == '+QSSLCFG: "seclevel",2,0|OK'


# profile, whether a card is in, commands and what the last of them is answered
SAID = [
    ("quectel-ec25", True, ['AT+QMTCONN=0,"c"'], "ERROR"),
    ("quectel-ec25", True, ["AT+QMTDISC=0"], "ERROR"),
    ("quectel-ec25", True, ["AT+QMTCLOSE=0"], "ERROR"),
    ("quectel-ec25", True, ['AT+QMTPUB=0,1,1,0,"t"'], "ERROR"),
    ("quectel-ec25", True, ['AT+QMTSUB=0,1,"t",1'], "ERROR"),
    ("quectel-ec25", True, ['AT+QMTOPEN=6,"localhost",1883'], "+CME ERROR: 50"),
    ("quectel-ec25", True, ['AT+QMTCFG="colour",0,1'], "+CME ERROR: 50"),
    ("quectel-ec25", False, ['AT+QMTOPEN=0,"localhost",1883'], "OK|+QMTOPEN: 0,3"),
    ("quectel-ec25", False, ["AT+QIACT=1"], "+CME ERROR: 3"),
    ("quectel-ec25", True, ["AT+QIACT=1", "AT+QIACT=1"], "ERROR"),
    ("quectel-ec25", True, ["AT+QIACT=1", "AT+QIACT?"], '+QIACT: 1,1,1,"10.64.0.1"|OK'),
    ("quectel-ec25", True, ['AT+QFUPL="a",1', "x", 'AT+QFUPL="a",1'], "+CME ERROR: 407"),
    ("quectel-ec25", True, ['AT+QFDEL="a"'], "+CME ERROR: 405"),
    ("quectel-ec25", True, ['AT+QSSLCFG="checkhost",1,1'], "+CME ERROR: 50"),
    ("quectel-ec25", True, ["AT+QHTTPPOST=3"], "+CME ERROR: 711"),
    ("quectel-ec25", True, ["AT+QHTTPURL=9", "ftp://a/b"], "+CME ERROR: 711"),
    ("quectel-ec25", True, ["AT+QHTTPURL=10", "http://a/b", "AT+QHTTPPOST=3"], "ERROR"),
    ("quectel-ec25", True, ["AT+QHTTPREAD"], "+CME ERROR: 705"),
    ("simcom-sim7600", True, ['AT+CMQTTACCQ=0,"c"'], "ERROR"),
    ("simcom-sim7600", True, ["AT+CMQTTSTART"], "OK|+CMQTTSTART: 0"),
    ("simcom-sim7600", False, ["AT+CMQTTSTART"], "OK|+CMQTTSTART: 7"),
    ("simcom-sim7600", True, ["AT+CMQTTSTART", "AT+CMQTTSTART"], "ERROR|+CMQTTSTART: 23"),
    ("simcom-sim7600", True, ["AT+CMQTTSTART", 'AT+CMQTTACCQ=0,"c"', 'AT+CMQTTACCQ=0,"c"'], "ERROR|+CMQTTACCQ: 0,19"),
    ("simcom-sim7600", True, ["AT+CMQTTSTART", 'AT+CMQTTACCQ=0,"c"', "AT+CMQTTSTOP"], "ERROR|+CMQTTSTOP: 21"),
    ("simcom-sim7600", True, ["AT+CMQTTSTART", 'AT+CMQTTACCQ=0,"c"', "AT+CMQTTPUB=0,1,60"], "ERROR"),
    ("simcom-sim7600", True, ["AT+CMQTTSTOP"], "ERROR"),
    ("simcom-sim7600", True, ['AT+HTTPPARA="URL","http://a/b"'], "ERROR"),
    ("simcom-sim7600", True, ["AT+HTTPINIT", "AT+HTTPINIT"], "ERROR"),
    ("simcom-sim7600", True, ["AT+HTTPINIT", "AT+HTTPACTION=1"], "ERROR"),
    (
        "simcom-sim7600",
        True,
        ["AT+HTTPINIT", 'AT+HTTPPARA="URL","http://a/b"', "AT+HTTPACTION=1"],
        "OK|+HTTPACTION: 1,702,0",
    ),
    ("simcom-sim7080", True, ["AT+SMCONN"], "+CME ERROR: 3"),
    ("simcom-sim7080", True, ['AT+SMSUB="t",1'], "+CME ERROR: 3"),
    ("simcom-sim7080", True, ['AT+CFSGFIS=3,"a"'], "ERROR"),
    ("simcom-sim7080", True, ["AT+CNACT=0,1"], "OK|+APP PDP: 0,ACTIVE"),
    ("simcom-sim7080", False, ["AT+CNACT=0,1"], "+CME ERROR: 3"),
    ("simcom-sim7080", True, ["AT+SMSTATE?"], "+SMSTATE: 0|OK"),
    ("ublox-sara-r5", True, ["AT+UMQTTC=0"], "+CME ERROR: 3"),
    ("ublox-sara-r5", True, ["AT+UMQTTC=1"], "+CME ERROR: 3"),
    ("ublox-sara-r5", True, ['AT+UMQTT=2,"localhost",1', "AT+UMQTTC=1"], "OK|+UUMQTTC: 1,0"),
    ("ublox-sara-r5", True, ['AT+UMQTT=2,"localhost",1', "AT+UMQTTC=1", "AT+UMQTTER"], "+UMQTTER: 13,13|OK"),
    ("ublox-sara-r5", True, ["AT+UPSND=0,8"], "+UPSND: 0,8,0|OK"),
    ("ublox-sara-r5", True, ["AT+UPSD=0,100,1", "AT+UPSDA=0,3"], 'OK|+UUPSDA: 0,"10.64.0.1"'),
    ("ublox-sara-r5", True, ["AT+UPSDA=0,3", "AT+UPSND=0,8"], "+UPSND: 0,8,1|OK"),
    ("ublox-sara-r5", True, ['AT+USECMNG=2,0,"a"'], "+CME ERROR: 50"),
]


@pytest.mark.parametrize(("profile", "card", "commands", "expected"), SAID)
def test_result(profile: str, card: bool, commands: list[str], expected: str) -> None:
    line = Line(profile, CARD if card else None)
    for command in commands:
        said = line.ask(command) if command.startswith("AT") else lines(line.send(command.encode()))
    assert said == expected


def test_a_lost_context_is_told() -> None:
    line = Line("simcom-sim7600")
    line.ask("AT+CMQTTSTART")
    line.engine.lose_context(line.now)
    assert line.wait(0) == "+CMQTTNONET"
    assert line.ask("AT+CGACT?") == "+CGACT: 1,0|OK"
