import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_agent import identity

digits = st.text("0123456789", min_size=1, max_size=40)


def swapped(text):
    text += "F" * (len(text) % 2)
    return "".join(text[i + 1] + text[i] for i in range(0, len(text), 2))


@pytest.mark.parametrize("number", ["359999060001237", "869999040007778", "8986999012345678908"])
def test_luhn(number):
    assert identity.luhn(number)
    assert not identity.luhn(number[:-1] + str((int(number[-1]) + 1) % 10))


@given(st.text("0123456789", min_size=15, max_size=18).map(lambda t: "8949" + t[:15] + "5"[: len(t) % 2]))
def test_iccid_is_read_from_the_ef_form_too(number):
    expected = identity.iccid(number)
    assert expected == number
    assert identity.iccid(swapped(number)) == number
    assert identity.iccid(f' "{number[:4]} {number[4:]}F" ') == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "898699901234567",  # short
        "898699901234567890812",  # long
        "0086999012345678908",  # not for telecommunication
        "98689909214365870",  # swapped, odd
        "8986999012345678G08",
        "89A6999012345678908",  # a letter in the country code
        "89999999999999999999",  # never written
    ],
)
def test_iccid_refused(text):
    assert identity.iccid(text) is None


def test_letters_of_an_iccid_become_upper_case():
    assert identity.iccid("898699a90b2c34567890") == "898699A90B2C34567890"


@pytest.mark.parametrize("text", ["359999060001237", "35999906000123", "359999060001230"])
def test_imei(text):
    assert identity.imei(text) == text


@pytest.mark.parametrize(
    "text", ["", "3599990600012", "3599990600012371", "35999906000123A", "0" * 15, "1" * 15, "59999060001237"]
)
def test_imei_refused(text):
    assert identity.imei(text) is None


def test_imeisv_has_sixteen_digits():
    assert identity.imeisv("3599990600012301") == "3599990600012301"
    assert identity.imeisv("359999060001237") is None


@pytest.mark.parametrize("text", ["", "001019999900", "0010199999000171", "101019999900017", "000019999900017"])
def test_imsi_refused(text):
    assert identity.imsi(text) is None


def test_eid():
    assert identity.eid('"89049999112233445566778899001183"') == "89049999112233445566778899001183"
    assert identity.eid("79049999112233445566778899001183") is None


@given(st.text(max_size=40) | digits)
def test_what_is_taken_has_the_stated_form(text):
    for check, lengths in (
        (identity.iccid, (19, 20)),
        (identity.imei, (14, 15)),
        (identity.imeisv, (16,)),
        (identity.imsi, (15,)),
        (identity.eid, (32,)),
    ):
        value = check(text)
        assert value is None or (len(value) in lengths and value.isascii() and value.isalnum())
