"""Every quirk of every modem is one entry of at_table/*.toml; where the captures are at hand they are read too."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_tools.at import DIALECTS, IDENTITIES, MAX_OCTETS, explain

TABLE = Path(__file__).parent / "at_table"
URC = b'\r\n+CREG: 1,"A10F","007ED1C5"\r\n'


def load() -> list[Any]:
    entries = []
    for path in sorted(TABLE.glob("*.toml")):
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["reply"]:
            entry.setdefault("family", path.stem)
            entries.append(pytest.param(entry, id=f"{entry['family']}: {entry['why']}"))
    return entries


ENTRIES = load()
NAMED = [param.values[0] for param in ENTRIES]


def told(entry, reply=None, family=None):
    return explain(entry["command"], entry["reply"].encode("latin-1") if reply is None else reply, family)


def identities(said):
    return {key: said[key] for key in IDENTITIES if key in said}


@pytest.mark.parametrize("entry", ENTRIES)
def test_reply_is_understood(entry):
    assert told(entry, family=entry["family"]) == entry["expect"]


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.values[0]["family"] not in ("nordic", "sequans")])
def test_family_is_worked_out(entry):
    assert told(entry) == entry["expect"]


def test_text_is_read_like_bytes():
    entry = NAMED[0]
    assert explain(entry["command"], entry["reply"]) == told(entry)


def test_every_dialect_is_found():
    assert DIALECTS[0] == "generic"
    assert {"quectel", "quectel_nbiot", "simcom", "telit", "ublox"} < set(DIALECTS)
    assert "base" not in DIALECTS


@given(st.sampled_from([e for e in NAMED if e["family"] != "traps"]), st.data())
def test_a_damaged_reply_gives_no_wrong_identity(entry, data):
    """Noise in it or in place of it, a URC through it, its end or its beginning lost, at any octet; said twice."""
    sent = entry["reply"].encode("latin-1")
    at = data.draw(st.integers(0, len(sent)))
    noise = data.draw(st.binary(min_size=1, max_size=3).map(lambda b: bytes(o | 0x80 for o in b)))
    damaged = data.draw(
        st.sampled_from(
            [
                sent[:at] + noise + sent[at:],
                sent[:at] + noise + sent[at + len(noise) :],
                sent[:at] + URC + sent[at:],
                sent[:at],
                noise + sent[at:],
                sent[:at] + b"\r\n" + sent,
                sent + sent[at:],
            ]
        )
    )
    said = identities(told(entry, damaged))
    assert said.items() <= entry["expect"].items()


@given(st.text('AT+^%#!CGSNQEIMRDP=?0123456789"', max_size=20), st.binary(max_size=300))
def test_random_bytes_never_raise(command, reply):
    assert isinstance(explain(command, reply), dict)


@given(st.sampled_from(NAMED), st.binary(max_size=80))
def test_fields_out_of_place_never_raise(entry, junk):
    sent = entry["reply"].encode("latin-1")
    name = sent[: sent.find(b":") + 1]
    assert isinstance(told(entry, name + junk.replace(b"\n", b",") + b"\r\nOK\r\n", entry["family"]), dict)


@pytest.mark.parametrize("flood", [b"A" * 10**6, b"\r\n" * 10**6, b"+CREG: 1,2,3\r\n" * 10**5, b',"' * 10**6])
def test_a_flood_is_read_no_further_than_the_limit(flood):
    assert len(flood) > MAX_OCTETS
    assert "imei" not in explain("AT+CGSN", flood + b"\r\n359999060001237\r\n\r\nOK\r\n")
