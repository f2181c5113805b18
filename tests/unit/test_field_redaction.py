"""No identity survives in a transcript, in whatever form a modem states it; what is there instead still parses."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_agent import identity
from simbond_tools.check_digit import luhn_digit
from simbond_tools.field.redaction import Chunk, redacted
from simbond_tools.field.transcript import Transcript, TranscriptError, read_transcript

GRAM = 6
KEPT = "898604 46000 00101 31026 26201 86540906 35123456 00499901 89086 +86138"
OCTETS = bytes(range(0x30)) + bytes(range(0x3A, 0x100))
"""All but digits, ten of which in a row would be a number."""


def checked(body: str) -> str:
    return body + luhn_digit(body)


def swapped(text: str) -> str:
    return "".join(text[i + 1] + text[i] for i in range(0, len(text), 2))


def digits(length: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=length, max_size=length)


iccids = st.one_of(
    st.builds(lambda tail: checked("898604" + tail), digits(12)),
    st.builds(lambda tail: "898604" + tail, digits(14)),
    st.builds(
        lambda tail: "898604" + tail, st.text("0123456789ABCDE", min_size=13, max_size=13).map(lambda t: t + "7")
    ),
)
imsis = st.builds(lambda mcc, tail: mcc + tail, st.sampled_from(["46000", "00101", "31026", "26201"]), digits(10))
imeis = st.builds(
    lambda tac, tail: checked(tac + tail), st.sampled_from(["86540906", "35123456", "00499901"]), digits(6)
)
eids = st.builds(lambda tail: "89086" + tail, digits(27))
phones = st.builds(lambda tail: "+86138" + tail, digits(8))

ICCID_FORMS = [
    ("AT+CCID", "{}"),
    ("AT+QCCID", "+QCCID: {}F"),
    ("AT+CCID", '+CCID: "{}"'),
    ("AT#CCID", "#CCID: {}"),
    ("AT+ICCID", "ICCID:{}"),
]
IMEI_FORMS = [("AT+CGSN", "{}"), ("AT+CGSN=1", '+CGSN: "{}"'), ("ATI", "IMEI: {}"), ("AT+EGMR=0,7", '+EGMR: "{}"')]


def exchange(command: str, line: str) -> list[Chunk]:
    return [("host", f"{command}\r".encode()), ("device", f"\r\n{line}\r\n\r\nOK\r\n".encode())]


def cut(chunks: list[Chunk], size: int) -> list[Chunk]:
    """The same in pieces, as reads give them."""
    return [(side, data[at : at + size]) for side, data in chunks for at in range(0, len(data), size)]


def survivors(chunks: list[Chunk], *personal: str) -> list[str]:
    """Pieces of personal numbers that are found after redaction. Those with zeros may be a pseudonym's."""
    out = b"".join(redacted(chunks)).decode("latin-1").upper().replace(" ", "")
    grams = {text[i : i + GRAM] for text in personal for i in range(len(text) - GRAM + 1)}
    return sorted(gram for gram in grams if gram in out and "00" not in gram and gram not in KEPT)


