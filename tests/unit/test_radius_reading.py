"""What gateways say of a card: its device, its place, its access point, in every form that is in use."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_verifier.observation import Place, Use
from simbond_verifier.policy import ImsiFrom
from simbond_verifier.radius import imeisv, reading, uli
from simbond_verifier.radius.packet import read_request
from support.nas import SECRET, access_request, accounting_request

NOW = 1_800_000_000.0
IMSI = "460001234567890"
PLMN_2 = bytes.fromhex("64f000")  # 460 00
PLMN_3 = bytes.fromhex("131084")  # 310 481: the third digit of the network code comes first


def number(value: int, octets: int) -> bytes:
    return value.to_bytes(octets, "big")


@pytest.mark.parametrize(
    ("octets", "place"),
    [
        (b"\0" + PLMN_2 + number(0x1234, 2) + number(0xABCD, 2), Place("46000", 0x1234, 0xABCD)),
        (b"\1" + PLMN_2 + number(0x1234, 2) + number(7, 2), Place("46000", 0x1234)),
        (b"\2" + PLMN_2 + number(0x1234, 2) + b"\x05", Place("46000", 0x1234)),
        (b"\2" + PLMN_2 + number(0x1234, 2) + b"\x05\xff", Place("46000", 0x1234)),
        (b"\x80" + PLMN_3 + number(29846, 2), Place("310481", 29846)),
        (b"\x81" + PLMN_3 + number(0xF0000001, 4), Place("310481", None, 1)),
        (b"\x82" + PLMN_2 + number(29846, 2) + PLMN_2 + number(251941991, 4), Place("46000", 29846, 251941991)),
        (b"\x84" + PLMN_2 + number(29846, 2) + PLMN_2 + number(77, 3), Place("46000", 29846)),
        (b"\x85" + PLMN_2 + number(77, 3), Place("46000")),
        (b"\x88" + PLMN_2 + number(0x010203, 3), Place("46000", 0x010203)),
        (
            b"\x89" + PLMN_2 + number(0x010203, 3) + PLMN_2 + number(0x123456789, 5),
            Place("46000", 0x010203, 0x123456789),
        ),
    ],
    ids=["CGI", "SAI", "RAI", "RAI filled", "TAI", "ECGI", "TAI+ECGI", "TAI+eNB", "eNB", "5GS TAI", "5GS TAI+NCGI"],
)
def test_a_place_is_read(octets, place):
    assert uli.read(octets) == place


@pytest.mark.parametrize(
    ("identity", "cell"),
    [
        (number(0x123456789, 5), 0x123456789),
        (number(0x123456789 << 4, 5), 0x123456789),
        (number(0x012345670, 5), None),
        (number(0xFFFFFFFFFF, 5), None),
    ],
    ids=["spare in front", "spare behind", "either could be", "neither can be"],
)
def test_the_spare_bits_of_an_nr_cell_are_at_either_end(identity, cell):
    assert uli.read(b"\x87" + PLMN_2 + identity) == Place("46000", None, cell)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x82",
        b"\x03" + PLMN_2 + bytes(4),
        b"\xff" + PLMN_2 + bytes(4),
        b"\x80" + PLMN_2 + bytes(3),
        b"\x80" + bytes.fromhex("6af000") + bytes(2),
        b"\x80" + bytes.fromhex("64f0f0") + bytes(2),
        b"\x82" + PLMN_2 + bytes(2) + PLMN_3 + bytes(4),
    ],
    ids=["empty", "short", "spare type", "unknown", "long", "no digit", "one digit", "two networks"],
)
def test_what_cannot_be_told_is_no_place(octets):
    assert uli.read(octets) == Place()


@given(st.binary(max_size=40), st.sampled_from([0, 1, 2, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137]))
def test_no_octets_raise_or_give_a_wrong_network(rest, sort):
    for octets in (rest, bytes([sort]) + rest):
        place = uli.read(octets)
        assert place.plmn is None or (place.plmn.isdigit() and len(place.plmn) in (5, 6))
        assert place == Place() or place.plmn is not None


@pytest.mark.parametrize(
    ("octets", "imei"),
    [
        (b"8612340500000112", "8612340500000112"),
        (b"861234050000013", "861234050000013"),
        (b"86123405000001", "86123405000001"),
        (b"8612340500000112\0", "8612340500000112"),
        (bytes.fromhex("6821435000001021"), "8612340500000112"),
        (bytes.fromhex("68214350000010f3"), "861234050000013"),
        (bytes.fromhex("8612340500000112"), "8612340500000112"),
    ],
    ids=["IMEISV", "IMEI", "no check digit", "with NUL", "TBCD", "TBCD of an IMEI", "BCD"],
)
def test_an_imei_is_read(octets, imei):
    assert imeisv.read(octets) == imei


@pytest.mark.parametrize(
    "octets",
    [b"", b"0" * 16, b"unknown", bytes(8), b"86123405", b"\xff" * 8, bytes.fromhex("9943210000000012"), b"8" * 200],
    ids=["empty", "zeros", "text", "packed zeros", "eight digits", "filler", "either order", "long"],
)
def test_what_is_no_imei_is_none(octets):
    assert imeisv.read(octets) is None


@given(st.binary(max_size=20))
def test_an_imei_is_digits_or_none(octets):
    found = imeisv.read(octets)
    assert found is None or (found.isdigit() and 14 <= len(found) <= 16)


def seen(request, *sources, now=NOW):
    return reading.read_observation(
        read_request(request.RequestPacket(), SECRET), sources or (ImsiFrom.IMSI_3GPP,), now
    )


def test_a_request_of_a_gateway_is_an_observation():
    said = seen(
        access_request(
            _3GPP_IMSI=IMSI,
            _3GPP_IMEISV=b"8612340500000112",
            _3GPP_User_Location_Info=b"\x80" + PLMN_2 + number(29846, 2),
            Called_Station_Id="CMIOT.mnc000.mcc460.gprs",
            Event_Timestamp=int(NOW) - 100,
        )
    )
    assert said == (IMSI, NOW - 100, "radius", "8612340500000112", Place("46000", 29846), "cmiot", Use.DATA)


def test_what_a_gateway_leaves_out_is_left_open():
    assert seen(access_request(_3GPP_IMSI=IMSI))[1:] == (NOW, "radius", None, Place(), None, Use.DATA)


def test_the_network_of_the_sgsn_stands_where_the_place_is_missing():
    assert seen(access_request(_3GPP_IMSI=IMSI, _3GPP_SGSN_MCC_MNC="310481")).place == Place("310481")


@pytest.mark.parametrize(
    ("stamps", "at"),
    [
        ({"Acct_Delay_Time": 30}, NOW - 30),
        ({"Event_Timestamp": int(NOW) + 10}, NOW + 10),
        ({"Event_Timestamp": int(NOW) + 3600}, NOW),
        ({"Acct_Delay_Time": 4_000_000_000}, 0.0),
    ],
    ids=["late", "a little ahead", "ahead by an hour", "absurd"],
)
def test_when_it_was_seen(stamps, at):
    assert seen(accounting_request(1, _3GPP_IMSI=IMSI, **stamps)).at == at


def test_a_user_name_is_believed_only_where_the_policy_says_so():
    """A device chooses its user name, so it could choose another card's IMSI."""
    request = access_request(User_Name=f"{IMSI}@nai.epc.mnc000.mcc460.3gppnetwork.org")
    assert seen(request) is None
    assert seen(request, ImsiFrom.IMSI_3GPP, ImsiFrom.USER_NAME).imsi == IMSI


