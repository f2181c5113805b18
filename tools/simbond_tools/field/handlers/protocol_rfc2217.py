"""rfc2217://HOST:PORT: pyserial's, with what it lacks for us.

pyserial 3.5 refuses a limit for writing, though its socket has one; gives one octet at a time to who does not wait; and
tells neither the end of the connection from silence, nor a speed that is refused from a server that is gone.
"""

import socket
from queue import Queue

from serial import SerialException, rfc2217

_SOCKET_S = 5.0  # as pyserial makes it, for connecting and writing
_TRIES = 3  # a server frees its port a moment after a client left, which may have been this program


class HungUp(SerialException):
    """The server ended the connection while the port was opened."""


class SpeaksElse(SerialException):
    """What answers does not speak RFC 2217."""


class SpeedRefused(SerialException):
    """The server, or the port behind it, does not take that speed."""


class Serial(rfc2217.Serial):
    """Raises SerialException, of a kind above where more is known."""

    _read_buffer: Queue[bytes | None]
    _socket: socket.socket | None
    _connected = _ended = _hung_up = False

    @property
    def write_timeout(self) -> float | None:
        """Seconds. It cannot be changed."""
        return _SOCKET_S

    @write_timeout.setter
    def write_timeout(self, seconds: float | None) -> None: ...

    @property
    def in_waiting(self) -> int:
        waiting: int = super().in_waiting
        if not waiting and self._ended:
            raise SerialException("the server has ended the connection")
        return waiting

    def open(self) -> None:
        for attempt in range(_TRIES):
            try:
                return self._open()
            except HungUp:
                if attempt + 1 == _TRIES:
                    raise

    def _open(self) -> None:
        self._connected = self._ended = self._hung_up = False
        try:
            super().open()
        except SpeedRefused:
            raise
        except OSError as e:  # SerialException is one
            if self._hung_up or isinstance(e, ConnectionError):
                raise HungUp(str(e)) from e
            if self._connected:
                raise SpeaksElse(str(e)) from e
            raise

    def close(self) -> None:
        connection = self._socket
        super().close()
        if connection is not None:  # where the other end is gone, pyserial leaves it open
            connection.close()

    def read(self, size: int = 1) -> bytes:
        data = bytearray(super().read(size))
        while data and len(data) < size and not self._read_buffer.empty():
            data += self._read_buffer.get() or b""
        return bytes(data)

    def from_url(self, url: str) -> tuple[str, int]:
        place: tuple[str, int] = super().from_url(url)
        self._ignore_set_control_answer = True  # of DTR and RTS, which some servers answer wrongly and we do not need
        return place

    def _reconfigure_port(self) -> None:
        try:
            super()._reconfigure_port()  # type: ignore[misc]
        except ValueError as e:  # the server says that something else is set now
            raise SpeedRefused(str(e)) from e

    def _telnet_read_loop(self) -> None:
        self._connected = True
        try:
            super()._telnet_read_loop()  # type: ignore[misc]
            self._hung_up = self.is_open
        except OSError:  # it left in the middle of something
            self._hung_up = self.is_open
        except (TypeError, ValueError, AttributeError):
            pass  # what pyserial makes of somebody who speaks no telnet
        finally:
            self._ended = True
