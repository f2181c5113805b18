import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_verifier.enforcement.target import TargetError, UnknownSubscriber
from simbond_verifier.enforcement.vty import VtyNetworkView, parse_sighting
from support.idle_clock import run
from support.tcp_server import tcp_server

IMSI = "901700000000001"
IMEI = "359789012345679"
GREETING = (
    b"Welcome to the OsmoHLR VTY interface\r\n\r\nCopyright (C) 2016\r\nThere is NO WARRANTY> ok\r\n"
    b'\xff\xfb\x01\xff\xfb\x03\xff\xfe"\xff\xfd\x1fOsmoHLR> '
)
SHOWN = (
    f"    ID: 1\n    IMSI: {IMSI}\n    MSISDN: 4567\n    IMEI: {IMEI}\n    SGSN number: sgsn-1\n    PS purged\n"
    "    last LU seen on PS: 2026-11-22T11:38:06+00:00 (2m37s ago)\n"
)


def parse_imei(answer, imsi):
    seen = parse_sighting(answer, imsi)
    return seen and seen.imei


def shown(*, imei=IMEI, sgsn="sgsn-1"):
    return SHOWN.replace(IMEI, imei).replace("sgsn-1", sgsn)


async def converse(reader, writer, *, answer=SHOWN, prompt="OsmoHLR> ", greeting=GREETING):
    """The VTY as it is seen on the wire: echo, answer, prompt, all with CR LF."""
    writer.write(greeting)
    while line := await reader.readline():
        writer.write(line.strip() + b"\r\n" + answer.replace("\n", "\r\n").encode() + prompt.encode())


def look(play, *imsis, timeout=10.0):
    async def story():
        async with tcp_server(play) as port:
            view = VtyNetworkView("127.0.0.1", port, timeout=timeout)
            try:
                return [getattr(await view.sighting(imsi), "imei", None) for imsi in imsis]
            finally:
                await view.close()

    return run(story())


def test_imei_is_read_again_and_again_on_one_connection():
    connections = []

    async def play(reader, writer):
        connections.append(writer)
        await converse(reader, writer)

    assert look(play, IMSI, IMSI, IMSI) == [IMEI] * 3
    assert len(connections) == 1


def test_split_anywhere():
    async def play(reader, writer):
        for octet in GREETING:
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0)
        line = await reader.readline()
        for octet in line.strip() + b"\r\n" + SHOWN.replace("\n", "\r\n").encode() + b"OsmoHLR> ":
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    assert look(play, IMSI) == [IMEI]


@pytest.mark.parametrize("prompt", ["core-1.hlr# ", "OsmoHLR(config-hlr)# "])
def test_another_prompt(prompt):
    async def play(reader, writer):
        await converse(reader, writer, prompt=prompt, greeting=b"Welcome\r\n" + prompt.encode())

    assert look(play, IMSI, IMSI) == [IMEI, IMEI]


def test_a_card_without_imei():
    assert parse_imei(SHOWN.replace(f"    IMEI: {IMEI}\n", ""), IMSI) is None


@pytest.mark.parametrize("imei", ["35978901234567", "3597890123456701"])
def test_fourteen_to_sixteen_digits(imei):
    assert parse_imei(shown(imei=imei), IMSI) == imei


@pytest.mark.parametrize("imei", ["none", "3597890123456", "35978901234567890", "35978901234567a", "３５９７" * 4])
def test_anything_else_is_no_imei(imei):
    assert parse_imei(shown(imei=imei), IMSI) is None


def test_a_serving_node_cannot_name_itself_an_imei():
    forged = shown(sgsn="x\n    IMEI: 490154203237518").replace(f"    IMEI: {IMEI}\n", "")
    assert parse_imei(forged, IMSI) is None


def test_unknown_subscriber_says_so():
    with pytest.raises(UnknownSubscriber, match="create it there first"):
        parse_imei(f"% No subscriber for imsi = '{IMSI}'\n", IMSI)


@given(st.text(max_size=200) | st.from_regex(r"( {4}(IMSI|IMEI|ID|VLR number): [0-9a-z]{0,17}\n){0,6}", fullmatch=True))
def test_no_answer_yields_anything_but_digits(answer):
    try:
        imei = parse_imei(answer, IMSI)
    except (UnknownSubscriber, ValueError):
        return
    assert imei is None or (imei.isascii() and imei.isdigit() and 14 <= len(imei) <= 16)


