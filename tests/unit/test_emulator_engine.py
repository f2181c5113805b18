"""The emulator's engine without a terminal: bytes in, bytes out, time given."""

import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_tools.emulator import Card, Cell, EmulatorError, Module, load_profile, profile_names
from simbond_tools.emulator.engine import Engine

CARD = Card(iccid="8988300000001234567", imsi="001010123456789")
OTHER = Card(iccid="89883000000076543219", imsi="262990987654321")
SECONDS = 1000.0


class Line:
    """An engine with a clock that the test turns."""

    def __init__(self, profile: str, card: Card | None = CARD, **cell: object) -> None:
        loaded = load_profile(profile)
        place = Cell(rat=loaded.rats[0], plmn="00101", tac=0x0B1C, cell_id=0x1234567, rsrp_dbm=-98, rsrq_db=-12)
        clock = datetime(2026, 3, 4, 5, 6, 7, tzinfo=timezone(timedelta(hours=8)))
        self.module = Module(loaded, "004999010640000", card, place.changed(cell), clock=lambda: clock)
        self.engine = Engine(self.module, sim_busy_s=0.5, boot_s=2.0)
        self.now = SECONDS
        self.ask("ATE0")

    def send(self, data: bytes) -> bytes:
        return b"".join(self.engine.step(self.now, data))

    def ask(self, command: str) -> bytes:
        return self.send(command.encode() + b"\r")

    def wait(self, seconds: float) -> bytes:
        self.now += seconds
        return b"".join(self.engine.step(self.now))


def ok(*blocks: str) -> bytes:
    """Blocks of information text as a module frames them, then OK."""
    return b"".join(b"\r\n" + text.replace("\n", "\r\n").encode() + b"\r\n" for text in (*blocks, "OK"))


