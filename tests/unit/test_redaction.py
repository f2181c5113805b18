"""No identity leaves through a log, whichever field, text or exception it is in."""

import io
import json
import logging
from typing import Any

import structlog
from hypothesis import given
from hypothesis import strategies as st

from simbond_verifier.redaction import KEPT, mask, redact

digits = st.text("0123456789", min_size=14, max_size=20)
iccids = st.from_regex(r"89[0-9]{3}[0-9A-F]{14,15}", fullmatch=True)
msisdns = st.text("0123456789", min_size=10, max_size=15)
identities = st.one_of(digits, iccids, msisdns)
words = st.text(st.characters(exclude_categories=["N", "C"]), max_size=8)
LETTERS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=10)


class Thing:
    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return f"thing {self.text}"

    __repr__ = __str__


@st.composite
def logged(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """An identity, and a log line that has it somewhere."""
    number = draw(identities)
    text = draw(words) + number + draw(words.filter(lambda w: not w[:1].isalnum()))
    value = draw(st.sampled_from([text, [text], (1, text), {"inner": text}, {text: 1}, Thing(text), ValueError(text)]))
    return number, {"event": draw(st.sampled_from(["said", text])), draw(LETTERS): value}


@given(logged())
def test_no_identity_is_left_in_any_field(case: tuple[str, dict[str, Any]]):
    number, event = case
    line = json.dumps(redact(None, "info", event), default=str)
    assert number not in line
    assert number[:-KEPT] not in line
    assert number[-KEPT:] in line


@given(st.sampled_from(["imsi", "iccid", "msisdn", "imei", "imeisv"]), st.text("0123456789", min_size=5, max_size=9))
def test_a_short_number_in_a_field_of_its_own_is_masked(name: str, number: str):
    assert redact(None, "info", {"event": "x", name: number})[name] == "*" * (len(number) - KEPT) + number[-KEPT:]


@given(st.integers(10**10, 10**20))
def test_an_identity_that_is_a_number_is_masked(number: int):
    assert str(number) not in json.dumps(redact(None, "info", {"event": "x", "value": number}))


def test_what_is_no_identity_stays():
    event = {
        "event": "confirmed",
        "kid": "1234567890123456",
        "ms": 12.5,
        "at": 1_800_000_000.25,
        "count": 4096,
        "flag": True,
        "nothing": None,
        "timestamp": "2026-11-22T18:00:00.000000Z",
        "items": ["a", 1],
    }
    assert redact(None, "info", dict(event)) == event


def test_only_the_last_four_digits_stay():
    assert mask("card 89860012345678901237 in 861234050000013") == f"card {'*' * 16}1237 in {'*' * 11}0013"
    assert mask("user 0460001234567890@apn") == f"user {'*' * 12}7890@apn"


def test_tracebacks_and_other_libraries_are_masked():
    stream = io.StringIO()
    chain = [structlog.processors.add_log_level, structlog.processors.format_exc_info, redact]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=chain,
        )
    )
    foreign = logging.Logger("library")
    foreign.addHandler(handler)
    own = structlog.wrap_logger(structlog.PrintLogger(stream), [*chain, structlog.processors.JSONRenderer()])
    imsi = "460001234567890"
    foreign.warning("refused %s", imsi)
    try:
        raise ValueError(f"{imsi!r} is not an IMSI")
    except ValueError:
        foreign.exception("failed")
        own.exception("failed", card="89860012345678901237")
    written = stream.getvalue()
    assert written.count("7890") >= 3
    assert imsi not in written
    assert "8986001234567890" not in written
