"""probe() and Modem against a scripted channel: what is asked, and what is made of the answers."""

import asyncio
import sys

import pytest

from simbond_agent import claims, modem
from simbond_agent.modem import dialect_of, load, probe
from simbond_agent.modem.base import Modem
from simbond_tools.at import DIALECTS

ICCID = "89449990011223344559"
OTHER = "8986999012345678908"
EF = "AT+CRSM=176,12258,0,0,10"
CARD = {
    "AT+CGSN=1": ["+CGSN: 359999060001237"],
    "AT+CPIN?": ["+CPIN: READY"],
    "AT+CCID": [f"+CCID: {ICCID}"],
    EF: ['+CRSM: 144,0,"98449909102132435495"'],
    "AT+CIMI": ["001019999900017"],
}


class Script:
    """A channel that answers from a dict: lines, or a final result in place of them; ERROR to what is not in it."""

    def __init__(self, replies, silent=False):
        self.replies = replies
        self.silent = silent
        self.asked = []

    async def command(self, command, timeout_ms=3000):
        self.asked.append(command)
        if self.silent:
            return None, []
        reply = self.replies.get(command, "ERROR")
        if callable(reply):
            reply = reply()
        return (reply, []) if isinstance(reply, str) else ("OK", reply)


def modem_names():
    return [name for name in DIALECTS if name != "generic"]


def ask(replies, what="identity", dialect="generic", model=""):
    channel = Script(replies)
    return asyncio.run(getattr(Modem(channel, load(dialect), dialect, model), what)()), channel.asked


@pytest.mark.parametrize(
    ("vendor", "model", "dialect"),
    [
        ("Quectel", "EC25", "quectel"),
        ("Quectel", "EG91", "quectel"),
        ("Quectel", "EP06", "quectel"),
        ("Quectel", "EG800K-CN", "quectel"),
        ("Quectel", "BG95-M3", "quectel"),
        ("Quectel_Ltd", "Quectel_M95", "quectel"),
        ("Quectel", "BC95-G", "quectel_nbiot"),
        ("Quectel", "BC28JA-02-STD", "quectel_nbiot"),
        ("Quectel_Ltd", "Quectel_BC260Y-CN", "quectel_nbiot"),
        ("Quectel_Ltd", "BC660K-GL", "quectel_nbiot"),
        ("SIMCOM_Ltd", "SIMCOM_SIM7000E", "simcom"),
        ("SIMCOM_Ltd", "SIMCOM_SIM7080", "simcom"),
        ("SIMCOM INCORPORATED", "SIM7600G-H", "simcom"),
        ("INCORPORATED", "A7670E-FASE", "simcom"),
        ("u-blox", "SARA-R412M-02B", "ublox"),
        ("u-blox", "SARA-R510S", "ublox"),
        ("Telit", "LE910C1-EU", "telit"),
        ("Telit Cinterion", "ME910C1-WW", "telit"),
        ("Cinterion", "ELS61-E", "cinterion"),
        ("Gemalto M2M", "EHS6", "cinterion"),
        ("THALES", "PLS62-W", "cinterion"),
        ("Fibocom Wireless Inc.", "L850-GL", "xmm"),
        ("Fibocom", "L610-CN", "fibocom"),
        ("Fibocom Wireless Inc.", "FM350-GL", "fibocom"),
        ("Nordic Semiconductor ASA", "nRF9160-SICA", "nordic"),
        ("CMCC", "ML307R-DC", "onemo"),
        ("ONEMO", "ML302", "onemo"),
        ("SEQUANS Communications", "GM02S", "sequans"),
        ("Sierra Wireless, Incorporated", "EM7455", "sierra"),
        ("huawei", "ME909s-120", "huawei"),
        ("AirM2M", "Air780E", "luat"),
        ("NEOWAY", "N58", "neoway"),
        ("MEIG", "SLM320", "meig"),
        ("MeiGLink", "SLM770A", "meig"),
        ("Unisoc", "UIS8910", "generic"),
        ("Nobody", "X1", "generic"),
        ("", "", "generic"),
    ],
)
def test_dialect_is_chosen_by_maker_and_model(vendor, model, dialect):
    assert dialect_of(vendor, model) == dialect
    assert hasattr(load(dialect), "PARSE")