COMMON = {
    "AT": "",
    "AT+CGSN": "004999010640000",
    "AT+CGSN=0": "004999010640000",
    "AT+CGSN=1": '+CGSN: "004999010640000"',
    "AT+CGSN=2": '+CGSN: "0049990106400001"',
    "AT+CGSN=3": '+CGSN: "01"',
    "AT+CIMI": "001010123456789",
    "AT+CPIN?": "+CPIN: READY",
    "AT+CRSM=176,12258,0,0,10": '+CRSM: 144,0,"988803000000214365F7"',
    "AT+CRSM=176,28423,0,0,9": '+CRSM: 144,0,"080910101032547698"',
    "AT+CRSM=176,28589,0,0,4": '+CRSM: 106,130,""',
    "AT+CREG?": "+CREG: 0,1",
    "AT+CGREG?": "+CGREG: 0,1",
    "AT+CEREG?": "+CEREG: 0,1",
    "AT+CEREG=?": "+CEREG: (0-2)",
    "AT+COPS=3,2": "",
    "AT+COPS=0": "",
    "AT+CSQ": "+CSQ: 23,99",
    "AT+CESQ": "+CESQ: 99,99,255,255,16,43",
    "AT+CFUN?": "+CFUN: 1",
    "AT+CCLK?": '+CCLK: "26/03/04,05:06:07+32"',
    "ATV1Q0&W": "",
}
REPLIES = {
    "generic": {
        "ATI": "Generic\n27007\n1.0.0",
        "AT+CCID": "+CCID: 8988300000001234567",
        "AT+COPS?": '+COPS: 0,0,"Test PLMN 1-1",7',
        "AT+CMEE?": "+CMEE: 0",
    },
    "quectel-bg95": {
        "ATI": "Quectel\nBG95-M3\nRevision: BG95M3LAR02A04",
        "AT+CGMI": "Quectel",
        "AT+CGMM": "BG95-M3",
        "AT+CGMR": "BG95M3LAR02A04",
        "AT+QCCID": "+QCCID: 8988300000001234567F",
        "AT+COPS?": '+COPS: 0,0,"Test PLMN 1-1",8',
        "AT+CMEE?": "+CMEE: 1",
        "AT+QSIMSTAT?": "+QSIMSTAT: 0,1",
        "AT+QSIMDET?": "+QSIMDET: 0,0",
        "AT+QINISTAT": "+QINISTAT: 3",
        'AT+QENG="servingcell"': '+QENG: "servingcell","NOCONN","eMTC","FDD",001,01,'
        "1234567,101,1825,3,3,3,B1C,-98,-12,-67,12,35",
        "AT+QCSQ": '+QCSQ: "eMTC",-67,-98,160,-12',
        "AT+QNWINFO": '+QNWINFO: "eMTC","00101","LTE BAND 3",1825',
        "AT+QLTS=2": '+QLTS: "2026/03/04,05:06:07+32,0"',
        "AT+EGMR=0,7": '+EGMR: "004999010640000"',
    },
    "quectel-ec25": {
        "ATI": "Quectel\nEC25\nRevision: EC25EFAR06A01M4G",
        "AT+QCCID": "+QCCID: 8988300000001234567F",
        "AT+COPS?": '+COPS: 0,0,"Test PLMN 1-1",7',
        'AT+QENG="servingcell"': '+QENG: "servingcell","NOCONN","LTE","FDD",001,01,'
        "1234567,101,1825,3,5,5,B1C,-98,-12,-67,12,22",
        "AT+QCSQ": '+QCSQ: "LTE",-67,-98,160,-12',
        "AT+QNWINFO": '+QNWINFO: "FDD LTE","00101","LTE BAND 3",1825',
    },
    "simcom-sim7080": {
        "ATI": "R1951.07",
        "AT+CGMI": "SIMCOM_Ltd",
        "AT+CGMM": "SIMCOM_SIM7080",
        "AT+CGMR": "Revision:1951B16SIM7080",
        "AT+CCID": "8988300000001234567F",
        "AT+COPS?": '+COPS: 0,0,"Test PLMN 1-1",7',
        "AT+CMEE?": "+CMEE: 0",
        "AT+CSMINS?": "+CSMINS: 0,1",
        "AT+CPSI?": "+CPSI: LTE CAT-M1,Online,001-01,0x0B1C,19088743,101,EUTRAN-BAND3,1825,5,5,-12,-98,-67,12",
        "AT+SIMEI?": "+SIMEI: 004999010640000",
    },
    "simcom-sim7600": {
        "ATI": "Manufacturer: SIMCOM INCORPORATED\nModel: SIMCOM_SIM7600E-H\nRevision: SIM7600M22_V2.0\n"
        "IMEI: 004999010640000\n+GCAP: +CGSM",
        "AT+CICCID": "+ICCID: 8988300000001234567",
        "AT+COPS?": '+COPS: 0,0,"Test PLMN 1-1",7',
        "AT+CMEE?": "+CMEE: 2",
        "AT+CPSI?": "+CPSI: LTE,Online,001-01,0x0B1C,19088743,101,EUTRAN-BAND3,1825,5,5,-120,-980,-670,12",
    },
    "ublox-sara-r5": {
        "AT+CCID": "+CCID: 8988300000001234567",
        "AT+UCGED?": "+UCGED: 0",
        "AT+COPS?": '+COPS: 0,0,"Test PLMN 1-1",7',
    },
    "telit-me910": {
        "AT#CCID": "#CCID: 8988300000001234567",
        "AT#QSS?": "#QSS: 0,3",
        "AT#RFSTS": '#RFSTS: "001 01",1825,-98,-67,-12,B1C,,128,3,1,1234567,"001010123456789","Test PLMN 1-1",3,3,108',
        "AT+COPS?": '+COPS: 0,0,"Test PLMN 1-1",7',
    },
}


def test_every_built_in_profile_is_in_the_table() -> None:
    assert sorted(REPLIES) == profile_names()


@pytest.mark.parametrize(("profile", "command"), [(p, c) for p in REPLIES for c in COMMON | REPLIES[p]])
def test_reply(profile: str, command: str) -> None:
    expected = (COMMON | REPLIES[profile])[command]
    assert Line(profile).ask(command) == ok(*[expected] if expected else [])


