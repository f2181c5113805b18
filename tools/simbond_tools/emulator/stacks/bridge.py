"""From an emulated module to real servers: sockets in threads of their own beside the single-threaded engine.

What happens on a socket is told through Module.post(), so that every callback runs in the engine.
"""

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable
from typing import NamedTuple

from ..module import Module

_CONNECT_S = 10.0
_JOIN_S = 2.0


class Trouble(Exception):
    """Why no connection came about: "name" (not found), "network" (refused, timed out) or "tls"."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Security(NamedTuple):
    """TLS as the module was told to do it. ca: PEM or DER as it was uploaded, None: nothing is verified."""

    ca: bytes | None = None
    check_name: bool = False

    def context(self) -> ssl.SSLContext:
        """Raises Trouble when the CA is none."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = self.check_name
        if self.ca is None:
            context.verify_mode = ssl.CERT_NONE
            return context
        try:
            context.load_verify_locations(cadata=self.ca.decode() if self.ca.startswith(b"-----") else self.ca)
        except (ssl.SSLError, ValueError):
            raise Trouble("tls") from None
        return context


def dial(host: str, port: int, security: Security | None) -> socket.socket:
    """A connected socket. Raises Trouble."""
    try:
        plain = socket.create_connection((host, port), _CONNECT_S)
    except socket.gaierror:
        raise Trouble("name") from None
    except OSError:
        raise Trouble("network") from None
    if security is None:
        return plain
    try:
        return security.context().wrap_socket(plain, server_hostname=host)
    except (OSError, Trouble):
        plain.close()
        raise Trouble("tls") from None


def hang_up(connected: socket.socket | None, thread: threading.Thread | None) -> None:
    """Ends what a thread waits for on a socket, and sees that it ends."""
    if connected:
        with contextlib.suppress(OSError):  # it has ended already
            connected.shutdown(socket.SHUT_RDWR)
    if thread:
        thread.join(_JOIN_S)


class Response(NamedTuple):
    """status, header lines as they came, body."""

    status: int
    headers: list[str]
    body: bytes


class HttpRequest:
    """One HTTP/1.1 POST; done(Response, or Trouble) is called in the engine unless it was cancelled before."""

    def __init__(
        self,
        module: Module,
        url: "Url",
        headers: dict[str, str],
        body: bytes,
        security: Security | None,
        done: Callable[[Response | Trouble], None],
    ) -> None:
        self._cancelled = False
        self._socket: socket.socket | None = None

        def run() -> None:
            outcome = self._exchange(url, headers, body, security)
            module.post(lambda: None if self._cancelled else done(outcome))

        self._thread = threading.Thread(target=run, name="http request")
        self._thread.start()

    def cancel(self) -> None:
        self._cancelled = True
        hang_up(self._socket, self._thread)

    def _exchange(
        self, url: "Url", headers: dict[str, str], body: bytes, security: Security | None
    ) -> Response | Trouble:
        try:
            self._socket = dial(url.host, url.port, security if url.tls else None)
        except Trouble as trouble:
            return trouble
        connection = http.client.HTTPConnection(url.host, url.port)
        connection.sock = self._socket
        try:
            connection.request("POST", url.path, body, headers)
            answer = connection.getresponse()
            lines = [f"HTTP/1.1 {answer.status} {answer.reason}", *(f"{k}: {v}" for k, v in answer.getheaders())]
            return Response(answer.status, lines, answer.read())
        except (OSError, http.client.HTTPException):
            return Trouble("network")
        finally:
            connection.close()


class Url(NamedTuple):
    """http(s)://host[:port][/path]"""

    tls: bool
    host: str
    port: int
    path: str


def read_url(text: str) -> Url | None:
    """None if it is no such URL."""
    scheme, _, rest = text.partition("://")
    authority, _, path = rest.partition("/")
    host, _, port = authority.partition(":")
    if scheme.lower() not in ("http", "https") or not host or not (port or "0").isdecimal():
        return None
    tls = scheme.lower() == "https"
    return Url(tls, host, int(port or (443 if tls else 80)), "/" + path)
