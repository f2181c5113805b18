"""How a message may be written: raw, hex or base64."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_tools.cli.common import Failure
from simbond_tools.cli.messages import from_argument, from_octets
from support.attester import Attester

MESSAGE = Attester().evidence(bytes(8))


@pytest.mark.parametrize(
    ("octets", "written"),
    [
        (MESSAGE, "raw"),
        (MESSAGE.hex().encode(), "hex"),
        (b"0x" + MESSAGE.hex().upper().encode() + b"\r\n", "hex"),
        (MESSAGE.hex(" ", 2).encode(), "hex"),
        (base64.b64encode(MESSAGE), "base64"),
        (base64.encodebytes(MESSAGE), "base64"),
        (base64.urlsafe_b64encode(MESSAGE).rstrip(b"="), "base64"),
    ],
)
def test_every_way_of_writing_is_told_apart(octets: bytes, written: str) -> None:
    assert from_octets(octets) == (MESSAGE, written)


@given(st.binary(min_size=1).map(lambda rest: b"\xd2" + rest))
def test_what_begins_like_a_message_is_never_taken_for_text(message: bytes) -> None:
    assert from_octets(message) == (message, "raw")


@pytest.mark.parametrize("text", [b"abc", b"", b"  \n"])
def test_half_a_hex_digit_or_nothing_is_refused(text: bytes) -> None:
    with pytest.raises(Failure) as failure:
        from_octets(text)
    assert failure.value.exit_code == 2


def test_forced_hex_takes_nothing_else() -> None:
    with pytest.raises(Failure, match="no hex text"):
        from_octets(base64.b64encode(MESSAGE), force_hex=True)


@pytest.mark.parametrize("text", ["", "!", "é"])
def test_an_argument_that_is_no_text_form_is_refused(text: str) -> None:
    with pytest.raises(Failure):
        from_argument(text)


def test_a_file_that_is_not_there_is_a_local_failure() -> None:
    with pytest.raises(Failure) as failure:
        from_argument("@/does/not/exist")
    assert failure.value.exit_code == 7