OTHER_CELLS = [
    ("quectel-bg95", "NB-IoT", 'AT+QENG="servingcell"', '"NOCONN","NBIoT","FDD",001,01,1234,101,1825,3,3,3,B1C,-98,'),
    ("quectel-bg95", "GSM", 'AT+QENG="servingcell"', '"NOCONN","GSM",001,01,B1C,1234,26,50,-,-98,255,255,0,38,38,1,'),
    ("quectel-ec25", "UMTS", 'AT+QENG="servingcell"', '"NOCONN","WCDMA",001,01,B1C,1234,10662,101,1,-98,-12,-,-,'),
    ("quectel-ec25", "GSM", "AT+QNWINFO", '+QNWINFO: "EDGE","00101","GSM 900",98'),
    ("quectel-ec25", "GSM", "AT+CESQ", "+CESQ: 13,99,255,255,255,255"),
    ("quectel-ec25", "UMTS", "AT+CESQ", "+CESQ: 99,99,23,25,255,255"),
    ("quectel-ec25", "GSM", "AT+CEREG?", "+CEREG: 0,0"),
    ("quectel-ec25", "GSM", "AT+CREG?", "+CREG: 0,1"),
    ("simcom-sim7080", "NB-IoT", "AT+CPSI?", "+CPSI: LTE NB-IOT,Online,001-01,0x0B1C,4660,101,EUTRAN-BAND3,1825,"),
    ("simcom-sim7600", "GSM", "AT+CPSI?", "+CPSI: GSM,Online,001-01,0x0B1C,4660,98 EGSM 900,-98,0,32-32"),
    ("simcom-sim7600", "UMTS", "AT+CPSI?", "+CPSI: WCDMA,Online,001-01,0x0B1C,4660,WCDMA IMT 2000,101,10662,0,7.5,98,"),
]


@pytest.mark.parametrize(("profile", "rat", "command", "part"), OTHER_CELLS)
def test_reply_in_another_rat(profile: str, rat: str, command: str, part: str) -> None:
    assert part in Line(profile, rat=rat, cell_id=0x1234).ask(command).decode()


def test_sara_prints_levels_as_indices() -> None:
    line = Line("ublox-sara-r5")
    assert line.ask("AT+UCGED=2") == ok()
    assert line.ask("AT+UCGED?") == ok(
        "+UCGED: 2\n6,4,001,01\n1825,3,50,50,0b1c,1234567,101,d60814d1,8001,01,43,16,12.00,3,1,10,28,-50,-6,0,255,255,0"
    )


# --- the command line ---------------------------------------------------------------------------------------------


def test_echo_ends_in_cr_and_can_be_switched() -> None:
    line = Line("quectel-bg95")
    assert line.ask("ATE1") == ok()
    assert line.ask("AT+CSQ") == b"AT+CSQ\r\r\n+CSQ: 23,99\r\n\r\nOK\r\n"
    assert line.ask("ATE0") == b"ATE0\r\r\nOK\r\n"
    assert line.ask("AT") == ok()


def test_line_feed_of_the_host_is_not_echoed() -> None:
    line = Line("generic")
    line.ask("ATE1")
    assert line.send(b"AT\r\nAT\r\n") == b"AT\r\r\nOK\r\nAT\r\r\nOK\r\n"


def test_several_commands_in_one_line_have_one_final_result() -> None:
    line = Line("generic")
    assert line.ask("AT+COPS?;+COPS=3,2;+COPS?") == ok('+COPS: 0,0,"Test PLMN 1-1",7', '+COPS: 0,2,"00101",7')
    assert line.ask("ATE0+CSQ") == ok("+CSQ: 23,99")
    assert line.ask("AT+CSQ;+NONSENSE;+CSQ") == b"\r\n+CSQ: 23,99\r\n\r\nERROR\r\n"


@pytest.mark.parametrize("command", ["at+csq", "At+Csq", "AT +CSQ", "\x00\xffAT+CSQ"])
def test_case_spaces_and_noise_do_not_matter(command: str) -> None:
    assert Line("generic").send(command.encode("latin-1") + b"\r") == ok("+CSQ: 23,99")


def test_arguments_in_any_case() -> None:
    assert b'"servingcell","NOCONN"' in Line("quectel-ec25").ask('AT+QENG="SERVINGCELL"')


def test_what_is_no_command_line_is_ignored() -> None:
    line = Line("generic")
    assert line.ask("hello") == b""
    assert line.ask("") == b""
    assert line.ask("AT") == ok()


def test_a_slash_repeats() -> None:
    line = Line("generic")
    line.ask("AT+CSQ")
    assert line.send(b"A/") == ok("+CSQ: 23,99")


def test_backspace_edits() -> None:
    assert Line("generic").send(b"AT+CSX\x08Q\r") == ok("+CSQ: 23,99")


@given(st.binary(max_size=200))
def test_no_bytes_upset_the_engine(noise: bytes) -> None:
    line = Line("quectel-bg95")
    line.send(noise + b"\r")
    line.wait(10.0)
    line.ask("ATE0")
    assert line.ask("AT").endswith(ok())


@given(st.lists(st.integers(0, 40), max_size=8))
def test_split_reads_make_no_difference(cuts: list[int]) -> None:
    sent = b'AT+QENG="servingcell";+CSQ\rAT+CIMI\r'
    whole, parts = Line("quectel-bg95"), Line("quectel-bg95")
    edges = sorted({0, *cuts, len(sent)})
    pieces = [sent[a:b] for a, b in itertools.pairwise(edges)]
    assert b"".join(parts.send(p) for p in pieces) == whole.send(sent)


# --- errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "empty", "unknown"),
    [
        ("0", "ERROR", "ERROR"),
        ("1", "+CME ERROR: 10", "+CME ERROR: 100"),
        ("2", "+CME ERROR: SIM not inserted", "+CME ERROR: unknown"),
    ],
)
def test_cmee_chooses_the_form_of_errors(mode: str, empty: str, unknown: str) -> None:
    line = Line("generic", card=None)
    assert line.ask(f"AT+CMEE={mode}") == ok()
    for command in ("AT+CPIN?", "AT+CIMI", "AT+CCID", "AT+CRSM=176,12258,0,0,10"):
        assert line.ask(command) == f"\r\n{empty}\r\n".encode()
    assert line.ask("AT+NONSENSE") == f"\r\n{unknown}\r\n".encode()


@pytest.mark.parametrize("profile", ["quectel-bg95", "simcom-sim7600"])
def test_unknown_commands_are_a_plain_error_on_quectel_and_simcom(profile: str) -> None:
    line = Line(profile)
    line.ask("AT+CMEE=2")
    assert line.ask("AT+NONSENSE=1") == b"\r\nERROR\r\n"


@pytest.mark.parametrize("command", ["AT+CMEE=3", "AT+CMEE=x", "AT+CFUN=7", "AT+CEREG=1,1", "AT+COPS=9", "AT+CRSM=176"])
def test_arguments_out_of_range_are_refused(command: str) -> None:
    line = Line("generic")
    line.ask("AT+CMEE=1")
    assert line.ask(command) == b"\r\n+CME ERROR: 50\r\n"


# --- tray ---------------------------------------------------------------------------------------------------------


def urcs(*lines: str) -> bytes:
    return b"".join(f"\r\n{text}\r\n".encode() for text in lines)


SWAPS = [
    (
        "quectel-bg95",
        "AT+QSIMSTAT=1",
        ["+CPIN: NOT READY", "+QSIMSTAT: 1,0"],
        ["+QSIMSTAT: 1,1"],
        ["+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE"],
    ),
    (
        "simcom-sim7080",
        "AT+CSMINS=1",
        ["+CSMINS: 1,0", "+CPIN: NOT READY"],
        ["+CSMINS: 1,1"],
        ["+CPIN: READY", "SMS Ready"],
    ),
    (
        "simcom-sim7600",
        "AT+UIMHOTSWAPON=1",
        ["+SIMCARD: NOT AVAILABLE", "+CPIN: NOT READY"],
        [],
        ["+CPIN: READY", "SMS DONE", "PB DONE"],
    ),
    ("ublox-sara-r5", "AT+USIMSTAT=1", ["+UUSIMSTAT: 0"], [], ["+UUSIMSTAT: 6"]),
    ("telit-me910", "AT#QSS=2", ["#QSS: 0"], ["#QSS: 1"], ["#QSS: 3"]),
    ("generic", "AT", [], [], []),
]