@given(
    iccid=iccids,
    imsi=imsis,
    imei=imeis,
    eid=eids,
    phone=phones,
    iccid_form=st.sampled_from(ICCID_FORMS),
    imei_form=st.sampled_from(IMEI_FORMS),
    size=st.integers(1, 80),
)
def test_no_digits_of_an_identity_survive(
    iccid: str,
    imsi: str,
    imei: str,
    eid: str,
    phone: str,
    iccid_form: tuple[str, str],
    imei_form: tuple[str, str],
    size: int,
) -> None:
    ef_iccid = swapped(iccid.ljust(20, "F"))
    command, form = iccid_form
    asked, told = imei_form
    chunks = [
        *exchange(command, form.format(iccid)),
        *exchange("AT+CRSM=176,12258,0,0,10", f'+CRSM: 144,0,"{ef_iccid}"'),
        *exchange("AT+CIMI", imsi),
        *exchange("AT+CRSM=176,28423,0,0,9", f'+CRSM: 144,0,"08{swapped("9" + imsi)}"'),
        *exchange(asked, told.format(imei)),
        *exchange("AT+CGSN=2", f'+CGSN: "{imei[:14]}07"'),
        *exchange('AT+QESIM="eid"', f'+QESIM: "eid","{eid}"'),
        *exchange("AT+CNUM", f'+CNUM: "Wang","{phone}",145'),
        *exchange("AT+CSCS?", f'+X: "{imsi.encode().hex()}","{iccid.encode().hex()}"'),
        *exchange("AT+X", f"+X: {iccid[:4]} {iccid[4:8]} {iccid[8:12]} {iccid[12:16]} {iccid[16:]}"),
    ]
    personal = [iccid[6:], ef_iccid[6:], imsi[5:], swapped("9" + imsi)[6:], imei[8:], eid[5:], phone[6:]]
    pieces = cut(chunks, size)
    assert [len(d) for d in redacted(pieces)] == [len(d) for _side, d in pieces]
    assert survivors(pieces, *personal) == []
    assert b"Wang" not in b"".join(redacted(pieces))


@given(iccid=iccids, imsi=imsis, imei=imeis)
def test_what_stands_there_instead_is_one_identity_that_parses(iccid: str, imsi: str, imei: str) -> None:
    chunks = [
        *exchange("AT+QCCID", f"+QCCID: {iccid}"),
        *exchange("AT+CRSM=176,12258,0,0,10", f'+CRSM: 144,0,"{swapped(iccid.ljust(20, "F"))}"'),
        *exchange("AT+CCID", iccid[:19]),
        *exchange("AT+CIMI", imsi),
        *exchange("AT+CGSN", imei),
        *exchange("AT+CGSN=2", imei[:14] + "07"),
    ]
    told = [d.decode() for (side, _d), d in zip(chunks, redacted(chunks), strict=True) if side == "device"]
    lines = [text.split("\r\n")[1] for text in told]
    new = lines[0].removeprefix("+QCCID: ")
    assert identity.iccid(new) == new
    assert identity.luhn(new)
    assert identity.iccid(lines[1].split('"')[1]) == new  # as the card stores it
    assert new.startswith(lines[2])  # as a module states it that leaves out the last digit
    assert identity.imsi(lines[3]) == lines[3]
    assert lines[3][:5] == imsi[:5]
    assert identity.imei(lines[4]) == lines[4]
    assert identity.luhn(lines[4])
    assert lines[4][:8] == imei[:8]
    assert lines[5] == lines[4][:14] + "07"


@given(one=iccids, other=iccids)
def test_two_cards_stay_two(one: str, other: str) -> None:
    chunks = [*exchange("AT+CCID", one), *exchange("AT+CCID", other)]
    first, second = redacted(chunks)[1], redacted(chunks)[3]
    assert (first == second) == (one == other) or one[:18] == other[:18]


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ([("host", b'AT+CPIN="4711"\r')], b"4711"),
        ([("host", b'AT+CPIN="4711"\r'), ("device", b'AT+CPIN="4711"\r\r\nOK\r\n')], b"4711"),
        ([("host", b'AT+QMTCONN=0,"id","user","hunter2"\r')], b"hunter"),
        ([("device", b'\r\n+CMT: "+491511234567",,"26/11/01"\r\nYour code is 998877\r\nkeep it\r\n')], b"998877"),
        ([("device", b'\r\n+CMT: "+491511234567",,"26/11/01"\r\nYour code is 998877\r\nkeep it\r\n')], b"keep"),
        (exchange("AT+CPBR=1", '+CPBR: 1,"5550123",129,"Zhang San"'), b"Zhang"),
        (exchange("AT+CPBR=1", '+CPBR: 1,"5550123",129,"Zhang San"'), b"5550123"),
        (exchange("AT+CUSD=1", '+CUSD: 0,"Your number is 5550123",15'), b"5550123"),
        ([("device", b'{"event": "reply", "evidence": "d2844da201"}\r\n'), ("host", b"x")], b"nothing"),
        ([("device", b'{"event": "reply", "evidence": "d2844da2013a01b2c3d4e5f6a7b8"}\r\n')], b"2844da201"),
        ([("device", b'{"event": "attested", "iccid": "****************6708"}\r\n')], b"6708"),
        (exchange("AT+CCID", "8986049\r\nRING\r\n0127123456708"), b"23456708"),
        (exchange("AT+CIMI", "4600\r\n+CREG: 5\r\n49012345678"), b"012345678"),
    ],
)
def test_what_nobody_needs_to_see_is_not_there(said: list[Chunk], secret: bytes) -> None:
    assert secret not in b"".join(redacted(said))


