import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_verifier.enforcement.ipa import MAX_PAYLOAD, Deframer, IpaError, frame, identity_response

frames = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=300)), max_size=8)


@given(frames, st.data())
def test_frames_survive_any_split(expected, data):
    wire = b"".join(frame(stream, payload) for stream, payload in expected)
    deframer, got = Deframer(), []
    while wire:
        cut = data.draw(st.integers(1, len(wire)))
        got += deframer.feed(wire[:cut])
        wire = wire[cut:]
    assert got == expected


@given(st.lists(st.binary(max_size=64), max_size=20))
def test_garbage_raises_nothing_but_ipa_error(chunks):
    deframer = Deframer()
    with contextlib.suppress(IpaError):
        for chunk in chunks:
            for _stream, payload in deframer.feed(chunk):
                assert len(payload) <= MAX_PAYLOAD


def test_an_announced_giant_is_refused_before_it_arrives():
    with pytest.raises(IpaError, match="9000 octets"):
        list(Deframer().feed((9000).to_bytes(2, "big") + b"\xee"))
    with pytest.raises(IpaError, match="over our bound"):
        frame(0xEE, bytes(MAX_PAYLOAD + 1))


def test_identity_answers_what_osmo_hlr_asks():
    # The request as osmo-hlr 1.5 sends it: unit, MAC, locations, versions, unit name, serial number.
    request = bytes.fromhex("04 0108 0107 0102 0103 0104 0105 0101 0100")
    response = identity_response(request, "sgsn-1")
    assert response[0] == 0x05
    values = {}
    at = 1
    while at < len(response):
        length = int.from_bytes(response[at : at + 2], "big")
        values[response[at + 2]] = response[at + 3 : at + 2 + length]
        at += 2 + length
    assert values == {
        8: b"0/0/0\0",
        7: b"00:00:00:00:00:00\0",
        2: b"\0",
        3: b"\0",
        4: b"\0",
        5: b"\0",
        1: b"sgsn-1\0",
        0: b"sgsn-1\0",
    }


def test_identity_request_cut_short_is_refused():
    with pytest.raises(IpaError):
        identity_response(b"\x04\x01", "sgsn-1")
