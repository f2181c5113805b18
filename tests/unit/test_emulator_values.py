"""Cards, IMEIs, cells and command lines: what is accepted, and the codes that modules print."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_tools.check_digit import luhn_digit
from simbond_tools.emulator import Card, Cell, EmulatorError
from simbond_tools.emulator.atline import split
from simbond_tools.emulator.card import normal_imei
from simbond_tools.emulator.cell import cesq, csq


def test_card_files() -> None:
    card = Card(iccid="898604a51921c0114672", imsi="46099012345678")
    assert card.iccid == "898604A51921C0114672"
    assert card.ef_iccid == "9868405A91120C116427"
    assert card.ef_imsi == "0841069910325476F8"


@given(st.text("0123456789", min_size=16, max_size=18))
def test_ef_iccid_is_the_iccid_with_nibbles_swapped(digits: str) -> None:
    card = Card("89" + digits, "001010123456789")
    swapped = "".join(b + a for a, b in zip(card.ef_iccid[::2], card.ef_iccid[1::2], strict=True))
    assert len(swapped) == 20
    assert swapped.rstrip("F") == card.iccid


@pytest.mark.parametrize(
    ("iccid", "imsi", "pin", "message"),
    [
        ("8988", "001010123456789", None, "ICCID '8988': 18 to 20 digits"),
        ("7788300000001234567", "001010123456789", None, "start with 89"),
        ("898830000000123456G", "001010123456789", None, "ICCID"),
        ("8988300000001234567", "0010101234567890", None, "IMSI"),
        ("8988300000001234567", "001010123456789", "12", "PIN: 4 to 8"),
    ],
)
def test_impossible_cards_are_refused(iccid: str, imsi: str, pin: str | None, message: str) -> None:
    with pytest.raises(EmulatorError, match=message):
        Card(iccid, imsi, pin)


def test_imei() -> None:
    assert luhn_digit("49015420323751") == "8"  # the example of 3GPP TS 23.003
    assert normal_imei("49015420323751") == "490154203237518"
    assert normal_imei("490154203237510") == "490154203237510"  # a module can be told a wrong check digit
    for wrong in ("", "4901542032375", "4901542032375188", "49015420323751x"):
        with pytest.raises(EmulatorError, match="15 digits"):
            normal_imei(wrong)


@pytest.mark.parametrize(("dbm", "code"), [(-120, 0), (-113, 0), (-111, 1), (-67, 23), (-51, 31), (-30, 31)])
def test_csq(dbm: int, code: int) -> None:
    assert csq(Cell(rssi_dbm=dbm)) == code


@pytest.mark.parametrize(
    ("rsrp", "rsrq", "codes"),
    [(-141, -20, "0,0"), (-140, -19, "2,1"), (-95, -11, "18,46"), (-44, -3, "34,97"), (-30, 0, "34,97")],
)
def test_cesq(rsrp: int, rsrq: int, codes: str) -> None:
    assert cesq(Cell(rsrp_dbm=rsrp, rsrq_db=rsrq)) == f"99,99,255,255,{codes}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tac": 65536}, "tac 65536: a number from 0 to 65535"),
        ({"tac": "east"}, "tac 'east' is not a number"),
        ({"cell_id": 1 << 28}, "cell_id"),
        ({"rat": "GSM", "cell_id": 65536}, "16 bits"),
        ({"rat": "5G"}, "one of GSM, UMTS"),
        ({"plmn": "1"}, "5 or 6 digits"),
        ({"registration": "maybe"}, "one of auto, home"),
        ({"height": 3}, "a cell has no 'height'; it has rat, plmn"),
    ],
)
def test_impossible_cells_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(EmulatorError, match=message):
        Cell().changed(change)


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("AT", []),
        ("ATE0V1&F", ["E0", "V1", "&F"]),
        ("ATE0+CSQ;+CREG?", ["E0", "+CSQ", "+CREG?"]),
        ('at+qeng="servingcell";', ['+QENG="SERVINGCELL"']),
        ('AT+X="a;b, c", 2;I', ['+X="A;B, C",2', "I"]),
        ("ATS0=0;+CMEE=1", ["S0=0", "+CMEE=1"]),
        ("AT#QSS?;^SYSINFO", ["#QSS?", "^SYSINFO"]),
        ('AT+X="open', ['+X="OPEN']),
        ("AT=", ["="]),
    ],
)
def test_command_line_is_taken_apart(line: str, keys: list[str]) -> None:
    assert [command.key for command in split(line) or []] == keys


def test_arguments() -> None:
    (command,) = split('AT+X=1,,"a,b", 3 ') or []
    assert command.arguments == ["1", "", "a,b", "3"]
    assert [c.arguments for c in split("AT+X;+X?;+X=?;+X=") or []] == [None, None, None, []]


@given(st.text())
def test_any_line_is_taken_apart(text: str) -> None:
    commands = split("AT" + text)
    assert commands is not None
    for command in commands:
        assert isinstance(command.key, str)
        assert command.arguments is None or all(isinstance(a, str) for a in command.arguments)
