"""The device API on real sockets: clients that pipeline, halve, drip, mix and overrun, each with what it gets."""

import asyncio
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import uvicorn

from simbond_agent import claims
from simbond_tools.demo.authority import make_authority
from simbond_verifier.api.device import DeviceApi
from simbond_verifier.api.patience import Waits
from simbond_verifier.api.protocol import HEAD_OCTETS, speaking_for
from simbond_verifier.ingest.result import Result
from simbond_verifier.metrics import Metrics
from simbond_verifier.policy import Limits
from simbond_verifier.reasons import Tier
from simbond_verifier.store.group_commit import StoreBusy, StoreUnavailable

LONG = Waits(request=100, upload=100, idle=100)
SHORT = Waits(request=0.6, upload=0.6, idle=0.6, look=0.1)
UNLIMITED = Limits(device_per_s=1e6, device_burst=1_000_000)
KID = b"12345678"


class Ingest:
    """In place of the real one: a result has its message's length for an interval, unless that asks for worse."""

    def __init__(self) -> None:
        self.held: list[Callable[[], None]] = []

    def take(self, message: bytes, deliver: Callable[[Result | Exception], None]) -> None:
        found: Result | Exception = Result(Tier.AFFIRMING, (), len(message))
        if message == b"\xffbusy":
            found = StoreBusy("too much")
        elif message == b"\xffaway":
            found = StoreUnavailable("disk full")
        elif message == b"\xfffault":
            found = ZeroDivisionError("ours")
        if message.startswith(b"\xffhold"):
            self.held.append(lambda: deliver(found))
        else:
            deliver(found)

    async def rotate(self, message: bytes) -> Result:
        await asyncio.sleep(0)
        return Result(Tier.AFFIRMING, (), len(message))

    async def many(self, messages: list[bytes]) -> list[Result]:
        return [Result(Tier.AFFIRMING, (), len(message)) for message in messages]

    def noted(self, result: Result) -> Result:
        return result

    def answer(self, result: Result) -> bytes:
        return b"%d" % result.interval_s

    def challenge(self, kid: bytes) -> bytes:
        return b"nonce of " + kid


async def application(scope: Any, receive: Any, send: Any) -> None:
    """What is behind the device API: says which path was asked for, after it has read the body."""
    while (event := await receive()).get("more_body"):
        pass
    if event["type"] == "http.disconnect":
        return
    if scope["path"] == "/slow":
        await asyncio.sleep(0.3)
    body = b"application " + scope["path"].encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Site(NamedTuple):
    port: int
    ingest: Ingest
    loop: asyncio.AbstractEventLoop
    server: uvicorn.Server

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), 60)

    def release(self) -> None:
        """Lets what is held back have its results, the last one first."""
        while not self.ingest.held:
            time.sleep(0.005)
        for deliver in reversed(self.ingest.held):
            self.loop.call_soon_threadsafe(deliver)


@contextmanager
def serving(limits: Limits | None = None, waits: Waits = LONG, **more: Any) -> Iterator[Site]:
    """Rates are counted at one and the same moment, however long the test takes."""
    ingest = Ingest()
    device = DeviceApi(ingest, Metrics(), limits, clock=lambda: 1000.0)  # type: ignore[arg-type]
    config = uvicorn.Config(
        application, http=speaking_for(device, waits), log_config=None, lifespan="off", ws="none", **more
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    listener = socket.create_server(("127.0.0.1", 0))
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve([listener])

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield Site(listener.getsockname()[1], ingest, loops[0], server)
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Site]:
    with serving(UNLIMITED) as made:
        yield made


@pytest.fixture
def site(shared: Site) -> Site:
    shared.ingest.held.clear()
    return shared


@pytest.fixture(scope="module")
def impatient() -> Iterator[Site]:
    with serving(UNLIMITED, SHORT) as made:
        yield made