def probed(replies):
    return asyncio.run(probe(Script({"AT": [], "ATE0": [], **replies})))


def test_probe():
    found = probed({"AT+CGMI": ["Quectel"], "AT+CGMM": ["BG95-M3"]})
    assert (found.name, found.model) == ("quectel", "BG95-M3")


def test_probe_reads_prefixed_and_quoted_answers():
    found = probed({"AT+CGMI": ['+CGMI: "SIMCOM INCORPORATED"'], "AT+CGMM": ["+CGMM: SIM7080"]})
    assert (found.name, found.model) == ("simcom", "SIM7080")


@pytest.mark.parametrize(
    ("lines", "dialect"),
    [
        (["Manufacturer: QUECTEL", "EC25"], "quectel"),
        (["Quectel_Ltd", "Quectel_BC26", "Revision: BC26NBR01A04"], "quectel_nbiot"),
        (["Manufacturer: INCORPORATED", "Model: A7670C-LASC", "Revision: A7670M6_V1.11.1"], "simcom"),
    ],
)
def test_probe_falls_back_to_ati(lines, dialect):
    assert probed({"ATI": lines}).name == dialect


def test_probe_without_any_name_is_generic():
    assert probed({}).name == "generic"


def test_probe_uses_the_generic_dialect_where_the_file_is_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, modem.__name__ + ".telit", None)
    assert probed({"AT+CGMI": ["Telit"], "AT+CGMM": ["ME910C1-WW"]}).name == "generic"


def test_probe_of_silence_says_what_to_check():
    with pytest.raises(OSError, match="baud rate"):
        asyncio.run(probe(Script({}, silent=True)))


def test_identity():
    said, _ = ask(CARD)
    assert said == {"imei": "359999060001237", "sim": "ready", "iccid": ICCID, "imsi": "001019999900017"}


def test_imei_of_modules_that_do_not_know_snt():
    said, _ = ask({**CARD, "AT+CGSN=1": "ERROR", "AT+CGSN": ["359999060001237"]})
    assert said["imei"] == "359999060001237"


def test_an_imei_of_fourteen_digits_is_read_twice():
    whole = {**CARD, "AT+CGSN=1": "ERROR", "AT+CGSN": ["35999906000123"]}
    assert ask(whole)[0]["imei"] == "35999906000123"
    torn = iter([["35999906000127"], ["359999060001237"]])  # the line lost a digit, once
    assert "imei" not in ask({**whole, "AT+CGSN": lambda: next(torn)})[0]


def test_the_second_imei_of_a_dual_sim_module():
    replies = {**CARD, "AT+QCCID": [f"+QCCID: {ICCID}"]}
    assert ask({**replies, "AT+EGMR=0,10": ['+EGMR: "359999060001245"']}, dialect="quectel")[0]["imei2"] == (
        "359999060001245"
    )
    for none in (['+EGMR: "359999060001237"'], ['+EGMR: "3599990600012301"'], "ERROR"):  # the first again; the IMEISV
        assert "imei2" not in ask({**replies, "AT+EGMR=0,10": none}, dialect="quectel")[0]


def test_the_eid_behind_the_iccid():
    eid = "89049999112233445566778899001183"
    replies = {**CARD, "AT+SQNCCID": [f'+SQNCCID: "{ICCID}","{eid}"']}
    assert ask(replies, dialect="sequans")[0]["eid"] == eid


@pytest.mark.parametrize("sim", ["+CME ERROR: 10", "+CME ERROR: 14", ["+CPIN: NOT INSERTED"], ["+CPIN: NOT READY"]])
def test_nothing_is_asked_about_a_card_that_is_not_there(sim):
    said, asked = ask({**CARD, "AT+CPIN?": sim})
    assert set(said) == {"imei", "sim"}
    assert not {"AT+CCID", EF, "AT+CIMI"} & set(asked)


