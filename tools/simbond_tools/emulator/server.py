"""The bench's commands over a Unix stream socket, and from a terminal: one loop, no thread of its own."""

import json
import os
import selectors
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from .control import Bench
from .errors import EmulatorError

_LINE_LIMIT = 4096


def listen(path: Path) -> socket.socket:
    """A listening socket at `path`, for its owner only. A socket that nobody serves any more is replaced.

    Raises EmulatorError if the path is taken or cannot be used.
    """
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear_stale(path)
        mask = os.umask(0o177)
        try:
            server.bind(str(path))
        finally:
            os.umask(mask)
        server.listen()
        server.setblocking(False)
    except OSError as problem:
        server.close()
        raise EmulatorError(f"cannot use the control socket {path}: {problem.strerror or problem}") from None
    except EmulatorError:
        server.close()
        raise
    return server


def _clear_stale(path: Path) -> None:
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if probe.connect_ex(str(path)) == 0:
            raise EmulatorError(f"the control socket {path} is served by another emulator; use another path")
    path.unlink()


class ControlServer:
    """Serves a Bench to socket clients and to a terminal until stop_fd becomes readable."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._selector = selectors.DefaultSelector()
        self._buffers: dict[socket.socket, bytes] = {}

    def run(self, listener: socket.socket | None, terminal: TextIO | None, stop_fd: int) -> None:
        """Answer until `stop_fd` is readable. Clients are closed at the end; `listener` stays the caller's."""
        self._watch(stop_fd, None)
        if listener:
            self._watch(listener, lambda: self._accept(listener))
        if terminal:
            self._watch(terminal, lambda: self._serve_terminal(terminal))
        try:
            while True:
                for key, _ in self._selector.select():
                    if key.data is None:
                        return
                    key.data()
        finally:
            for client in list(self._buffers):
                self._drop(client)
            self._selector.close()

    def _watch(self, source: socket.socket | TextIO | int, action: Callable[[], None] | None) -> None:
        self._selector.register(source, selectors.EVENT_READ, action)

    def _accept(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        client.settimeout(1.0)  # a client that does not read its answers is dropped
        self._buffers[client] = b""
        self._watch(client, lambda: self._serve(client))

    def _serve(self, client: socket.socket) -> None:
        try:
            data = client.recv(_LINE_LIMIT)
            *lines, rest = (self._buffers[client] + data).split(b"\n")
            for line in lines:
                client.sendall(self._answer(line.decode("utf-8", "replace")).encode() + b"\n")
        except OSError:
            data, rest = b"", b""
        if not data or len(rest) > _LINE_LIMIT:
            self._drop(client)
        else:
            self._buffers[client] = rest

    def _drop(self, client: socket.socket) -> None:
        self._selector.unregister(client)
        del self._buffers[client]
        client.close()

    def _serve_terminal(self, terminal: TextIO) -> None:
        text = os.read(terminal.fileno(), _LINE_LIMIT).decode("utf-8", "replace")
        if not text:  # Ctrl-D ends the typing, not the emulator
            self._selector.unregister(terminal)
        for line in text.splitlines():
            if line.strip():
                print(self._answer(line), flush=True)

    def _answer(self, line: str) -> str:
        return json.dumps(self._bench.execute(line), ensure_ascii=False)
