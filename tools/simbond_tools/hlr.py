"""A private osmo-hlr for the demo, tests and benchmarks: own address, own database, gone afterwards.

osmo-hlr 1.5 has fixed CTRL and GSUP ports and lets only the address be chosen, so every instance takes a loopback
address of its own out of 127.0.0.0/8.
"""

import contextlib
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from simbond_verifier.enforcement.ctrl import Set, parse_reply
from simbond_verifier.enforcement.ipa import STREAM_OSMO, Deframer, Extension, frame
from simbond_verifier.enforcement.osmo_hlr import CTRL_PORT, GSUP_PORT, VTY_PORT

_CONFIG = """\
log stderr
 logging color 0
 logging level set-all notice
line vty
 no login
 bind {address}
ctrl
 bind {address}
hlr
 store-imei
 gsup
  bind ip {address}
"""
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 5.0


class HlrError(Exception):
    """The private HLR cannot do what it was asked; the message says what to do next."""


class PrivateHlr:
    """Runs an osmo-hlr while its `with` block lasts; it stores IMEIs that nodes check, so it has a network view.

    `host` is its address on the standard ports, `url` what `simbond_verifier.enforcement.from_url` takes.
    """

    def __init__(self) -> None:
        self.host = ""
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def available() -> bool:
        """Whether osmo-hlr is installed here."""
        return shutil.which("osmo-hlr") is not None

    @property
    def url(self) -> str:
        """Target URL of this HLR."""
        return f"osmo-hlr://{self.host}"

    @property
    def pid(self) -> int:
        """Process id of the running HLR."""
        if self._process is None:
            raise HlrError("the private osmo-hlr is not running")
        return self._process.pid

    def __enter__(self) -> Self:
        """Start on a free address with an empty database. Raises HlrError."""
        self._folder = tempfile.TemporaryDirectory(prefix="simbond-hlr-")
        self.host = _free_address()
        try:
            self.start()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and remove the database."""
        self.stop()
        assert self._folder is not None
        self._folder.cleanup()

    def start(self) -> None:
        """Start, again after `stop` on the same address and database, and wait until it answers. Raises HlrError."""
        assert self._folder is not None
        folder = Path(self._folder.name)
        (folder / "osmo-hlr.cfg").write_text(_CONFIG.format(address=self.host))
        with (folder / "osmo-hlr.log").open("ab") as log:
            try:
                self._process = subprocess.Popen(
                    ["osmo-hlr", "-c", "osmo-hlr.cfg", "-l", "hlr.db"],
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            except FileNotFoundError:
                raise HlrError("osmo-hlr is not installed; on Debian: apt-get install osmo-hlr") from None
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop and keep the database."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def add_subscriber(self, imsi: str, msisdn: str) -> None:
        """Create one subscriber with PS and CS. Raises HlrError, for example when the IMSI exists."""
        self.add_subscribers([(imsi, msisdn)])

    def add_subscribers(self, subscribers: Iterable[tuple[str, str]]) -> None:
        """Create many, given as (IMSI, MSISDN). Raises HlrError at the first that osmo-hlr refuses."""
        try:
            with socket.create_connection((self.host, CTRL_PORT), _START_TIMEOUT_S) as ctrl:
                for imsi, msisdn in subscribers:
                    _set(ctrl, Set("subscriber.create", imsi))
                    _set(ctrl, Set(f"subscriber.by-imsi-{imsi}.msisdn", msisdn))
        except OSError as error:
            raise HlrError(f"lost the private osmo-hlr at {self.host}: {error}\n{self.log_tail()}") from None

    def log_tail(self, lines: int = 8) -> str:
        """The last lines of its log."""
        assert self._folder is not None
        log = Path(self._folder.name) / "osmo-hlr.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_TIMEOUT_S
        for port in (VTY_PORT, GSUP_PORT, CTRL_PORT):
            while not _listens(self.host, port):
                if self._process.poll() is not None:
                    raise HlrError(f"osmo-hlr ended with status {self._process.returncode}:\n{self.log_tail()}")
                if time.monotonic() > deadline:
                    raise HlrError(f"osmo-hlr does not listen on {self.host}:{port}:\n{self.log_tail()}")
                time.sleep(0.02)


def _free_address() -> str:
    for _ in range(100):
        address = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.{random.randint(1, 254)}"  # noqa: S311
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in (CTRL_PORT, GSUP_PORT, VTY_PORT):
                stack.enter_context(socket.socket()).bind((address, port))
            return address
    raise HlrError("found no free loopback address for osmo-hlr; does this host allow all of 127.0.0.0/8?")


def _listens(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), 1.0):
        return True
    return False


def _set(ctrl: socket.socket, request: Set) -> None:
    ctrl.sendall(frame(STREAM_OSMO, bytes([Extension.CTRL]) + request.line(1).encode()))
    deframer = Deframer()
    while data := ctrl.recv(4096):
        for _stream, payload in deframer.feed(data):
            answer = parse_reply(payload[1:].decode())
            if answer is not None:
                if not answer[1].ok:
                    raise HlrError(f"osmo-hlr refused {request.variable} {request.value}: {answer[1].text}")
                return
    raise HlrError("osmo-hlr closed the connection")
