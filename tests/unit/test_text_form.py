"""Messages as text: told apart from octets without being announced, and answered in kind."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_agent import claims
from simbond_verifier.ingest import text_form
from support.attester import Attester

kids = st.binary(min_size=claims.KID_OCTETS, max_size=claims.KID_OCTETS)
messages = st.binary(min_size=claims.KID_OCTETS, max_size=claims.MAX_OCTETS - 1).map(lambda rest: b"\xd2" + rest)


@given(kids | messages)
def test_a_message_is_read_in_either_form(message: bytes) -> None:
    assert text_form.read(message) == (message, False)
    assert text_form.read(b64encode(message)) == (message, True)


@given(st.binary())
def test_an_answer_goes_out_as_its_message_came(answer: bytes) -> None:
    assert text_form.write(answer, False) == answer
    assert text_form.write(answer, True) == b64encode(answer)


@given(st.binary(max_size=2000))
def test_whatever_comes_is_read_without_an_error(body: bytes) -> None:
    message, as_text = text_form.read(body)
    assert as_text or message == body


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + b"\r\n",
        lambda text: text[:-1],
        lambda text: text.replace(b"+", b"-").replace(b"/", b"_") + b"_",
        lambda text: b" " + text,
        lambda text: b"{" + text + b"}",
        lambda text: text * 10,
        lambda text: b"",
        lambda _: b"AAKECAwQFBgc=",
        lambda _: b"AAECAwQFBgd=",
    ],
    ids=[
        "line end",
        "cut short",
        "URL alphabet",
        "blank",
        "braces",
        "too long",
        "nothing",
        "padding too much",
        "bits left over",
    ],
)
def test_what_is_no_base64_stays_what_it_is(change) -> None:  # type: ignore[no-untyped-def]
    body = change(b64encode(Attester().evidence(bytes(8))))
    assert text_form.read(body) == (body, False)


def test_the_longest_message_fits_as_text() -> None:
    longest = b"\xd2" + bytes(claims.MAX_OCTETS - 1)
    assert len(b64encode(longest)) == text_form.MAX_OCTETS
    assert text_form.read(b64encode(longest)) == (longest, True)