def test_a_piece_of_an_identity_that_is_known_is_cleared() -> None:
    chunks = [*exchange("AT+CCID", "89860490127123456708"), *exchange("AT+LOG", "card 0127123 read")]
    assert redacted(chunks)[3] == b"\r\ncard 0000000 read\r\n\r\nOK\r\n"


@pytest.mark.parametrize(
    "line",
    [
        '+QENG: "servingcell","NOCONN","LTE","FDD",460,00,1A2B3C4,101,1825,3,5,5,1A2B,-95,-11,-67,12,22',
        '+CEREG: 2,5,"1A2B","001A2B3C",7',
        "+CPIN: READY",
        '+CCLK: "26/11/01,12:00:00+32"',
        "Revision: EC25EFAR06A08M4G",
        "+CSQ: 22,99",
    ],
)
def test_what_a_test_needs_stays(line: str) -> None:
    chunks = exchange("AT+X", line)
    assert redacted(chunks) == [data for _side, data in chunks]


def test_a_file_says_what_was_said(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    now = iter((10.0, 10.5, 10.75))
    with Transcript(path, port="/dev/ttyUSB2", clock=lambda: next(now)) as transcript:
        transcript.record("host", b"AT\r")
        transcript.record("device", OCTETS)
    assert path.stat().st_mode & 0o077 == 0
    header = json.loads(path.read_text().splitlines()[0])
    assert header["redacted"] is True
    assert read_transcript(path) == [(0.5, "host", b"AT\r"), (0.75, "device", OCTETS)]


def test_unredacted_is_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    with Transcript(path, unredacted=True) as transcript:
        transcript.record("device", b"460049012345678\r\n")
    assert "460049012345678" in path.read_text()
    assert json.loads(path.read_text().splitlines()[0])["redacted"] is False


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Line 1"),
        ("{}", "no transcript"),
        ('{"simbond-transcript": 2}', "no transcript"),
        ('{"simbond-transcript": 1}\nhello', "Line 2"),
        ('{"simbond-transcript": 1}\n{"at": 1, "from": "me", "text": ""}', "Line 2"),
        ('{"simbond-transcript": 1}\n{"at": 1, "from": "host", "text": "\\u4e2d"}', "Latin-1"),
        ("[" * 100_000, "Line 1"),
    ],
)
def test_a_file_that_is_no_transcript_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(text)
    with pytest.raises(TranscriptError, match=problem):
        read_transcript(path)


@given(st.lists(st.tuples(st.sampled_from(["host", "device"]), st.binary(max_size=60))))
def test_whatever_is_said_keeps_its_length(chunks: list[Chunk]) -> None:
    assert [len(data) for data in redacted(chunks)] == [len(data) for _side, data in chunks]


def test_a_device_that_never_ends_its_line_holds_nobody_up() -> None:
    """Two megabytes in the pieces in which a port gives them; minutes, were the line read anew with each."""
    chunks: list[Chunk] = [("host", b"AT\r"), *[("device", b"1 2-" * 16)] * 32_000]
    assert sum(map(len, redacted(chunks))) == sum(len(data) for _side, data in chunks)