def request(body: bytes, *more: bytes, path: bytes = b"/v1/evidence", version: bytes = b"1.1") -> bytes:
    lines = [b"POST " + path + b" HTTP/" + version, b"host: verifier", b"content-length: %d" % len(body), *more]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def everything(connection: socket.socket) -> bytes:
    received = b""
    while data := connection.recv(65536):
        received += data
    return received


_HEAD = re.compile(rb"HTTP/1\.1 (\d+) [^\r]*\r\n(.*?)\r\n\r\n", re.DOTALL)


def answers(received: bytes) -> list[tuple[int, bytes]]:
    """Status and body of each response, in order."""
    found = []
    while received:
        head = _HEAD.match(received)
        assert head is not None, received
        if head[1] == b"100":
            size = 0
        else:
            length = re.search(rb"content-length: (\d+)", head[2])
            assert length is not None
            size = int(length[1])
        found.append((int(head[1]), received[head.end() : head.end() + size]))
        received = received[head.end() + size :]
    return found


def ask(site: Site, *octets: bytes, halve: bool = False) -> list[tuple[int, bytes]]:
    with site.connect() as client:
        for some in octets:
            client.sendall(some)
        if halve:
            client.shutdown(socket.SHUT_WR)
        return answers(everything(client))


CLOSE = b"connection: close"


def code(answer: tuple[int, bytes]) -> tuple[int, str]:
    return answer[0], json.loads(answer[1])["type"].removeprefix("urn:simbond:problem:")


# One request


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        (b"/v1/evidence", b"\xff12", b"3"),
        (b"/v1/evidence?from=here", b"\xff12", b"3"),
        (b"http://verifier/v1/evidence", b"\xff12", b"3"),
        (b"/v1/rotation", b"\xff12", b"3"),
        (b"/v1/challenge", KID, b"nonce of 12345678"),
        (b"/v1/challenge", b"MTIzNDU2Nzg=", b"bm9uY2Ugb2YgMTIzNDU2Nzg="),
        (b"/v1/evidence/batch", b"\xa0\xa0", b"11"),
        (b"/v1/cards", b"1", b"application /v1/cards"),
        (b"/v1/evidence/", b"1", b"application /v1/evidence/"),
        (b"/v1%2fevidence", b"1", b"application /v1/evidence"),
    ],
)
def test_who_answers(site: Site, path: bytes, body: bytes, answer: bytes) -> None:
    assert ask(site, request(body, CLOSE, path=path)) == [(200, answer)]


def test_a_body_in_chunks_and_in_crumbs(site: Site) -> None:
    head = b"POST /v1/evidence HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    whole = head + b"2\r\n\xff1\r\n" + b"3\r\n234\r\n" + b"0\r\n\r\n"
    assert ask(site, whole) == [(200, b"5")]
    assert ask(site, *(whole[i : i + 1] for i in range(len(whole)))) == [(200, b"5")]


def test_a_client_that_asks_before_it_sends(site: Site) -> None:
    head, _, body = request(b"\xff12", CLOSE, b"expect: 100-continue").partition(b"\r\n\r\n")
    with site.connect() as client:
        client.sendall(head + b"\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert answers(everything(client)) == [(200, b"3")]


def test_http_1_0_ends_with_the_answer(site: Site) -> None:
    assert ask(site, request(b"\xff12", version=b"1.0")) == [(200, b"3")]


def test_a_connection_is_kept_for_the_next_request(site: Site) -> None:
    with site.connect() as client:
        for n in range(3):
            client.sendall(request(b"\xff" + b"1" * n))
            assert answers(client.recv(1000)) == [(200, b"%d" % (n + 1))]


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (request(b"\xffbusy", CLOSE), (503, "busy")),
        (request(b"\xffaway", CLOSE), (503, "store-unavailable")),
        (request(b"\xfffault", CLOSE), (500, "internal")),
        (request(b"short", CLOSE, path=b"/v1/challenge"), (400, "kid-invalid")),
        (request(b"\xa0" * 1001, CLOSE, path=b"/v1/evidence/batch"), (413, "batch-too-large")),
        (b"GET /v1/evidence HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", (405, "method-not-allowed")),
        (b"no http\r\n\r\n", (400, "not-http")),
        (b"POST /v1/evidence HTTP/1.1\r\nhost: x\r\ncontent-length: ten\r\n\r\n", (400, "not-http")),
    ],
)
def test_problems(site: Site, octets: bytes, expected: tuple[int, str]) -> None:
    (answer,) = ask(site, octets)
    assert code(answer) == expected


