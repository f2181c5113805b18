"""The server as a process: how it starts and ends, and clients that behave badly on purpose."""

import signal
import socket
import sqlite3
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cbor2
import httpx
import pytest

from support import schemas
from support.field import Field, eventually, new_device
from support.server import SIMBOND, VerifierServer
from support.verifier import SCENARIO

LOCAL = 7


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with VerifierServer(tmp_path_factory.mktemp("verifier")) as server, Field(server) as made:
        yield made


def connect(field: Field) -> socket.socket:
    host, port = field.server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), 60)


def evidence_request(message: bytes, *more: bytes) -> bytes:
    lines = [b"POST /v1/evidence HTTP/1.1", b"host: verifier", b"content-length: %d" % len(message), *more]
    return b"\r\n".join(lines) + b"\r\n\r\n" + message


def everything(connection: socket.socket) -> bytes:
    """What the server sends until it hangs up."""
    received = b""
    while data := connection.recv(65536):
        received += data
    return received


# Starting


def serve(*options: object) -> subprocess.CompletedProcess[str]:
    """A start that is expected to fail."""
    command = [*SIMBOND, "serve", "--port", "0", "--json", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "meter.toml").write_text(SCENARIO)
    (tmp_path / "bad.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (tmp_path / "notes.db").write_text("this is no database " * 500)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "0.0.0.0"], "not loopback"),
        (["--tls-cert", "{}/bad.pem"], "--tls-key"),
        (["--tls-cert", "{}/bad.pem", "--tls-key", "{}/none.pem"], "is no file"),
        (["--tls-cert", "{}/bad.pem", "--tls-key", "{}/bad.pem"], "Cannot serve"),
        (["--scenarios", "{}/nowhere"], "holds no scenario"),
        (["--target", "hss://h"], "--target"),
        (["--db", "{}/nowhere/simbond.db"], "no directory"),
        (["--db", "{}/notes.db"], "not a database"),
        (["--host", "192.0.2.1", "--plain-http"], "192.0.2.1"),
    ],
)
def test_a_start_that_fails_says_why(folder: Path, options: list[str], words: str) -> None:
    common = ["--db", folder / "simbond.db", "--scenarios", folder / "scenarios"]
    done = serve(*common, *(option.format(folder) for option in options))
    assert done.returncode == LOCAL, done.stderr
    assert words in schemas.read(done.stdout.splitlines()[-1])["error"]["detail"]
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = serve("--db", folder / "simbond.db", "--scenarios", folder / "scenarios", "--port", port)
    assert done.returncode == LOCAL, done.stderr
    detail = schemas.read(done.stdout.splitlines()[-1])["error"]["detail"]
    assert f"127.0.0.1:{port}" in detail
    assert "Traceback" not in done.stderr


def test_tls(tmp_path: Path) -> None:
    with VerifierServer(tmp_path, tls=True) as server, Field(server) as field:
        meter = new_device()
        field.bind(meter)
        assert field.attest(meter).verdict == (2, [])
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(server.url)
        with socket.create_connection(("localhost", port), 60) as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            assert b"200" not in plain.recv(1000)
        with socket.create_connection(("localhost", port), 60) as silent:  # a handshake that never ends
            assert field.attest(meter).verdict == (2, [])
            silent.close()
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.minimum_version = ssl.TLSVersion.TLSv1_2
        with socket.create_connection(("localhost", port), 60) as raw, old.wrap_socket(raw) as wrapped:
            assert wrapped.version() in ("TLSv1.2", "TLSv1.3")


