"""The client of the operator API waits for a server that is busy, if that is short, and only where once is enough."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from simbond_tools import client
from simbond_tools.client import Api, ApiProblem

BUSY = {"type": "urn:simbond:problem:busy", "detail": "The verifier is busy."}


class Scripted(HTTPServer):
    """Answers with what stands in its script, one after the other: (status, Retry-After or None)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[tuple[int, str | None]] = []
        self.asked = 0


class _Handler(BaseHTTPRequestHandler):
    server: Scripted

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, after = self.server.script[self.server.asked]
        self.server.asked += 1
        body = json.dumps({"done": True} if status == 200 else BUSY).encode()
        self.send_response(status)
        if after is not None:
            self.send_header("Retry-After", after)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted() as made:
        thread = Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()


@pytest.fixture
def api(server: Scripted) -> Iterator[Api]:
    with Api(f"http://127.0.0.1:{server.server_port}", "sbt_x") as made:
        yield made


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each wait would have been, in seconds."""
    found: list[float] = []
    monkeypatch.setattr(client, "sleep", found.append)
    return found


REPEATABLE = {
    "get": lambda api: api.get("/x"),
    "download": lambda api: json.loads(b"".join(api.download("/x"))),
    "post_again": lambda api: api.post_again("/x", {}),
    "post_log": lambda api: api.post_log("/x", b"log"),
}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("call", REPEATABLE)
def test_a_call_that_may_be_repeated_waits_as_asked(
    server: Scripted, api: Api, waited: list[float], call: str, status: int
) -> None:
    server.script = [(status, "2"), (status, "7"), (200, None)]

    assert REPEATABLE[call](api) == {"done": True}
    assert waited == [2, 7]


@pytest.mark.parametrize(
    ("script", "waits", "seconds"),
    [
        ([(503, "2"), (503, "3"), (503, "4")], [2, 3], 4),  # asked twice again, and no more
        ([(503, "6"), (503, "5")], [6], 5),  # together longer than it waits
        ([(429, "11")], [], 11),
        ([(429, "9" * 5000)], [], 86400),
    ],
)
@pytest.mark.parametrize("call", REPEATABLE)
def test_patience_has_an_end_and_then_the_error_says_when_to_try_again(
    server: Scripted,
    api: Api,
    waited: list[float],
    call: str,
    script: list[tuple[int, str | None]],
    waits: list[float],
    seconds: int,
) -> None:
    server.script = script

    with pytest.raises(ApiProblem, match=f"^The verifier is busy. Try again in {seconds} s.$"):
        REPEATABLE[call](api)
    assert (server.asked, waited) == (len(script), waits)


@pytest.mark.parametrize(("status", "after"), [(503, None), (503, "soon"), (503, "-1"), (500, "1"), (409, "1")])
def test_who_is_not_asked_to_come_again_does_not(
    server: Scripted, api: Api, waited: list[float], status: int, after: str | None
) -> None:
    server.script = [(status, after)]

    with pytest.raises(ApiProblem, match=r"^The verifier is busy\.$"):
        api.get("/x")
    assert (server.asked, waited) == (1, [])


def test_a_moment_is_waited_for_too(server: Scripted, api: Api, waited: list[float]) -> None:
    server.script = [
        (503, format_datetime(datetime.now(UTC) + timedelta(seconds=8), usegmt=True)),
        (503, format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)),
        (200, None),
    ]

    assert api.get("/x") == {"done": True}
    assert waited[0] <= 8
    assert waited[1] == 0


@pytest.mark.parametrize(
    "call", [lambda api: api.post("/x"), lambda api: api.post_csv("/x", b""), lambda api: api.post_lines("/x", ["{}"])]
)
def test_what_might_be_done_twice_is_sent_once(server: Scripted, api: Api, waited: list[float], call: object) -> None:
    server.script = [(503, "1")]

    with pytest.raises(ApiProblem, match=r"Try again in 1 s\."):
        call(api)  # type: ignore[operator]
    assert (server.asked, waited) == (1, [])
