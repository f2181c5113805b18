"""How the operators' commands fail: who may, who answers, and what a script reads."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from support.attester import ICCID
from support.operator import HEADER, Operator, new_device
from support.server import SIMBOND, VerifierServer, simbond

SILENT_HLR = "osmo-hlr://127.0.0.1?ctrl=1&gsup=1&vty=1&timeout=0.2"
AWAY = {"SIMBOND_URL": "http://127.0.0.1:1", "SIMBOND_TOKEN": "sbt_x"}


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    with VerifierServer(tmp_path_factory.mktemp("verifier")) as server:
        yield Operator(server)


@pytest.mark.parametrize(
    ("role", "arguments"),
    [
        ("viewer", ("cards", "suspend", ICCID, "--reason", "x")),
        ("viewer", ("devices", "enrol", "--request", "00")),
        ("viewer", ("cards", "import", "-")),
        ("technician", ("devices", "enrol", "--request", "00", "--allow-duplicate-imei")),
        ("technician", ("cards", "resume", ICCID, "--reason", "x")),
        ("technician", ("cards", "retire", ICCID, "--reason", "x")),
        ("technician", ("cards", "bind", ICCID, "--device", "00" * 8)),
        ("technician", ("devices", "revoke", "00" * 8, "--reason", "x")),
    ],
)
def test_a_role_may_only_what_it_may(operator: Operator, role: str, arguments: tuple[str, ...]) -> None:
    assert operator.error(6, *arguments, role=role) == "role"


def test_a_person_is_told_which_role_it_takes(operator: Operator) -> None:
    told = operator.error_text(6, "cards", "suspend", ICCID, "--reason", "x", role="viewer")

    assert "admin or operator" in told


def test_an_unknown_token_is_not_allowed(operator: Operator) -> None:
    done = operator.server.simbond("cards", "list", "--json", SIMBOND_TOKEN="sbt_wrong")

    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (6, "token")


def test_a_card_that_is_not_there(operator: Operator) -> None:
    told = operator.error_text(5, "cards", "show", ICCID)

    assert "simbond cards import" in told
    assert operator.error(5, "cards", "history", ICCID) == "card-unknown"
    assert operator.error(5, "cards", "suspend", ICCID, "--reason", "x") == "card-unknown"


@pytest.mark.parametrize("arguments", [("cards", "list"), ("devices", "list"), ("cards", "import", "-")])
def test_a_server_that_is_down_is_unreachable(arguments: tuple[str, ...]) -> None:
    done = simbond(*arguments, **AWAY)
    document = json.loads(simbond(*arguments, **AWAY, SIMBOND_JSON="1").stdout)

    assert (done.returncode, done.stdout) == (3, "")
    assert "Is 'simbond serve' running there?" in done.stderr
    assert document["error"]["code"] == "unreachable"


def test_wrong_usage_under_json_is_a_document_too() -> None:
    for arguments in (("suspend", ICCID), ("list", "--state", "lost"), ("list", "--url", "nowhere"), ("nothing",)):
        done = simbond("cards", *arguments, "--json", **AWAY)
        assert (done.returncode, done.stderr) == (2, "")
        assert json.loads(done.stdout)["error"]["code"] == "usage"


def test_ctrl_c_while_waiting_ends_with_130(tmp_path: Path) -> None:
    device = new_device()
    with VerifierServer(tmp_path, target=SILENT_HLR) as server, server.api() as api:
        Operator(server).imported(device)
        command = [*SIMBOND, "cards", "suspend", str(device.iccid), "--reason", "x", "--wait", "120", "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | server.environment())
        while api.get(f"/v1/cards/{device.iccid}")["state"] != "suspended":
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=90)

    assert process.returncode == 130
    assert json.loads(out)["error"]["code"] == "interrupted"


def test_over_tls_the_servers_certificate_is_checked(tmp_path: Path) -> None:
    device = new_device()
    with VerifierServer(tmp_path, tls=True) as server:
        operator = Operator(server)
        operator.imported(device)

        assert operator.json("cards", "show", str(device.iccid))["state"] == "stock"
        by_option = simbond("cards", "list", "--url", server.url, "--token", server.token(), "--ca", str(server.ca))
        assert by_option.stdout.startswith(str(device.iccid))
        unknown_ca = simbond("cards", "list", SIMBOND_URL=server.url, SIMBOND_TOKEN=server.token())
        other_name = server.simbond("cards", "list", SIMBOND_URL=server.url.replace("localhost", "127.0.0.1"))
        plain = server.simbond("cards", "list", SIMBOND_URL=server.url.replace("https", "http"))

    for done in (unknown_ca, other_name, plain):
        assert (done.returncode, done.stdout) == (3, "")
    assert "CERTIFICATE_VERIFY_FAILED" in unknown_ca.stderr
    assert "--ca" in unknown_ca.stderr


@contextmanager
def answering(status: int, body: bytes) -> Iterator[dict[str, str]]:
    """Something else than a verifier, which gives one answer to everything; the environment that leads there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield {"SIMBOND_URL": f"http://127.0.0.1:{server.server_port}", "SIMBOND_TOKEN": "sbt_x"}
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body", "exit_code"),
    [
        (200, b"<html>Welcome</html>", 3),
        (200, b"{}", 3),
        (200, b"[]", 3),
        (200, b'{"cards": [{"iccid": "1"}], "next": null}', 3),
        (200, b"[" * 100_000, 3),
        (200, b"\xff", 3),
        (302, b"{}", 3),
        (500, b"{}", 3),
        (503, b'{"type": "urn:simbond:problem:busy", "detail": "later", "retry_after_s": 2}', 3),
        (403, b"{}", 6),
        (404, b'{"detail": "\\u001b]0;owned\\u0007"}', 5),
        (422, b'{"detail": "no", "faults": [{"at": "body", "problem": "\\u009b2J"}]}', 4),
        (
            422,
            b'{"code": 1, "exit_code": 0, "detail": [], "faults": [{}, 1, {"line": 2}, {"line": 1, "column": 5}]}',
            4,
        ),
        (422, b'{"detail": "no", "faults": "none"}', 4),
    ],
)
def test_whatever_else_answers_there_is_one_clear_line(status: int, body: bytes, exit_code: int) -> None:
    with answering(status, body) as environment:
        for command in (("cards", "list"), ("cards", "import", "-")):
            done = simbond(*command, stdin=HEADER.encode(), **environment)
            assert done.returncode == exit_code, done
            assert done.stdout == ""
            assert done.stderr.startswith("Error: ")
            assert all(line.isprintable() for line in done.stderr.splitlines())


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("body", [b"{}", b'{"point": 1, "revoked_at": null}', b'{"point": "00", "revoked_at": null}'])
def test_whatever_else_answers_for_a_key_makes_no_evidence_bad(status: int, body: bytes) -> None:
    with answering(status, body) as environment:
        done = simbond("evidence", "inspect", "-", stdin=new_device().evidence(bytes(8)), **environment)

    assert done.returncode == (3 if status == 200 else 5)
    assert ": UNVERIFIED." in done.stdout
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