def test_a_locked_card_still_has_an_iccid():
    said, _ = ask({**CARD, "AT+CPIN?": ["+CPIN: SIM PIN"], "AT+CIMI": "+CME ERROR: 11"})
    assert said == {"imei": "359999060001237", "sim": "pin", "iccid": ICCID}


def test_iccid_that_differs_from_the_card_is_flagged_and_the_modules_is_told():
    said, _ = ask({**CARD, "AT+CCID": [f"+CCID: {OTHER}"]})
    assert said["iccid"] == OTHER
    assert said["iccid_mismatch"] is True


def test_a_card_changed_between_the_two_readings_is_no_mismatch():
    answers = iter([[f"+CCID: {OTHER}"], [f"+CCID: {ICCID}"]])
    said, _ = ask({**CARD, "AT+CCID": lambda: next(answers)})
    assert said["iccid"] == ICCID
    assert "iccid_mismatch" not in said


def test_iccid_without_its_last_digit_is_no_mismatch():
    said, _ = ask({**CARD, "AT+CCID": [f"+CCID: {ICCID[:19]}"]})
    assert "iccid_mismatch" not in said


def test_iccid_of_the_card_alone():
    assert ask({**CARD, "AT+CCID": "ERROR"})[0]["iccid"] == ICCID


def test_second_spelling_of_the_vendor_command():
    replies = {**CARD, "AT+CCID": "ERROR", "AT+CICCID": [f"+ICCID: {ICCID}"], EF: "ERROR"}
    assert ask(replies, dialect="simcom")[0]["iccid"] == ICCID


def test_eid_is_asked_once_a_card():
    eid = "89049999112233445566778899001183"
    channel = Script({**CARD, "AT+QCCID": [f"+QCCID: {ICCID}"], 'AT+QESIM="eid"': [f'+QESIM: "eid","{eid}"']})
    found = Modem(channel, load("quectel"), "quectel")

    async def twice():
        return await found.identity(), await found.identity()

    first, second = asyncio.run(twice())
    assert first == second
    assert first["eid"] == eid
    assert channel.asked.count('AT+QESIM="eid"') == 1


def test_silence_gives_nothing():
    channel = Script({}, silent=True)
    found = Modem(channel, load("generic"), "generic")
    assert asyncio.run(found.identity()) == {}
    assert asyncio.run(found.cell()) == {}


def test_cell_of_the_generic_set():
    said, _ = ask(
        {
            "AT+CEREG?": ['+CEREG: 2,1,"12AB","00C0FFEE",7'],
            "AT+COPS?": ['+COPS: 0,2,"00101",7'],
            "AT+CESQ": ["+CESQ: 99,99,255,255,20,41"],
        },
        "cell",
    )
    assert said == {
        "reg": "home", "rat": "LTE", "tac": 4779, "cell_id": 12648430, "plmn": "00101",
        "rsrp_dbm": -100, "rsrq_db": -10.0,
    }  # fmt: skip
    assert claims.unpack_cell(claims.pack_cell(said))["cell_id"] == 12648430


def test_cell_is_registered_where_any_domain_is():
    said, _ = ask({"AT+CEREG?": ["+CEREG: 2,0"], "AT+CREG?": ['+CREG: 2,5,"12AB","CAFE",0']}, "cell")
    assert said == {"reg": "roaming", "rat": "GSM", "lac": 4779, "cell_id": 51966}


def test_cell_is_one_cell_although_it_changed_between_the_commands():
    said, _ = ask(
        {
            'AT+QENG="servingcell"': [
                '+QENG: "servingcell","NOCONN","LTE","FDD",001,01,C0FFEE,12,1300,3,5,5,12AB,-101,-11,-72,14,30'
            ],
            "AT+CEREG?": ['+CEREG: 2,1,"12AC","00C0FFEF",7'],
        },
        "cell",
        "quectel",
    )
    assert (said["tac"], said["cell_id"], said["reg"]) == (4779, 12648430, "home")


def test_cell_says_nothing_about_the_card():
    row = '#RFSTS: "001 01",1300,-101,-72,-11,12AB,255,,128,3,1,0C0FFEE,"001019999900017","Example",3,3'
    assert "imsi" not in ask({"AT#RFSTS": [row]}, "cell", "telit")[0]


