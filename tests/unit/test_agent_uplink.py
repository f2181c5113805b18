"""What the HTTP uplink makes of answers, good and bad."""

import asyncio

import cbor2
import pytest

from simbond_agent.uplink import Answer, UplinkError, open_uplink
from simbond_agent.uplink import ask as ask_by
from simbond_agent.uplink.http import HttpUplink
from support.idle_clock import run

RESULT = {1: 2, 2: [], 4: 3600, 10: b"nonce-08"}
BODY = cbor2.dumps(RESULT)


class Board:
    def __init__(self, url: str, ca: bytes | None = None) -> None:
        self.url = url
        self.ca = ca


def ask(raw: bytes, timeout_s: float = 5, hang: bool = False) -> tuple[Answer, bytes]:
    """What the uplink makes of the raw response, and the request."""

    async def exchange() -> tuple[Answer, bytes]:
        request = b""
        over = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal request
            request = await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(8)
            for octet in raw:
                writer.write(bytes((octet,)))
            if hang:
                await over.wait()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            uplink = HttpUplink(Board(f"http://127.0.0.1:{port}/simbond/"), bytes(8))
            uplink.timeout_s = timeout_s
            answer = await ask_by(uplink, "challenge", bytes(8))
        finally:
            over.set()
            server.close()
        return answer, request

    return run(exchange())


def response(status: str = "200 OK", body: bytes = BODY, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def test_an_answer_is_read_and_the_request_is_complete():
    answer, request = ask(response())
    assert (answer.tier, answer.reasons, answer.interval_s, answer.nonce) == ("affirming", [], 3600, b"nonce-08")
    head = request.decode("latin-1").split("\r\n")
    assert head[0] == "POST /simbond/v1/challenge HTTP/1.1"
    assert {"Content-Type: application/octet-stream", "Content-Length: 8"} < set(head)


def test_an_answer_without_a_length_ends_with_the_connection():
    assert ask(b"HTTP/1.1 200 OK\r\n\r\n" + BODY)[0].nonce == b"nonce-08"


def test_the_connection_may_stay_open_behind_the_answer():
    assert ask(response(), hang=True)[0].nonce == b"nonce-08"


@pytest.mark.parametrize("status", ["413 Content Too Large", "429 Too Many Requests", "503 Service Unavailable"])
def test_retry_after_reaches_the_loop(status):
    with pytest.raises(UplinkError, match=status[:3]) as error:
        ask(response(status, b"", "Retry-After: 120\r\n"))
    assert error.value.retry_after == 120


def test_a_date_in_retry_after_is_left_to_the_back_off():
    with pytest.raises(UplinkError) as error:
        ask(response("503 Busy", b"", "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n"))
    assert error.value.retry_after == 0


_WRONG = [(1, 7), (1, []), (2, "x"), (2, [b"x"]), (2, [["x"]]), (4, -1), (10, b"")]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000,
        response(body=b"\x00" * 3000),
        response(body=BODY[:-1]),
        response(body=BODY + b"\x00"),
        response(body=b"<html>"),
        response(body=cbor2.dumps([])),
        *(response(body=cbor2.dumps({**RESULT, key: wrong})) for key, wrong in _WRONG),
        *(response(body=cbor2.dumps({k: v for k, v in RESULT.items() if k != key})) for key in RESULT),
        b"HTTP/1.1 200 OK\r\n\xff\xfe: \xff\r\n\r\n",
    ],
)
def test_what_is_no_answer_is_an_uplink_error(raw):
    with pytest.raises(UplinkError):
        ask(raw)


def test_a_silent_server_times_out():
    with pytest.raises(UplinkError, match=r"no answer within 0\.2 s"):
        ask(b"HTTP/1.1 200 OK\r\n", timeout_s=0.2, hang=True)


@pytest.mark.parametrize(
    ("change", "again", "appraised"),
    [
        ({}, False, True),
        ({4: 0}, True, True),
        ({1: 96, 2: ["nonce-expired"]}, True, False),
        ({1: 96, 2: ["key-unknown"]}, False, False),
        ({1: 96, 2: ["imei-invalid"]}, False, False),
        ({1: 96, 2: ["card-changed"]}, False, False),
        ({1: 32, 2: ["card-changed"]}, False, True),
        ({1: 0, 2: ["tray-empty"]}, False, True),
    ],
)
def test_what_the_loop_needs_of_an_answer(change, again, appraised):
    answer = Answer(cbor2.dumps({**RESULT, **change}))
    assert (answer.again, answer.appraised) == (again, appraised)


@pytest.mark.parametrize(
    "url", ["verifier.example", "ftp://verifier.example", "http://", "http://host:port", "http://[::1]:80"]
)
def test_a_url_that_cannot_work_is_refused(url):
    with pytest.raises(ValueError, match="url is to be"):
        open_uplink(Board(url), bytes(8))


def test_https_without_a_ca_is_refused():
    with pytest.raises(ValueError, match="CA"):
        open_uplink(Board("https://verifier.example"), bytes(8))


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "cannot read .*ca.der"), (b"-----BEGIN CERT", "certificate in DER")]
)
def test_a_ca_that_cannot_be_used_is_named(content, problem, tmp_path):
    path = tmp_path / "ca.der"
    if content:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=problem):
        open_uplink(Board("https://verifier.example", str(path)), bytes(8))