@pytest.mark.parametrize(("profile", "enable", "removed", "inserted", "ready"), SWAPS)
def test_card_is_swapped(profile: str, enable: str, removed: list[str], inserted: list[str], ready: list[str]) -> None:
    line = Line(profile)
    line.ask("AT+CMEE=1")
    line.ask("AT+CEREG=1")
    assert line.ask(enable) == ok()
    assert line.engine.remove(line.now) == CARD
    assert line.wait(0) == urcs(*removed, "+CEREG: 0")
    assert line.ask("AT+CPIN?") == urcs("+CME ERROR: 10")
    assert line.ask("AT+CEREG?") == ok("+CEREG: 1,0")
    line.engine.insert(OTHER, line.now)
    assert line.wait(0.1) == urcs(*inserted)
    assert line.ask("AT+CIMI") == urcs("+CME ERROR: 14")
    assert line.wait(0.5) == urcs(*ready, "+CEREG: 5")
    assert line.ask("AT+CIMI") == ok("262990987654321")


def test_without_the_setting_only_the_state_changes() -> None:
    line = Line("quectel-ec25")
    line.engine.remove(line.now)
    assert line.wait(1) == urcs("+CPIN: NOT READY")
    assert line.ask("AT+QSIMSTAT?") == ok("+QSIMSTAT: 0,0")


def test_card_taken_out_while_busy_never_gets_ready() -> None:
    line = Line("quectel-bg95", card=None)
    line.engine.insert(CARD, line.now)
    line.wait(0.4)
    line.engine.remove(line.now)
    line.engine.insert(OTHER, line.now)
    assert b"READY" not in line.wait(0.2).replace(b"NOT READY", b"")
    assert b"+CPIN: READY" in line.wait(0.4)


def test_tray_holds_one_card() -> None:
    line = Line("generic")
    with pytest.raises(EmulatorError, match="remove it first"):
        line.engine.insert(OTHER, line.now)
    line.engine.remove(line.now)
    with pytest.raises(EmulatorError, match="empty"):
        line.engine.remove(line.now)


def test_pin() -> None:
    line = Line("quectel-bg95", card=Card(CARD.iccid, CARD.imsi, pin="4321"))
    assert line.ask("AT+CPIN?") == ok("+CPIN: SIM PIN")
    assert line.ask("AT+QCCID") == ok("+QCCID: 8988300000001234567F")
    assert line.ask("AT+CIMI") == urcs("+CME ERROR: 11")
    assert line.ask("AT+CEREG?") == ok("+CEREG: 0,0")
    assert line.ask('AT+CPIN="1111"') == urcs("+CME ERROR: 16")
    assert line.ask('AT+CPIN="4321"') == ok() + urcs("+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE")
    assert line.ask("AT+CIMI") == ok("001010123456789")
    assert line.ask('AT+CPIN="4321"') == urcs("+CME ERROR: 3")


def test_three_wrong_pins_ask_for_the_puk() -> None:
    line = Line("generic", card=Card(CARD.iccid, CARD.imsi, pin="4321"))
    for _ in range(3):
        line.ask("AT+CPIN=1111")
    assert line.ask("AT+CPIN?") == ok("+CPIN: SIM PUK")
    assert b"ERROR" in line.ask("AT+CPIN=4321")


def test_radio_off_gives_the_card_up_and_on_reads_it_again() -> None:
    line = Line("quectel-bg95")
    assert line.ask("AT+CFUN=0") == ok() + urcs("+CPIN: NOT READY")
    assert line.ask("AT+CPIN?") == urcs("+CME ERROR: 13")
    assert line.ask("AT+CFUN=1") == ok()
    assert line.ask("AT+CPIN?") == urcs("+CME ERROR: 14")
    line.wait(0.5)
    assert line.ask("AT+CPIN?") == ok("+CPIN: READY")


