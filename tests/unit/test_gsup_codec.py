import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_verifier.enforcement.gsup import (
    Domain,
    GsupError,
    Ie,
    Message,
    MessageType,
    decode,
    decode_digits,
    encode_digits,
    encode_name,
)

digits = st.text("0123456789", min_size=1, max_size=16)
elements = st.lists(
    st.tuples(st.integers(0, 255).filter(lambda tag: tag != Ie.IMSI), st.binary(max_size=255)), max_size=6
)

# As osmo-hlr 1.5 sent and accepted them.
CANCEL = bytes.fromhex("1c 01 08 09710000000000f1 06 01 01 28 01 01 60 03 733100 61 07 7367736e2d3100")
ROUTING_ERROR = bytes.fromhex("4e 01 08 09710000000000f1 60 05 6e6f706500 61 08 73696d626f6e6400")
REJECT = bytes.fromhex("05 01 08 09710000000000f1 02 01 07")


@given(st.integers(0, 255), digits, elements)
def test_round_trip(kind, imsi, ies):
    message = Message(kind, imsi, tuple(ies))
    assert decode(message.encode()) == message


@given(st.binary(max_size=80))
def test_garbage_raises_nothing_but_gsup_error(data):
    with contextlib.suppress(GsupError):
        message = decode(data)
        assert message.imsi.isdigit()
        _ = message.cause, message.domain, message.source, message.destination


@given(digits)
def test_digits_round_trip(number):
    assert decode_digits(encode_digits(number)) == number


def test_cancel_is_what_goes_on_the_wire():
    message = Message(
        MessageType.LOCATION_CANCEL_REQUEST,
        "901700000000001",
        (
            (Ie.CANCEL_TYPE, b"\x01"),
            (Ie.CN_DOMAIN, bytes([Domain.PS])),
            (Ie.SOURCE_NAME, encode_name("s1")),
            (Ie.DESTINATION_NAME, encode_name("sgsn-1")),
        ),
    )
    assert message.encode() == CANCEL


def test_answers_of_the_hlr_are_read():
    error = decode(ROUTING_ERROR)
    assert (error.type, error.imsi) == (MessageType.ROUTING_ERROR, "901700000000001")
    assert (error.source, error.destination) == ("nope", "simbond")
    assert decode(REJECT).cause == 7
    assert decode(REJECT).domain is None


def test_every_cut_is_noticed():
    for end in range(len(CANCEL)):
        with contextlib.suppress(GsupError):
            # A cut between two elements leaves a shorter message, never another one.
            assert decode(CANCEL[:end]).encode() == CANCEL[:end]


@pytest.mark.parametrize(
    "data",
    [b"", b"\x1c", b"\x1c\x01", b"\x1c\x01\x08\x09", b"\x1c\x28\x01\x01", b"\x1c\x01\x00", b"\x1c\x01\x01\xa1"],
)
def test_without_a_whole_imsi_there_is_no_message(data):
    with pytest.raises(GsupError):
        decode(data)


@pytest.mark.parametrize("imsi", ["", "90170x", "９０１７００", "-1"])
def test_an_imsi_that_is_none_is_not_encoded(imsi):
    with pytest.raises(GsupError):
        Message(MessageType.UPDATE_LOCATION_REQUEST, imsi).encode()


def test_an_element_that_does_not_fit_is_not_encoded():
    with pytest.raises(GsupError, match="256 octets"):
        Message(4, "901700000000001", ((Ie.DESTINATION_NAME, bytes(256)),)).encode()
