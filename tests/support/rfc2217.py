"""A serial port on the network: the server side of RFC 2217 that pyserial ships, in front of a pseudo-terminal."""

import select
import socket
import threading
from collections.abc import Container
from types import TracebackType
from typing import Self

import serial
from serial.rfc2217 import PortManager

from .ports import free_port


class _Everything:
    def __contains__(self, _baud: object) -> bool:
        return True


class _Pty(serial.Serial):
    """The server's end of a pseudo-terminal, which has no modem lines. takes: the speeds it can be set to."""

    cts = dsr = ri = cd = False
    takes: Container[int] = _Everything()

    def _reconfigure_port(self, force_update: bool = False) -> None:
        if self.baudrate not in self.takes:
            raise ValueError(f"no {self.baudrate} baud here")
        super()._reconfigure_port(force_update)

    def _update_dtr_state(self) -> None: ...
    def _update_rts_state(self) -> None: ...


class _Client:
    """One connection, as PortManager wants to write to it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def write(self, octets: bytes) -> None:
        self.connection.sendall(octets)


class DeviceServer:
    """Has a port on TCP, for one client at a time, from `with` to its end or until it dies. url: how to name it.

    takes: the speeds that can be set. spoken: that of whoever is behind the port; at any other, octets come out wrong.
    dies_after: it is gone once so many octets came from the client. number: of the TCP port, such as that of one that
    died; 0: a new one.
    """

    def __init__(
        self,
        port: str,
        *,
        takes: Container[int] = _Everything(),
        spoken: int | None = None,
        dies_after: int | None = None,
        number: int = 0,
    ) -> None:
        self.speeds: list[int] = []
        self._port = port
        self._takes = takes
        self._spoken = spoken
        self._dies_after = dies_after
        self._received = 0
        self.number = number or free_port()
        self._listener = socket.create_server(("127.0.0.1", self.number))
        self.url = f"rfc2217://127.0.0.1:{self.number}?timeout=30"  # a busy machine is no broken one
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=self.url)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def wait(self) -> None:
        """Until it has died."""
        self._thread.join()

    def _serve(self) -> None:
        with self._listener:
            while not self._ended.is_set():
                if select.select([self._listener], [], [], 0.05)[0]:
                    with self._listener.accept()[0] as connection, _Pty(self._port, timeout=0) as line:
                        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        line.takes = self._takes
                        self._one(connection, line)

    def _one(self, connection: socket.socket, line: _Pty) -> None:
        manager = PortManager(line, _Client(connection))
        while not self._ended.is_set():
            ready = select.select([self._listener, connection, line], [], [], 0.05)[0]
            if self._listener in ready:
                self._listener.accept()[0].close()  # it has a client
            try:
                if connection in ready and not self._from_client(connection, line, manager):
                    return
                if line in ready:
                    connection.sendall(b"".join(manager.escape(self._heard(line, line.read(4096)))))
            except ConnectionError:
                return

    def _from_client(self, connection: socket.socket, line: _Pty, manager: PortManager) -> bool:
        """False once there is nothing more to come."""
        received = connection.recv(4096)
        octets = b"".join(manager.filter(received))
        self._received += len(octets)
        if self._dies_after is not None and self._received >= self._dies_after:
            self._ended.set()
        if self.speeds[-1:] != [line.baudrate]:
            self.speeds.append(line.baudrate)
        if octets:
            line.write(self._heard(line, octets))
        return bool(received)

    def _heard(self, line: _Pty, octets: bytes) -> bytes:
        wrong = self._spoken is not None and line.baudrate != self._spoken
        return bytes(octet ^ 0xA5 for octet in octets) if wrong else octets