def test_flight_mode_keeps_the_card() -> None:
    line = Line("simcom-sim7080")
    line.ask("AT+CEREG=1")
    assert line.ask("AT+CFUN=4") == ok() + urcs("+CEREG: 0")
    assert line.ask("AT+CPIN?;+CPSI?;+CSQ") == ok("+CPIN: READY", "+CPSI: NO SERVICE,Online", "+CSQ: 99,99")
    assert line.ask("AT+CFUN=1") == ok() + urcs("+CEREG: 1")


# --- cell ---------------------------------------------------------------------------------------------------------


def test_move_is_told_once_to_those_who_asked() -> None:
    line = Line("quectel-bg95")
    assert line.ask("AT+CEREG=2;+CREG=1") == ok()
    assert line.wait(1) == b""
    line.engine.move(line.module.cell.changed({"tac": "0xBEEF", "cell_id": "19088744"}), line.now)
    assert line.wait(0) == urcs('+CEREG: 1,"BEEF","01234568",8')
    line.engine.move(line.module.cell.changed({"rsrp_dbm": -110}), line.now)
    assert line.wait(0) == b""
    line.engine.move(line.module.cell.changed({"plmn": "26299"}), line.now)
    assert line.wait(0) == urcs("+CREG: 5", '+CEREG: 5,"BEEF","01234568",8')
    assert line.ask("AT+CEREG?") == ok('+CEREG: 2,5,"BEEF","01234568",8')


def test_the_network_may_refuse() -> None:
    line = Line("quectel-ec25", registration="denied")
    assert line.ask("AT+CEREG?") == ok("+CEREG: 0,3")
    assert line.ask("AT+COPS?") == ok("+COPS: 0")
    assert b'"LIMSRV","LTE"' in line.ask('AT+QENG="servingcell"')


def test_without_a_cell() -> None:
    line = Line("quectel-ec25")
    line.engine.move(None, line.now)
    assert line.ask('AT+QENG="servingcell"') == ok('+QENG: "servingcell","SEARCH"')
    assert line.ask("AT+QCSQ") == ok('+QCSQ: "NOSERVICE"')
    assert line.ask("AT+CEREG?;+CSQ;+CESQ") == ok("+CEREG: 0,2", "+CSQ: 99,99", "+CESQ: 99,99,255,255,255,255")


def test_a_module_has_only_its_rats() -> None:
    line = Line("quectel-ec25")
    with pytest.raises(EmulatorError, match="quectel-ec25 has no NB-IoT; it has LTE, UMTS, GSM"):
        line.engine.move(Cell(rat="NB-IoT"), line.now)


# --- identity -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "write"),
    [("quectel-bg95", 'AT+EGMR=1,7,"{}"'), ("quectel-ec25", 'AT+EGMR=1,7,"{}"'), ("simcom-sim7600", "AT+SIMEI={}")],
)
def test_imei_can_be_rewritten(profile: str, write: str) -> None:
    line = Line(profile)
    assert line.ask(write.format("004999010640018")) == ok()
    assert line.ask("AT+CGSN") == ok("004999010640018")
    line.ask("AT+CMEE=1")
    assert line.ask(write.format("12")) == urcs("+CME ERROR: 50")
    assert line.ask("AT+CGSN") == ok("004999010640018")


# --- faults -------------------------------------------------------------------------------------------------------

CSQ = "+CSQ: 23,99"


@pytest.mark.parametrize(
    ("fault", "value", "reply"),
    [
        ("late-urc", None, urcs("+CREG: 1", CSQ, "OK")),
        ("late-urc", "+CMTI: 1", urcs("+CMTI: 1", CSQ, "OK")),
        ("echo", None, b"AT+CSQ\r" + ok(CSQ)),
        ("error", None, urcs("ERROR")),
        ("error", "14", urcs("+CME ERROR: 14")),
        ("silence", None, b""),
        ("cr-only", None, b"\r+CSQ: 23,99\r\rOK\r"),
        ("ok-first", None, urcs("OK", CSQ)),
        ("garbage", None, b"\x00\xff\xfe\x00\xf0\x80~\xc0!" + urcs("RDY", "APP RDY") + ok(CSQ)),
    ],
)
@pytest.mark.parametrize("count", [1, 2])
def test_fault_holds_for_its_count(fault: str, value: str | None, reply: bytes, count: int) -> None:
    line = Line("quectel-bg95")
    line.engine.faults.arm(fault, count, value)
    for _ in range(count):
        assert line.ask("AT+CSQ") == reply
    assert line.ask("AT+CSQ") == ok(CSQ)