def test_it_ends_when_asked_and_starts_where_it_was(tmp_path: Path) -> None:
    with VerifierServer(tmp_path) as server:
        with Field(server) as field:
            meter = new_device()
            field.bind(meter)
            nonce = field.attest(meter).nonce
            with connect(field) as idle:
                idle.sendall(b"POST /v1/evid")
                server.stop()  # fails if it does not end
        server.start()
        with Field(server) as field:
            assert field.attest(meter, nonce).verdict == (2, []), "nonces outlive a restart"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_in_order(folder: Path, number: signal.Signals, code: int) -> None:
    options = ["--db", str(folder / "simbond.db"), "--scenarios", str(folder / "scenarios"), "--port", "0", "--json"]
    with subprocess.Popen([*SIMBOND, "serve", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        server.send_signal(number)
        assert server.wait(timeout=90) == code
        assert server.stderr is not None
        assert b"Traceback" not in server.stderr.read()
    assert not (folder / "simbond.db-wal").exists(), "the last connection was closed, and the log folded in"


def test_a_second_server_on_the_same_database_does_not_start(tmp_path: Path) -> None:
    with VerifierServer(tmp_path) as server:
        done = serve("--db", server.db, "--scenarios", tmp_path / "scenarios", "--port", 0)
        assert done.returncode == LOCAL, done.stderr
        assert "Another 'simbond serve'" in schemas.read(done.stdout.splitlines()[-1])["error"]["detail"]
        server.kill()
        server.start()  # a kill leaves no lock behind


def test_a_fault_of_ours_is_a_problem_document_and_an_entry_in_the_log(tmp_path: Path) -> None:
    with VerifierServer(tmp_path) as server, Field(server) as field:
        token = server.token("viewer")
        other = sqlite3.connect(server.db)
        other.execute("ALTER TABLE card RENAME TO lost")
        other.close()
        response = field.http.get("/v1/cards", headers={"authorization": f"Bearer {token}"})
        assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
        assert response.json()["type"] == "urn:simbond:problem:internal"
        assert "card" not in response.text
        assert response.headers["connection"] == "close", "nothing more is sent into a connection that ends"
        # Workers fail on their own account meanwhile.
        faults = eventually(lambda: [line for line in field.log() if line["level"] == "error" and "worker" not in line])
        (entry,) = faults
        assert "no such table: card" in entry["exception"]
        meter = new_device()
        assert field.send(meter.evidence(bytes(8))).reasons == ["key-unknown"], "others are served"


# Clients that behave badly


def test_many_half_open_clients_stop_nobody(field: Field) -> None:
    meter = new_device()
    field.bind(meter)
    message = meter.evidence(field.nonce(meter))
    whole = evidence_request(message)
    with ExitStack() as stack:
        for n in range(300):
            client = stack.enter_context(connect(field))
            client.sendall(whole[: n % len(whole)])
        assert field.attest(meter, field.nonce(meter)).verdict == (2, [])


def test_a_slow_client_is_answered_in_the_end(field: Field) -> None:
    meter = new_device()
    field.bind(meter)
    whole = evidence_request(meter.evidence(field.nonce(meter)), b"connection: close")
    with connect(field) as client:
        for at in range(0, len(whole), 7):
            client.sendall(whole[at : at + 7])
            time.sleep(0.005)
        _, _, body = everything(client).partition(b"\r\n\r\n")
    assert cbor2.loads(body)[1] == 2


def test_clients_that_leave_before_the_answer(field: Field) -> None:
    meter = new_device()
    field.bind(meter)
    for _ in range(30):
        with connect(field) as client:
            client.sendall(evidence_request(meter.evidence(field.nonce(meter))))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not an end
    meter.uptime += 1
    assert field.attest(meter).verdict == (2, [])


JUNK = {
    "nothing": b"",
    "line ends": b"\r\n" * 1000,
    "zeros": bytes(4096),
    "random": bytes(range(256)) * 16,
    "TLS hello": bytes.fromhex("16030100a5010000a10303") + bytes(160),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": b"GET /v1/evidence\r\n\r\n",
    "endless header": b"GET / HTTP/1.1\r\nx: " + b"a" * 200_000,
    "many headers": b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 20_000,
    "header without a colon": b"GET / HTTP/1.1\r\nnonsense\r\n\r\n",
    "bare line feeds": b"GET /healthz HTTP/1.1\nhost: x\n\n",
    "negative length": b"POST /v1/evidence HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
    "length of letters": b"POST /v1/evidence HTTP/1.1\r\nhost: x\r\ncontent-length: ten\r\n\r\n",
    "length of 2^64": b"POST /v1/evidence HTTP/1.1\r\nhost: x\r\ncontent-length: 18446744073709551616\r\n\r\n",
    "chunk without end": b"POST /v1/evidence HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    b"ffffffffffffffff\r\n",
    "websocket": b"GET /v1/evidence HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    "absolute target": b"GET http://elsewhere/v1/cards HTTP/1.1\r\nhost: x\r\n\r\n",
    "CONNECT": b"CONNECT elsewhere:443 HTTP/1.1\r\nhost: x\r\n\r\n",
    "path beyond ASCII": "GET /v1/cards/ä HTTP/1.1\r\nhost: x\r\n\r\n".encode(),
    "broken escapes": b"GET /v1/cards/%zz%ff%00 HTTP/1.1\r\nhost: x\r\n\r\n",
}


@pytest.mark.parametrize("what", JUNK)
def test_junk_on_the_socket(field: Field, what: str) -> None:
    with connect(field) as client:
        try:
            client.sendall(JUNK[what])
            client.shutdown(socket.SHUT_WR)
            answer = everything(client)
        except OSError:  # reset by the server, perhaps before this end was closed: ENOTCONN is no ConnectionError
            answer = b""
    assert b" 500 " not in answer
    assert b"Traceback" not in answer
    assert field.http.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        [b"transfer-encoding: chunked"],
        [b"content-length: 5"],
        [b"transfer-encoding: identity, chunked"],
        [b"Transfer-Encoding : chunked"],
        [b"transfer-encoding: xchunked"],
    ],
)
def test_no_second_request_hides_in_a_body(field: Field, headers: list[bytes]) -> None:
    """Two ways to tell where the body ends: a proxy may follow one and the server the other."""
    meter = new_device()
    field.bind(meter)
    hidden = evidence_request(meter.evidence(field.nonce(meter)))
    tables = field.dump()
    request = evidence_request(b"0\r\n\r\n" + hidden, *headers, b"connection: close")
    with connect(field) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        answer = everything(client)
    assert answer.count(b"HTTP/1.1 200") <= 1
    assert field.dump() == tables


def test_the_log_is_one_object_a_line_whatever_came(field: Field) -> None:
    with connect(field) as client:
        client.sendall(b"\0\r\n\r\n")
        everything(client)
    field.send(b'\n{"level": "forged"}\n')
    levels = {line["level"] for line in field.log()}
    assert levels <= {"info", "warning", "error"}
