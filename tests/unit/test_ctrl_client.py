import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_verifier.enforcement.ctrl import CtrlClient, Get, Reply, Set, parse_reply
from simbond_verifier.enforcement.target import TargetError
from support.idle_clock import run
from support.tcp_server import ipa_frame, read_frame, tcp_server


def ctrl(text):
    return ipa_frame(0xEE, b"\0" + text.encode())


async def request_id(reader):
    stream, payload = await read_frame(reader)
    assert (stream, payload[0]) == (0xEE, 0)
    return payload[1:].decode().split(" ")[1]


def ask(play, *requests, timeout=5.0, times=1):
    """Ask a server that behaves as `play` says, `times` times on one client; the last answer or exception counts."""

    async def story():
        async with tcp_server(play) as port:
            client = CtrlClient("127.0.0.1", port, timeout=timeout)
            try:
                for _ in range(times - 1):
                    await asyncio.gather(client.ask(*requests), return_exceptions=True)
                return await client.ask(*requests)
            finally:
                await client.close()

    return run(story())


def test_requests_leave_together_and_answers_are_matched_by_id():
    seen = []

    async def play(reader, writer):
        for _ in range(3):
            seen.append((await read_frame(reader))[1][1:].decode())
        for line in reversed(seen):
            verb, number, variable = line.split(" ")[:3]
            writer.write(ctrl(f"{verb}_REPLY {number} {variable} {line[-1]}"))
        await reader.read()

    replies = ask(play, Set("a", "7"), Set("b", "8"), Get("c"))
    assert [line.split(" ", 2)[0] + " " + line.split(" ", 2)[2] for line in seen] == ["SET a 7", "SET b 8", "GET c"]
    assert replies == [Reply(True, "7"), Reply(True, "8"), Reply(True, "c")]


def test_noise_between_question_and_answer_is_skipped():
    async def play(reader, writer):
        number = await request_id(reader)
        answer = ctrl(f"GET_REPLY {number} x two\nlines here")
        noise = [
            ctrl("TRAP 0 net.state up"),
            ctrl("ERROR err Request type unknown"),
            ctrl(f"GET_REPLY {int(number) + 99} x other"),
            ipa_frame(0xEE, b"\0\xff\xfe"),
            ipa_frame(0xEE, b""),
            ipa_frame(0xEE, b"\x05not ctrl"),
            ipa_frame(0x17, b"another stream"),
            ipa_frame(0xFE, b"\0"),
        ]
        for octet in b"".join([*noise, answer]):
            writer.write(bytes([octet]))
            await writer.drain()
        assert await read_frame(reader) == (0xFE, b"\x01")  # the ping among the noise
        await reader.read()

    assert ask(play, Get("x")) == [Reply(True, "two\nlines here")]


def test_refusal_keeps_its_reason():
    async def play(reader, writer):
        writer.write(ctrl(f"ERROR {await request_id(reader)} No such subscriber."))
        await reader.read()

    assert ask(play, Get("x")) == [Reply(False, "No such subscriber.")]


async def hangs_up(reader, writer):
    await request_id(reader)


async def half_closes(reader, writer):
    await request_id(reader)
    writer.write_eof()
    await reader.read()


async def sends_a_giant(reader, writer):
    await request_id(reader)
    writer.write(b"\xff\xff\xee" + bytes(1000))
    await reader.read()


async def speaks_http(reader, writer):
    await request_id(reader)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await reader.read()


@pytest.mark.parametrize("play", [hangs_up, half_closes, sends_a_giant, speaks_http])
@pytest.mark.parametrize("times", [1, 3])
def test_a_lost_connection_fails_the_question_at_once(play, times):
    started = time.monotonic()
    with pytest.raises(TargetError, match=r"CTRL at 127\.0\.0\.1"):
        ask(play, Get("x"), timeout=60.0, times=times)
    assert time.monotonic() - started < 30


def test_silence_ends_with_the_timeout_and_a_new_connection():
    connections = []

    async def play(reader, writer):
        connections.append(writer)
        if len(connections) == 1:
            await reader.read()
        while True:
            writer.write(ctrl(f"GET_REPLY {await request_id(reader)} x back"))

    with pytest.raises(TargetError, match=r"within 0\.1 s"):
        ask(play, Get("x"), timeout=0.1)
    connections.clear()
    assert ask(play, Get("x"), timeout=0.5, times=2) == [Reply(True, "back")]
    assert len(connections) == 2


def test_one_connection_serves_many_tasks():
    connections = []

    async def play(reader, writer):
        connections.append(writer)
        while True:
            line = (await read_frame(reader))[1][1:].decode()
            _verb, number, variable = line.split(" ")
            writer.write(ctrl(f"GET_REPLY {number} {variable} {variable[::-1]}"))

    async def story():
        async with tcp_server(play) as port:
            client = CtrlClient("127.0.0.1", port, timeout=10)
            answers = await asyncio.gather(*(client.ask(Get(f"v{i:03}")) for i in range(200)))
            await client.close()
            return answers

    assert run(story()) == [[Reply(True, f"v{i:03}"[::-1])] for i in range(200)]
    assert len(connections) == 1


def test_nobody_listens():
    async def story():
        async with tcp_server(hangs_up) as port:
            pass
        await CtrlClient("127.0.0.1", port, timeout=5).ask(Get("x"))

    with pytest.raises(TargetError, match="Is osmo-hlr running"):
        run(story())


def test_closing_fails_what_is_under_way():
    async def story():
        asked = asyncio.Event()

        async def play(reader, writer):
            await request_id(reader)
            asked.set()
            await reader.read()

        async with tcp_server(play) as port:
            client = CtrlClient("127.0.0.1", port, timeout=60)
            question = asyncio.create_task(client.ask(Get("x")))
            await asked.wait()
            await client.close()
            await question

    with pytest.raises(TargetError, match="closed on our side"):
        run(story())


@given(st.text(max_size=60) | st.from_regex(r"(GET_REPLY|SET_REPLY|ERROR|TRAP) [0-9a-f]{0,12} .*", fullmatch=True))
def test_no_line_upsets_the_parser(line):
    answer = parse_reply(line)
    assert answer is None or (answer[0] >= 0 and answer[1].text in line)
