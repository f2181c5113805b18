"""The pseudo-terminal between emulator and host (POSIX only).

The slave is raw with VMIN=0 and VTIME=0, so that a host that opens it as a plain file never blocks, and it stays open
here, so that hosts may come and go without the master reporting a hang-up. A host that does not read costs no more
than a full buffer: the master never blocks, and past PENDING_LIMIT bytes are lost as they are on a UART.
"""

import os
import select
from collections import deque
from pathlib import Path

try:
    import pty
    import termios
    import tty
except ImportError:  # Windows
    pty = None  # type: ignore[assignment]

from .errors import EmulatorError, NoPseudoTerminals

PENDING_LIMIT = 65536
_READ_SIZE = 4096


class PtyPort:
    """An open pseudo-terminal; `name` is what the host opens. link: a symbolic link to make to it, taken away at the
    end. Raises NoPseudoTerminals, EmulatorError."""

    def __init__(self, link: Path | None = None) -> None:
        if pty is None:
            raise NoPseudoTerminals("the emulator needs pseudo-terminals: run it on Linux, macOS or under WSL")
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        attributes = termios.tcgetattr(self._slave)
        attributes[6][termios.VMIN] = attributes[6][termios.VTIME] = 0
        termios.tcsetattr(self._slave, termios.TCSANOW, attributes)
        os.set_blocking(self._master, False)
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._pending: deque[bytes] = deque()
        self.name = os.ttyname(self._slave)
        self._link: Path | None = None
        if link is not None:
            try:
                self._make(link)
            except EmulatorError:
                self.close()
                raise

    def close(self) -> None:
        if self._link and _target(self._link) == self.name:
            self._link.unlink()
        for fd in (self._master, self._slave, self._wake_read, self._wake_write):
            os.close(fd)

    def _make(self, link: Path) -> None:
        if _target(link).startswith("/dev/"):
            link.unlink()  # of an emulator that was killed
        try:
            link.symlink_to(self.name)
        except OSError as problem:
            raise EmulatorError(f"cannot make the link {link}: {problem.strerror}") from None
        self._link = link

    def wake(self) -> None:
        """End the wait() of another thread."""
        try:
            os.write(self._wake_write, b"\0")
        except BlockingIOError:
            return  # full of earlier wake-ups: it will end

    def send(self, chunk: bytes) -> None:
        """Queue one write for the host."""
        if sum(map(len, self._pending)) + len(chunk) <= PENDING_LIMIT:
            self._pending.append(chunk)
        self._flush()

    def wait(self, timeout: float | None) -> bytes:
        """What the host sent; empty after `timeout` seconds (None: for ever) or a wake()."""
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        poll.register(self._master, select.POLLIN | (select.POLLOUT if self._pending else 0))
        ready = dict(poll.poll(None if timeout is None else max(0.0, timeout * 1000)))
        if self._wake_read in ready:
            os.read(self._wake_read, _READ_SIZE)
        events = ready.get(self._master, 0)
        if events & select.POLLOUT:
            self._flush()
        return os.read(self._master, _READ_SIZE) if events & select.POLLIN else b""

    def _flush(self) -> None:
        while self._pending:
            chunk = self._pending[0]
            try:
                written = os.write(self._master, chunk)
            except BlockingIOError:
                return
            if written == len(chunk):
                self._pending.popleft()
            else:
                self._pending[0] = chunk[written:]


def _target(link: Path) -> str:
    """Where a symbolic link leads; "" for what is none."""
    return str(link.readlink()) if link.is_symlink() else ""