def test_fault_until_cleared() -> None:
    line = Line("generic")
    line.engine.faults.arm("silence", None)
    assert [line.ask("AT") for _ in range(20)] == [b""] * 20
    line.engine.faults.clear()
    assert line.ask("AT") == ok()


def test_silence_swallows_the_command() -> None:
    line = Line("quectel-bg95")
    line.engine.faults.arm("silence")
    line.ask('AT+EGMR=1,7,"004999010640018"')
    assert line.ask("AT+CGSN") == ok("004999010640000")


def test_slow_reply_comes_late_and_before_the_next() -> None:
    line = Line("generic")
    line.engine.faults.arm("slow", 1, 5)
    assert line.ask("AT+CSQ") == b""
    assert line.wait(3) == b""
    assert line.ask("AT+CGMM") == b""
    assert line.engine.deadline() == SECONDS + 5
    assert line.wait(2) == ok(CSQ) + ok("27007")


def test_bytewise_reply_is_many_writes() -> None:
    line = Line("generic")
    line.engine.faults.arm("bytewise", 1, 0.01)
    assert line.ask("AT") == b"\r"
    assert line.engine.step(line.now + 1) == [b"\n", b"O", b"K", b"\r", b"\n"]


def test_faults_add_up() -> None:
    line = Line("generic")
    line.engine.faults.arm("late-urc", 1, "RING")
    line.engine.faults.arm("cr-only")
    assert line.ask("AT") == b"\rRING\r\rOK\r"


def test_reset_in_the_middle_of_a_command() -> None:
    line = Line("quectel-bg95")
    line.ask("AT+CEREG=1")
    line.engine.faults.arm("reset")
    sent = line.ask("AT+CGMR")
    assert ok("BG95M3LAR02A04").startswith(sent)
    assert b"OK" not in sent
    assert line.ask("AT") == b""  # booting
    assert line.wait(2) == urcs("RDY", "APP RDY")
    assert line.ask("AT+CEREG?") == b"AT+CEREG?\r" + ok("+CEREG: 0,0")  # settings and echo are the defaults again
    assert line.wait(0.5) == urcs("+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE")


def test_host_resets_the_module() -> None:
    line = Line("simcom-sim7600")
    assert line.ask("AT+CFUN=1,1") == ok()
    assert line.wait(2) == urcs("RDY")


def test_garbage_at_boot() -> None:
    line = Line("simcom-sim7080", card=None)
    line.engine.faults.arm("garbage")
    line.engine.reset(line.now)
    booted = line.wait(2)
    assert not booted.isascii()
    assert booted.endswith(urcs("RDY", "+CFUN: 1"))
    assert line.wait(0.5) == urcs("+CPIN: NOT INSERTED")


@pytest.mark.parametrize(
    ("kind", "count", "value", "message"),
    [
        ("explosion", 1, None, "no fault 'explosion'; there are late-urc, echo"),
        ("silence", 0, None, "1 or more"),
        ("slow", 1, "soon", "takes seconds"),
        ("slow", 1, "nan", "takes seconds"),
        ("error", 1, "x", "CME error code"),
    ],
)
def test_bad_faults_are_refused(kind: str, count: int, value: str | None, message: str) -> None:
    with pytest.raises(EmulatorError, match=message):
        Line("generic").engine.faults.arm(kind, count, value)


def test_clock_without_zone_is_utc() -> None:
    module = Module(load_profile("generic"), clock=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert module.fields()["clock"] == "26/01/02,03:04:05+00"


def test_quectel_tells_utc_and_local_time() -> None:
    line = Line("quectel-ec25")
    assert line.ask("AT+QLTS=1") == ok('+QLTS: "2026/03/03,21:06:07+32,0"')
    assert line.ask("AT+QLTS=2") == ok('+QLTS: "2026/03/04,05:06:07+32,0"')