@pytest.mark.parametrize(
    "imsi",
    [
        "",
        "12345",
        "1" * 16,
        f"{IMSI}\nshutdown",
        f"{IMSI} ",
        "90170000000000x",
        "９０１７００",
        "../",
        "-1",
    ],
)
def test_nothing_but_an_imsi_reaches_the_hlr(imsi):
    async def play(reader, writer):
        pytest.fail("the VTY was contacted")

    with pytest.raises(ValueError, match="is not an IMSI"):
        look(play, imsi)


def test_restart_between_two_questions_goes_unnoticed():
    connections = []

    async def play(reader, writer):
        connections.append(writer)
        writer.write(GREETING)
        line = await reader.readline()
        writer.write(line.strip() + b"\r\n" + SHOWN.replace("\n", "\r\n").encode() + b"OsmoHLR> ")
        await writer.drain()
        writer.close()

    assert look(play, IMSI, IMSI) == [IMEI, IMEI]
    assert len(connections) == 2


async def wants_a_password(reader, writer):
    writer.write(b"\r\nUser Access Verification\r\n\r\nPassword: ")
    await reader.read()


async def is_no_hlr(reader, writer):
    await converse(reader, writer, answer="% Unknown command.\n")


async def answers_about_another(reader, writer):
    await converse(reader, writer, answer=SHOWN.replace(IMSI, "901700000000002"))


async def floods(reader, writer):
    while True:
        writer.write(b"x" * 4096)
        await writer.drain()


async def hangs_up(reader, writer):
    pass


@pytest.mark.parametrize(
    ("play", "reason"),
    [
        (wants_a_password, "no login"),
        (is_no_hlr, "not an answer about"),
        (answers_about_another, "not an answer about"),
        (floods, "without end"),
        (hangs_up, "closed the connection|reset by peer"),
    ],
)
def test_what_is_not_understood_is_said(play, reason):
    with pytest.raises(TargetError, match=reason):
        look(play, IMSI)


def test_after_a_timeout_the_late_answer_is_not_taken_for_the_next_one():
    late = "490154203237518"
    connections = []

    async def play(reader, writer):
        connections.append(writer)
        if len(connections) > 1:
            await converse(reader, writer)
        writer.write(GREETING)
        await reader.readline()
        await asyncio.sleep(0.3)
        writer.write(b"show\r\n" + shown(imei=late).replace("\n", "\r\n").encode() + b"OsmoHLR> ")
        await reader.read()

    async def story():
        async with tcp_server(play) as port:
            view = VtyNetworkView("127.0.0.1", port, timeout=0.2)
            with pytest.raises(TargetError, match=r"within 0\.2 s"):
                await view.sighting(IMSI)
            await asyncio.sleep(0.2)
            imei = (await view.sighting(IMSI)).imei
            await view.close()
            return imei

    assert run(story()) == IMEI


LU = "    last LU seen on {}: {} ( ago)\n"


@pytest.mark.parametrize(
    ("lines", "at"),
    [
        ("", None),
        (LU.format("CS", "2026-11-22T12:59:56+00:00"), 1795352396.0),
        (LU.format("CS", "2026-11-22T12:59:56+00:00") + LU.format("PS", "2026-11-22T13:59:56+01:00"), 1795352396.0),
        (LU.format("CS", "2026-11-22T12:59:56+00:00") + LU.format("PS", "2026-11-22T13:59:56+00:00"), 1795355996.0),
        (LU.format("CS", "yesterday"), None),
    ],
)
def test_when_the_card_was_last_seen(lines, at):
    shown_without, _, _ = SHOWN.partition("    last LU")
    assert parse_sighting(shown_without + lines, IMSI).at == at


def test_a_serving_node_cannot_date_what_was_seen():
    forged = shown(sgsn="x\n" + LU.format("CS", "2099-01-01T00:00:00+00:00").rstrip())
    assert parse_sighting(forged + LU.format("CS", "2026-11-22T12:59:56+00:00"), IMSI).at == 1795352396.0