def test_a_body_that_is_too_long_is_answered_before_it_ends(site: Site) -> None:
    longest = 4 * -(-claims.MAX_OCTETS // 3)
    with site.connect() as client:
        client.sendall(request(b"\xff" * 2_000_000)[: longest + 1000])
        assert answers(client.recv(10_000))[0][0] == 413
        client.sendall(b"\xff" * (2_000_000 - 100_000))
    with site.connect() as client:  # what is left of it is no request
        client.sendall(request(b"\xff" * (longest + 5)) + request(b"\xff12", CLOSE))
        assert [status for status, _ in answers(everything(client))] == [413, 200]


def test_a_head_that_does_not_end(site: Site) -> None:
    for endless in (b"GET / HTTP/1.1\r\nx: ", b"POST /v1/evidence HTTP/1.1\r\n", b"GET /"):
        with site.connect() as client:
            client.sendall(endless)
            filler = b"x: y\r\n" if endless.endswith(b"\n") else b"aaaaaa"
            client.sendall(filler * (HEAD_OCTETS // 6 + 10))
            assert code(answers(everything(client))[0]) == (431, "head-too-large")


# Several requests


def test_pipelined_requests_are_answered_in_their_order(site: Site) -> None:
    messages = [b"\xffhold", b"\xff1", b"\xffhold3", b"\xff"]
    with site.connect() as client:
        client.sendall(b"".join(map(request, messages[:-1])) + request(messages[-1], CLOSE))
        while len(site.ingest.held) < 2:
            time.sleep(0.005)
        site.release()
        assert answers(everything(client)) == [(200, b"%d" % len(m)) for m in messages]


def test_many_pipelined_requests(site: Site) -> None:
    wanted = 500
    octets = request(b"\xff12") * (wanted - 1) + request(b"\xff12", CLOSE)
    assert ask(site, octets) == [(200, b"3")] * wanted


def test_nothing_is_read_after_the_last_request(site: Site) -> None:
    assert ask(site, request(b"\xff12", CLOSE) + request(b"\xff1")) == [(200, b"3")]


def test_a_fault_behind_good_requests_comes_after_their_answers(site: Site) -> None:
    with site.connect() as client:
        client.sendall(request(b"\xffhold") + b"no http\r\n\r\n")
        site.release()
        first, second = answers(everything(client))
    assert first == (200, b"5")
    assert code(second) == (400, "not-http")


def test_who_mixes_both_apis_gets_what_came_first(site: Site) -> None:
    operator = b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n"
    assert ask(site, operator + request(b"\xff12")) == [(200, b"application /slow")]
    with site.connect() as client:
        client.sendall(request(b"\xffhold") + operator)
        site.release()
        assert answers(everything(client)) == [(200, b"5")]
    with site.connect() as client:  # one after the other they may be mixed
        for octets, answer in ((operator, b"application /slow"), (request(b"\xff12"), b"3")) * 2:
            client.sendall(octets)
            received = b""
            while not received.endswith(answer):
                received += client.recv(1000)
            assert answers(received) == [(200, answer)]


def test_a_half_closed_client_is_answered(site: Site) -> None:
    assert ask(site, request(b"\xff12"), halve=True) == [(200, b"3")]
    assert ask(site, b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n", halve=True) == [(200, b"application /slow")]
    assert ask(site, request(b"\xff12")[:-1], halve=True) == [], "but not for half a request"


# Slow clients


@pytest.mark.parametrize(
    "part",
    [b"POST /v1/evidence HT", request(b"\xff12")[:-1], b"GET /healthz HTTP/1.1\r\nhost:"],
    ids=["head", "body", "operator's head"],
)
def test_what_does_not_come_in_time_is_given_up_however_it_drips(impatient: Site, part: bytes) -> None:
    with impatient.connect() as client:
        client.settimeout(0.05)
        client.sendall(part[:-5])
        received, drops = b"", iter(part[-5:])
        with suppress(ConnectionError):  # a drop that fell behind the end
            while True:
                try:
                    data = client.recv(1000)
                except TimeoutError:
                    drop = next(drops, None)
                    if drop is not None:
                        client.sendall(bytes([drop]))
                    continue
                if not data:
                    break
                received += data
    assert code(answers(received)[0]) == (408, "too-slow")


@pytest.mark.parametrize("before", [b"", request(b"\xff12"), b"\r\n"], ids=["fresh", "kept", "line end"])
def test_who_says_nothing_is_hung_up_on(impatient: Site, before: bytes) -> None:
    with impatient.connect() as client:
        client.sendall(before)
        everything(client)


def test_an_operator_s_body_that_does_not_come(impatient: Site) -> None:
    with impatient.connect() as client:
        client.sendall(request(b"1" * 100, path=b"/v1/cards")[:-1])
        with suppress(ConnectionError):
            assert everything(client) == b""


def test_a_client_that_reads_no_answers_is_cut_off(impatient: Site) -> None:
    many = request(KID, path=b"/v1/challenge") * 5000
    with impatient.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(0.2)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                client.sendall(many)
            except TimeoutError:
                continue
            except ConnectionError:
                break
        assert time.monotonic() < deadline, "still connected"


# Limits, load, the end


def test_too_much_from_one_address_or_device_waits() -> None:
    limits = Limits(address_per_s=0.1, address_burst=5, exempt=())
    with serving(limits) as site:
        octets = request(b"\xff12") * 5 + request(b"\xff12", CLOSE)
        *good, last = ask(site, octets)
        assert good == [(200, b"3")] * 5
        assert code(last) == (429, "address-rate")
        with site.connect() as client:
            client.sendall(request(b"\xa0" * 3, CLOSE, path=b"/v1/evidence/batch"))
            assert b"retry-after: 3" in everything(client)
    with serving(Limits(device_per_s=0.1, device_burst=2)) as site:
        found = ask(site, request(KID, path=b"/v1/challenge") * 2, request(KID, CLOSE, path=b"/v1/challenge"))
        assert [status for status, _ in found] == [200, 200, 429]
        assert code(found[2]) == (429, "device-rate")
        assert ask(site, request(b"87654321", CLOSE, path=b"/v1/challenge"))[0][0] == 200


def test_more_connections_than_there_may_be() -> None:
    with serving(limit_concurrency=2) as site, site.connect() as first:
        first.sendall(request(b"\xff12"))
        assert answers(first.recv(1000)) == [(200, b"3")]
        assert code(ask(site, request(b"\xff12", CLOSE))[0]) == (503, "connections")


def test_what_was_asked_is_answered_before_the_server_ends() -> None:
    with serving() as site, site.connect() as client:
        client.sendall(request(b"\xffhold"))
        while not site.ingest.held:
            time.sleep(0.005)
        site.server.should_exit = True
        time.sleep(0.2)
        site.release()
        assert answers(everything(client)) == [(200, b"5")]


def test_tls(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    server = str(authority.server)
    with serving(ssl_certfile=server, ssl_keyfile=server) as site:
        context = ssl.create_default_context(cafile=str(authority.ca_pem))
        with site.connect() as plain, context.wrap_socket(plain, server_hostname="localhost") as client:
            client.sendall(request(b"\xff12") + request(b"\xff1", CLOSE))
            assert answers(everything(client)) == [(200, b"3"), (200, b"2")]
