"""What an agent under test attests to: a small HTTP(S) server that checks every signature with `cryptography`."""

import os
import ssl
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from simbond_agent import claims
from simbond_tools.demo.authority import Authority

from .ports import free_port


class Received(NamedTuple):
    """Evidence whose signature verified."""

    kid: bytes
    nonce: bytes
    bootcount: int
    uptime: int
    binding: list[Any]
    late: bool
    """Its nonce is none, or one that was claimed before."""

    @property
    def iccid(self) -> str | None:
        octets = self.binding[claims.ICCID]
        return octets and claims.unpack_digits(octets)

    @property
    def flags(self) -> int:
        return self.binding[claims.STATUS]


class Reply(NamedTuple):
    """One answer that differs from the usual one."""

    http_status: int = 200
    retry_after: int | None = None
    tier: int = 2
    reasons: tuple[str, ...] = ()
    interval_s: int = 3600
    lost: bool = False
    """The message is taken, and the connection cut instead of an answer."""


class DeviceServer:
    """requests: every path that was asked for; requested_at: when, by time.monotonic(). replies: answers to Evidence
    and rotations, to give before the usual one. rotated: key identifiers that another key has taken the place of."""

    def __init__(self, authority: Authority | None = None) -> None:
        self._authority = authority
        self._keys: dict[bytes, ec.EllipticCurvePublicKey] = {}
        self._enrolled = threading.Condition()
        self._stopping = False
        self._received: SimpleQueue[Received] = SimpleQueue()
        self._nonces: dict[bytes, bool] = {bytes(8): False}  # whether each is still to be claimed
        self.requests: list[str] = []
        self.requested_at: list[float] = []
        self.replies: deque[Reply] = deque()
        self.rotated: list[bytes] = []
        self.interval_s = 3600
        self._port = free_port()
        self.start()

    def start(self) -> None:
        """Listens, on the same port as ever."""
        self._stopping = False
        server = _Server(("127.0.0.1", self._port), _Handler)
        server.device_server = self
        if self._authority:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._authority.server)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def stop(self) -> None:
        with self._enrolled:
            self._stopping = True
            self._enrolled.notify_all()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"{'https' if self._authority else 'http'}://localhost:{self._port}"

    def enrol(self, request: str) -> bytes:
        """Takes an enrolment request in hex, checks that it is signed by its own key, returns the kid."""
        message = bytes.fromhex(request)
        key = cbor2.loads(cbor2.loads(message).value[2])[claims.CNF][1]
        public = ec.EllipticCurvePublicNumbers(
            int.from_bytes(key[-2], "big"), int.from_bytes(key[-3], "big"), ec.SECP256R1()
        ).public_key()
        kid = cbor2.loads(cbor2.loads(message).value[0])[4]
        with self._enrolled:
            self._keys[kid] = public
            self._enrolled.notify_all()
        self.verified(message)
        return kid

    def evidence(self, timeout_s: float = 60) -> Received:
        """The next Evidence."""
        try:
            return self._received.get(timeout=timeout_s)
        except Empty:
            raise AssertionError(f"no Evidence within {timeout_s} s; requests so far: {self.requests}") from None

    def verified(self, message: bytes) -> tuple[bytes, dict[int, Any]]:
        """Key identifier and claims of a message, whose signature is checked."""
        protected, _, payload, signature = cbor2.loads(message).value
        kid = cbor2.loads(protected)[4]
        signed = cbor2.dumps(["Signature1", protected, b"", payload])
        der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        with self._enrolled:  # the agent does not wait for the test to enrol it
            self._enrolled.wait_for(lambda: kid in self._keys or self._stopping, timeout=60)
            key = self._keys[kid]
        key.verify(der, signed, ec.ECDSA(hashes.SHA256()))
        return kid, cbor2.loads(payload)

    def answer(self, path: str, body: bytes) -> tuple[Reply, bytes]:
        self.requests.append(path)
        self.requested_at.append(time.monotonic())
        reply = Reply(interval_s=self.interval_s)
        if path in ("/v1/evidence", "/v1/rotation") and self.replies:
            reply = self.replies.popleft()
        if reply.http_status != 200:
            pass
        elif path == "/v1/evidence":
            if self._take(body).late and not reply.lost:
                reply = Reply(tier=0, reasons=("late",), interval_s=0)
        elif path == "/v1/rotation":
            self._rotate(body)
        nonce = os.urandom(8)
        self._nonces[nonce] = True
        return reply, cbor2.dumps({1: reply.tier, 2: list(reply.reasons), 4: reply.interval_s, 10: nonce})

    def _take(self, body: bytes) -> Received:
        kid, claimed = self.verified(body)
        nonce = claimed[claims.NONCE]
        late = not self._nonces[nonce]  # a KeyError here is a nonce of nobody's
        self._nonces[nonce] = False
        received = Received(
            kid, nonce, claimed[claims.BOOTCOUNT], claimed[claims.UPTIME], claimed[claims.BINDING], late
        )
        self._received.put(received)
        return received

    def _rotate(self, body: bytes) -> None:
        kid, claimed = self.verified(body)
        assert self._nonces[claimed[claims.NONCE]]
        self.enrol(claimed[claims.NEXT_KEY].hex())
        self.rotated.append(kid)


class _Server(ThreadingHTTPServer):
    device_server: DeviceServer
    allow_reuse_address = True
    daemon_threads = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up, or refuses the certificate, is no error of the test."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        reply, answer = self.server.device_server.answer(self.path, body)
        if reply.lost:
            self.close_connection = True
            return
        self.send_response(reply.http_status)
        if reply.retry_after is not None:
            self.send_header("Retry-After", str(reply.retry_after))
        self.send_header("Content-Type", "application/cbor")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass
