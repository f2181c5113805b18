import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_agent import cell, claims


def test_fields_honour_quotes():
    assert cell.fields('1, "a,b" ,, "" ,x') == ["1", "a,b", "", "", "x"]


@given(st.text('0123456789ABCDEF",: +x-', max_size=60), st.booleans())
def test_registration_never_raises(text, reply):
    said = cell.registration("+CEREG", text, reply)
    assert set(said) <= {"reg", "rat", "tac", "lac", "cell_id"}
    assert not ({"tac", "lac", "cell_id"} & set(said) and said.get("reg") in ("none", "searching", "denied"))


@pytest.mark.parametrize(
    ("stat", "reg"),
    [
        ("0", "none"),
        ("1", "home"),
        ("2", "searching"),
        ("3", "denied"),
        ("5", "roaming"),
        ("6", "home"),
        ("7", "roaming"),
        ("9", "home"),
        ("10", "roaming"),
        ("001", "home"),
        ("4", None),
        ("8", None),
        ("11", None),
        ("90", None),
    ],
)
def test_stat(stat, reg):
    assert cell.registration("+CREG", f"2,{stat}", True).get("reg") == reg


@pytest.mark.parametrize("text", ["0000", "FFFE", "FFFF", "FFFFFF", "FFFFFE", "", "-", "12G4", "1000000"])
def test_areas_that_are_none(text):
    assert cell.area(text) is None


@pytest.mark.parametrize("text", ["0", "FFFF", "FFFFFFF", "0FFFFFFF", "FFFFFFFF", "FFFFFFFFF", "", "-"])
def test_cells_that_are_none(text):
    assert cell.cell_id(text) is None


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("310", "260"), "310260"),
        (("001", "01"), "00101"),
        (("310 260",), "310260"),
        (("460-00",), "46000"),
        (("262", "2"), None),
        (("fff", "fff"), None),
        (("000", "00"), None),
        (("46", "000"), None),
        (("",), None),
    ],
)
def test_plmn(parts, expected):
    assert cell.plmn(*parts) == expected


def test_coded_levels_are_the_lower_edge_of_their_bin():
    assert cell.csq_dbm("31") == -51
    assert cell.rsrp_dbm("97") == -44
    assert cell.rsrq_db("1") == -19.5
    assert cell.rxlev_dbm("63") == -48
    assert cell.ss_rsrp_dbm("1") == -156
    assert cell.ss_rsrq_db("126") == 19.5
    for read in (cell.csq_dbm, cell.rsrp_dbm, cell.rsrq_db, cell.rxlev_dbm, cell.ss_rsrp_dbm, cell.ss_rsrq_db):
        assert read("255") is read("") is read("-1") is read("x") is None


@pytest.mark.parametrize("text", ["-32768", "-1", "0", "12", "", "-", "x", "1e3", "--5"])
def test_levels_that_are_none(text):
    assert cell.plain(text) is None


def test_every_rat_has_a_place_in_the_evidence():
    assert {cell.act(str(n)) for n in range(14)} - {None} <= set(claims.RATS)
    assert cell.act("14") is cell.act("") is cell.act("-1") is None
