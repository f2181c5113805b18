"""A serial line that belongs to this program alone: a device name, or any URL that pyserial knows."""

import errno
import os
import re
import sys
import time
from typing import Literal, Protocol

import serial

from simbond_tools.closing import Closing
from simbond_tools.i18n import _

from .errors import FieldError, NoPort, NotASerialPort, PortBusy, PortNotAllowed, SpeedRefused, Unplugged
from .handlers import protocol_rfc2217 as rfc2217
from .holders import holder_of
from .serial_device import may_be_serial

try:
    import fcntl
    import termios
except ImportError:  # Windows opens a port for one program only
    fcntl = termios = None  # type: ignore[assignment]

BAUD = 115200
_POLL_S = 0.005
_WRITE_S = 5.0  # a device that takes nothing for so long, by flow control, is as good as unplugged

serial.protocol_handler_packages.insert(0, rfc2217.__package__)

_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO)

Side = Literal["host", "device"]


class Recorder(Protocol):
    """Gets what goes over a line, as it is read and written."""

    def record(self, side: Side, data: bytes) -> None: ...


class Line(Closing):
    """An open line. url: as it was named; baud: its speed. Use it in a with statement, or close() it.

    Reading and writing raise Unplugged once the other end is gone.
    """

    def __init__(self, url: str, baud: int, port: serial.Serial, recorder: Recorder | None) -> None:
        self.url = url
        self._port = port
        self._recorder = recorder
        self.baud = baud

    def set_baud(self, baud: int) -> None:
        """Goes on at another speed; what was received at the old one is dropped. Raises SpeedRefused where the port
        has no such speed, and stays at the old one then."""
        try:
            self._port.baudrate = baud
            self._port.reset_input_buffer()
        except (rfc2217.SpeedRefused, ValueError) as e:
            if baud == self.baud:  # which it had taken before
                raise self._gone(e) from None
            self.set_baud(self.baud)
            raise _speed_refused(self.url, baud) from None
        except (serial.SerialException, OSError) as e:
            raise self._gone(e) from None
        self.baud = baud

    def read(self, most: int, timeout_s: float) -> bytes:
        """What has come, at most so many octets, as soon as there is any; b"" after timeout_s seconds without."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                data: bytes = self._port.read(most)
            except (serial.SerialException, OSError, TypeError) as e:  # pyserial trips over a port that is just closing
                raise self._gone(e) from None
            if data:
                if self._recorder:
                    self._recorder.record("device", data)
                return data
            if time.monotonic() >= deadline:
                return b""
            time.sleep(_POLL_S)

    def write(self, data: bytes) -> None:
        """Sends all of data."""
        try:
            self._port.write(data)
        except (serial.SerialException, OSError) as e:
            raise self._gone(e) from None
        if self._recorder:
            self._recorder.record("host", data)

    def close(self) -> None:
        """Gives the port back. Closing twice does nothing."""
        _reserve(self._port, False)
        try:
            self._port.close()
        except (serial.SerialException, OSError):
            return  # it is gone already

    def _gone(self, why: Exception) -> Unplugged:
        return Unplugged(
            _("{port} is gone: the cable was pulled, or the device restarted. Plug it in and try again.").format(
                port=self.url
            )
        )


def open_line(url: str, baud: int = BAUD, *, transcript: Recorder | None = None) -> Line:
    """Opens url (/dev/ttyUSB2, COM7, socket://host:port, rfc2217://host:port), for this program alone.

    transcript: gets what goes over the line. Raises NoPort, NotASerialPort, PortBusy, PortNotAllowed, SpeedRefused, or
    FieldError for what else the system has against it.
    """
    outer = sys.exception()
    try:
        port = serial.serial_for_url(
            url, do_not_open=True, baudrate=baud, timeout=0, write_timeout=_WRITE_S, exclusive=True
        )
        device = str(port.port)  # where the URL stands for one, that one
        if "://" not in device:
            if not may_be_serial(device):
                raise _no_serial_port(url)
            if holder := holder_of(device):
                raise _busy(url, str(holder))
        port.open()
    except (serial.SerialException, OSError, ValueError, KeyError, TypeError, re.error) as e:
        raise _explained(url, baud, e, outer) from None
    _reserve(port, True)
    return Line(url, baud, port, transcript)


def takes_speed(url: str) -> bool:
    """Whether a speed can be set there; that of a socket is set at its server."""
    return not url.lower().startswith(("socket://", "loop://"))


def _reserve(port: serial.Serial, wanted: bool) -> None:
    """Has the system refuse the port to programs that look at no lock (POSIX; pyserial's lock is an advisory one)."""
    descriptor = getattr(port, "fd", None)
    if fcntl is None or not isinstance(descriptor, int):
        return
    try:
        fcntl.ioctl(descriptor, termios.TIOCEXCL if wanted else termios.TIOCNXCL)
    except OSError:
        return  # the driver knows no such thing, or the port is gone


def _busy(url: str, holder: str = "") -> PortBusy:
    if not holder:
        return PortBusy(_("{port} is used by another program. Close that, or name another port.").format(port=url))
    return PortBusy(
        _("{port} is used by {program}. Close that, or name another port.").format(port=url, program=holder)
    )


def _no_serial_port(url: str) -> NotASerialPort:
    return NotASerialPort(_("{port} is no serial port.").format(port=url))


def _speed_refused(url: str, baud: int) -> SpeedRefused:
    return SpeedRefused(
        _("{port} does not take {baud} baud: state another speed by --baud.").format(port=url, baud=baud)
    )


def _explained(url: str, baud: int, why: Exception, outer: BaseException | None) -> FieldError:
    """outer: what was handled before why."""
    if isinstance(why, rfc2217.SpeedRefused) or (isinstance(why, ValueError) and "baud" in str(why)):
        return _speed_refused(url, baud)
    number = getattr(why, "errno", None)
    if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK) or (sys.platform == "win32" and "denied" in str(why)):
        return _busy(url)
    if number in _NOTHING_THERE or (sys.platform == "win32" and "://" not in url):
        return NoPort(_("There is no port {port}. Plug the cable in, or name another port.").format(port=url))
    if number in (errno.EACCES, errno.EPERM):
        return PortNotAllowed(
            _(
                "This user may not open {port}. Become a member of the group that owns it "
                "(often: sudo usermod -a -G dialout $USER), and log in again."
            ).format(port=url)
        )
    if "://" in url:
        return _explained_url(url, why, outer)
    if isinstance(why, ValueError) or os.path.exists(url):
        return _no_serial_port(url)
    return FieldError(_("{port} cannot be opened: {why}.").format(port=url, why=why))


def _explained_url(url: str, why: Exception, outer: BaseException | None) -> FieldError:
    if isinstance(why, rfc2217.HungUp):
        return PortBusy(
            _("{port} hangs up at once. It may serve another program: close that, or name another port.").format(
                port=url
            )
        )
    if isinstance(why, rfc2217.SpeaksElse):
        return NotASerialPort(
            _("{port} does not speak RFC 2217. If it passes on what it gets, write socket:// instead.").format(port=url)
        )
    root: BaseException = why
    while root.__context__ not in (None, outer):  # pyserial makes one kind of every error
        root = root.__context__
    if isinstance(root, OSError):
        return NoPort(_("Nothing answers at {port}: {why}.").format(port=url, why=root.strerror or root))
    return NotASerialPort(
        _("{port} names no port. Write socket://HOST:PORT or rfc2217://HOST:PORT, PORT being a number.").format(
            port=url
        )
    )
