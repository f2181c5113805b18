"""Card lists as operators' systems write them: whatever is wrong is named with line, column and why."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_verifier.card_import import FAULTY_ROWS, Fault, Row, read
from simbond_verifier.refusal import Invalid
from support.attester import Sim

HEADER = "iccid,imsi,scenario,msisdn,customer\n"
GOOD = "89860012345678901237,460001234567890,meter,+8613812345678,Water works"
ROW = Row(2, "89860012345678901237", "460001234567890", "meter", "8613812345678", "Water works")


def test_a_good_row() -> None:
    assert read(HEADER + GOOD + "\n", ["meter"]) == ([ROW], [])


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + HEADER + GOOD,
        (HEADER + GOOD).replace("\n", "\r\n"),
        (HEADER + GOOD).replace("\n", "\r"),
        (HEADER + GOOD).replace(",", ";"),
        HEADER + GOOD.replace(",", " , "),
        HEADER.upper() + GOOD,
        HEADER + ",".join(f'"{cell}"' for cell in GOOD.split(",")),
        HEADER + GOOD + "\n\n,,,,\n \n",
        HEADER + GOOD.replace("+86", "86"),
    ],
    ids=["BOM", "CRLF", "CR", "semicolons", "blanks", "upper case", "quotes", "empty lines", "no plus"],
)
def test_the_same_row_as_different_programs_write_it(text: str) -> None:
    assert read(text, ["meter"]) == ([ROW], [])


def test_columns_in_any_order_and_the_optional_ones_left_out() -> None:
    text = "scenario,imsi,iccid\nmeter,460001234567890,89860012345678901237"
    assert read(text, ["meter"]) == ([ROW._replace(msisdn="", customer="")], [])


def test_an_iccid_as_the_card_holds_it() -> None:
    """EF_ICCID swaps the digits of every octet."""
    text = "iccid,imsi,scenario\n98680021436587092173,460001234567890,meter"
    assert read(text, ["meter"])[0][0].iccid == "89860012345678901237"


@pytest.mark.parametrize(
    ("row", "column", "problem"),
    [
        ("8986001234567890123,", "", "has 2 fields, the header has 5"),
        (GOOD + ",more", "", "has 6 fields"),
        (GOOD.replace("89860012345678901237", "1234"), "iccid", "'1234' is no ICCID"),
        (GOOD.replace("89860012345678901237", ""), "iccid", "'' is no ICCID"),
        (GOOD.replace("89860012345678901237", "8.98600123456789E+19"), "iccid", "'8.98600123456789E+19' is no ICCID"),
        (GOOD.replace("89860012345678901237", "８９８６００１２３４５６７８９０１２３７"), "iccid", "is no ICCID"),
        (GOOD.replace("460001234567890", "46000"), "imsi", "'46000' is no IMSI"),
        (GOOD.replace("460001234567890", "46000123456789²"), "imsi", "is no IMSI"),
        (GOOD.replace("meter", "tram"), "scenario", "'tram' is not loaded; the server has: bike, meter"),
        (GOOD.replace("meter", ""), "scenario", "'' is not loaded"),
        (GOOD.replace("+8613812345678", "+86138x"), "msisdn", "'+86138x' is no MSISDN"),
        (GOOD.replace("+8613812345678", "++8613812345678"), "msisdn", "is no MSISDN"),
        (GOOD.replace("+8613812345678", "1" * 16), "msisdn", "is no MSISDN"),
        (GOOD.replace("+8613812345678", "٠١٢٣٤٥"), "msisdn", "is no MSISDN"),
        (GOOD.replace("Water works", "W" * 201), "customer", "longer than 200"),
    ],
)
def test_what_is_wrong_with_a_row(row: str, column: str, problem: str) -> None:
    good, faults = read(HEADER + GOOD + "\n" + row, ["bike", "meter"])
    assert good == [ROW], "a bad row does not take the good ones with it"
    (fault,) = faults
    assert (fault.line, fault.column) == (3, column)
    assert problem in fault.problem


def test_every_fault_of_a_row_is_named() -> None:
    _, faults = read(HEADER + "x,y,z,?,c", ["meter"])
    assert [(f.line, f.column) for f in faults] == [(2, "iccid"), (2, "imsi"), (2, "scenario"), (2, "msisdn")]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("89860012345678901237,460001234560002,meter,,", "iccid"),
        ("98680021436587092173,460001234560002,meter,,", "iccid"),
        ("89860012345678904447,460001234567890,meter,,", "imsi"),
    ],
)
def test_a_number_that_is_there_twice(row: str, column: str) -> None:
    good, faults = read(HEADER + GOOD + "\n\n" + row, ["meter"])
    assert good == [ROW]
    assert faults == [Fault(4, column, "is in line 2 already")]


@pytest.mark.parametrize("junk", ["x", "1,2,3,4,5"])
def test_what_is_no_card_list_is_not_read_to_its_end(junk: str) -> None:
    bad = (junk + "\n") * FAULTY_ROWS
    _, all_named = read(HEADER + bad, ["meter"])
    other = "89860012345678904447,460001234560002,meter,,\n"
    good, faults = read(HEADER + GOOD + "\n" + bad + other + (junk + "\n") * 9, ["meter"])

    assert {f.line for f in all_named} == set(range(2, FAULTY_ROWS + 2))
    assert [r.line for r in good] == [2, FAULTY_ROWS + 3]
    assert {f.line for f in faults[:-1]} == set(range(3, FAULTY_ROWS + 3))
    assert faults[-1] == Fault(FAULTY_ROWS + 4, "", "more faults follow; reading stopped here")


def test_line_numbers_are_the_files_also_behind_a_quoted_line_end() -> None:
    text = HEADER + GOOD.replace("Water works", '"Water\nworks\n""north"""') + "\n1,2,3,4,5"
    good, faults = read(text, ["meter"])
    assert good[0].customer == 'Water\nworks\n"north"'
    assert {f.line for f in faults} == {5}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "missing: iccid, imsi, scenario"),
        ("\n\n", "missing: iccid, imsi, scenario"),
        (GOOD, "missing: iccid, imsi, scenario"),
        ("iccid,scenario\n", "missing: imsi"),
        ("iccid,imsi,scenario,colour\n", "found: iccid, imsi, scenario, colour"),
        ("iccid,imsi,scenario,imsi\n", "found: iccid, imsi, scenario, imsi"),
        ("iccid\timsi\tscenario\n", "missing"),
    ],
)
def test_a_header_that_cannot_be_used(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        read(text, ["meter"])
    assert refused.value.code == "csv-header"


def test_what_is_no_csv_at_all() -> None:
    with pytest.raises(Invalid, match="Line 2 is not CSV") as refused:
        read(HEADER + "x" * 200_000, ["meter"])
    assert refused.value.code == "csv-syntax"


cells = st.one_of(
    st.text(max_size=30), st.sampled_from(["89860012345678901237", "460001234567890", "meter", "", '"', "\x00", "\r"])
)
tables = st.lists(st.lists(cells, max_size=6), max_size=6)


@given(st.one_of(st.text(), tables.map(lambda t: HEADER + "\n".join(",".join(row) for row in t))))
def test_no_text_upsets_the_reader(text: str) -> None:
    try:
        good, faults = read(text, ["meter"])
    except Invalid:
        return
    lines = len(text.splitlines()) + 1
    assert all(2 <= f.line <= lines for f in faults)
    assert len({r.iccid for r in good}) == len({r.imsi for r in good}) == len(good)
    assert all(r.iccid.isascii() and r.imsi.isdigit() and r.scenario == "meter" for r in good)


@given(st.binary(max_size=400))
def test_no_octets_upset_the_reader(octets: bytes) -> None:
    with suppress(Invalid):
        read(octets.decode("latin-1"), ["meter"])
        read(HEADER + octets.decode("latin-1"), ["meter"])


SIM_KEYS = "iccid,imsi,scenario,sim_key\n"
CARD = "89860012345678901237,460001234567890,meter,"
POINT = Sim().point


@pytest.mark.parametrize("written", [POINT.hex(), POINT.hex().upper(), f" {POINT.hex()} "])
def test_the_key_of_a_sim(written: str) -> None:
    assert read(SIM_KEYS + CARD + written, ["meter"])[0][0].sim_key == POINT


def test_a_sim_without_a_key() -> None:
    assert read(SIM_KEYS + CARD, ["meter"])[0][0].sim_key is None


@pytest.mark.parametrize(
    "wrong",
    [
        "04",
        "04" + "00" * 64,
        "04" + "ff" * 64,
        POINT.hex()[:-2],
        POINT.hex() + "00",
        POINT[1:].hex(),
        "02" + POINT[1:33].hex(),
        "key of the SIM",
        "\u0660" * 130,
    ],
)
def test_what_is_no_key_of_a_sim(wrong: str) -> None:
    good, (fault,) = read(SIM_KEYS + CARD + wrong, ["meter"])
    assert good == []
    assert (fault.line, fault.column) == (2, "sim_key")
    assert "uncompressed P-256 point in hex" in fault.problem


def test_two_cards_with_one_sim_key() -> None:
    other = f"89860012345678904447,460001234560002,meter,{POINT.hex().upper()}"
    good, faults = read(SIM_KEYS + CARD + POINT.hex() + "\n" + other, ["meter"])
    assert len(good) == 1
    assert faults == [Fault(3, "sim_key", "is in line 2 already")]