@pytest.mark.parametrize("name", [IMSI, f"{IMSI}@meters", f"0{IMSI}@wlan.mnc000.mcc460.3gppnetwork.org"])
def test_user_names_that_are_an_imsi(name):
    assert seen(access_request(User_Name=name), ImsiFrom.USER_NAME).imsi == IMSI


@pytest.mark.parametrize("name", ["meter", "46000123456789", f"7{IMSI}@x", f"{IMSI}0", "8613800138000"])
def test_user_names_that_are_none(name):
    assert seen(access_request(User_Name=name), ImsiFrom.USER_NAME) is None


def test_a_3gpp_imsi_goes_before_what_the_policy_names_next():
    request = access_request(Calling_Station_Id="460009999999999", _3GPP_IMSI=IMSI)
    assert seen(request, ImsiFrom.IMSI_3GPP, ImsiFrom.CALLING_STATION_ID).imsi == IMSI


@given(st.binary(max_size=253))
def test_octets_come_back_from_the_database_as_they_were(value):
    stored = reading.storable(value, 1000)
    assert stored.isprintable()
    assert reading.octets(stored) == value


def test_what_does_not_fit_is_not_cut():
    request = SimpleNamespace(octets=lambda name: bytes(253), text=lambda name: None)
    assert reading.read_session(request) is None