def test_act_7_names_no_rat_on_an_lte_m_module():
    reply = {"AT+CEREG?": ['+CEREG: 2,1,"12AB","00C0FFEE",7']}
    assert "rat" not in ask(reply, "cell", "quectel", "BG95-M3")[0]
    assert ask(reply, "cell", "quectel", "EC25-E")[0]["rat"] == "LTE"


def test_a_cell_that_cannot_be_of_its_rat_is_left_out():
    said, _ = ask({"AT+CEREG?": ['+CEREG: 2,1,"1A2B3C","ABCDEF012",7']}, "cell")
    assert said == {"reg": "home", "rat": "LTE"}


def test_setup_goes_on_after_errors():
    _, asked = ask({}, "setup", "quectel")
    assert asked[0] == "ATE0"
    assert asked[-1] == "AT+QSIMSTAT=1"


@pytest.mark.parametrize(
    ("dialect", "command"),
    [
        ("simcom", "AT+CSMINS=1"),
        ("ublox", "AT+USIMSTAT=5"),
        ("telit", "AT#QSS=1"),
        ("nordic", "AT%XSIM=1"),
        ("cinterion", "AT^SCKS=1"),
    ],
)
def test_setup_has_card_changes_announced(dialect, command):
    assert command in ask({}, "setup", dialect)[1]


@pytest.mark.parametrize("dialect", modem_names())
def test_setup_leaves_the_wiring_of_the_tray_alone(dialect):
    """A detect pin's level is the maker's: a wrong one hides a card that is there."""
    wiring = ("QSIMDET", "UIMHOTSWAP", "CSDT", "MSMPD", "SIMDET", "UGPIOC", "KSIMDET", "&W")
    assert [c for c in ask({}, "setup", dialect)[1] for w in wiring if w in c] == []


@pytest.mark.parametrize(
    ("dialect", "line", "what"),
    [
        ("generic", "+CPIN: READY", "inserted"),
        ("generic", "+CPIN: NOT READY", "removed"),
        ("generic", "+CPIN: NOT INSERTED", "removed"),
        ("quectel", "+CPIN: NOT READY", "removed"),
        ("quectel", "+QSIMSTAT: 1,0", "removed"),
        ("quectel", "+QSIMSTAT: 1,1", "inserted"),
        ("quectel", "+QSIMSTAT: 1,2", None),
        ("simcom", "+SIMCARD: NOT AVAILABLE", "removed"),
        ("simcom", "+CSMINS: 1,0", "removed"),
        ("simcom", "+CSMINS: 1,1", "inserted"),
        ("ublox", "+UUSIMSTAT: 0", "removed"),
        ("ublox", "+UUSIMSTAT: 1", "inserted"),
        ("ublox", "+UUSIMSTAT:6", "inserted"),
        ("ublox", "+UUSIMSTAT: 8", None),
        ("ublox", "+UUSIMSTAT: 9", "inserted"),  # REFRESH: an eSIM's profile may be another
        ("ublox", "+UUSIMSTAT: 10", None),
        ("telit", "#QSS: 0", "removed"),
        ("telit", "#QSS: 1", "inserted"),
        ("nordic", "%XSIM: 0", "removed"),
        ("nordic", "%XSIM: 0,1", "removed"),
        ("nordic", "%XSIM: 1", "inserted"),
        ("cinterion", "^SCKS: 0", "removed"),
        ("cinterion", "^SCKS: 1", "inserted"),
        ("huawei", "^SIMST:255,1", "removed"),
        ("fibocom", "+SIM DROP", "removed"),
        ("fibocom", "+SIM: Inserted", "inserted"),
        ("huawei", "^SIMST:255", "removed"),
        ("fibocom", "+SIM: Removed", "removed"),
        ("luat", "+CPIN: SIM REMOVED 0", "removed"),
        ("generic", "+CREG: 1", None),
        ("generic", "", None),
    ],
)
def test_urcs_of_the_card(dialect, line, what):
    assert Modem(None, load(dialect), dialect).sim_urc(line) == what
