"""A board on a cable, at MicroPython's raw REPL. The one file that knows mpremote, whose library has no stable API."""

import ast
import re
import struct
import time
from typing import Any

import serial
from mpremote.transport import TransportError  # type: ignore[import-untyped]
from mpremote.transport_serial import SerialTransport  # type: ignore[import-untyped]

from simbond_tools.closing import Closing
from simbond_tools.field.asking import PROMPT
from simbond_tools.field.errors import FieldError, Unplugged
from simbond_tools.field.line import BAUD, open_line
from simbond_tools.i18n import _

_RAW = b"raw REPL; CTRL-B to exit\r\n"
_LEAVE = b"\r\x03\x02\x04"  # stop what runs, out of the raw REPL, restart

_TRIES = 5  # a board that is just starting does not hear the first Ctrl-C
_QUIET_S = 0.2
_LAST_WORDS_S = 2.0  # so long may a program that was interrupted go on talking
_STALLED_S = 10.0
_BOOT_S = 30.0  # boot.py may wait for a network
_PRINTED_MAX = 1 << 18  # a list of files has some kilobytes
_SAID_MAX = 200

# What mpremote and pyserial raise where a port goes away, or a board restarts, in the middle of something.
_CUT = (TransportError, serial.SerialException, OSError, struct.error, TypeError)
_NO_SUCH_PORT = (ValueError, KeyError, re.error)  # what pyserial thinks of a URL


class NoMicroPython(FieldError):
    """What is on the line does not come to MicroPython's raw REPL."""

    code = "no-micropython"


class BoardError(FieldError):
    """The board refused what it was told. said: the exception there, one line."""

    code = "board"

    def __init__(self, said: str) -> None:
        self.said = said.strip()[-_SAID_MAX:]
        super().__init__(_("The board says: {said}").format(said=self.said))


class _Transport(SerialTransport):  # type: ignore[misc]
    """mpremote's, which listens to a board that prints without end as long as it prints."""

    def read_until(
        self,
        _least: int,
        ending: bytes,
        timeout: float | None = 10,
        data_consumer: None = None,
        timeout_overall: float | None = None,
    ) -> bytes:
        """What comes up to `ending`; without it where nothing comes for `timeout`, or not in `timeout_overall` seconds.
        Raises TransportError where too much comes."""
        said = bytearray()
        began = heard_at = time.monotonic()
        while not said.endswith(ending):
            if len(said) >= _PRINTED_MAX:
                raise TransportError("it prints without end")
            now = time.monotonic()
            if timeout_overall is not None and now >= began + timeout_overall:
                break
            if self.serial.in_waiting:
                said += self.serial.read(1)
                heard_at = now
            elif timeout is not None and now >= heard_at + timeout:
                break
            else:
                time.sleep(0.01)
        return bytes(said)


def literal(printed: str) -> Any:
    """The value that a board printed, which has to be one of Python's literals. Raises BoardError."""
    try:
        return ast.literal_eval(printed.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise BoardError(printed) from None


class Board(Closing):
    """A board whose program was stopped, with an empty heap; boot.py has run, main.py has not.

    port: a device or a pyserial URL. Use it in a with statement. Raises FieldError where the port cannot be opened,
    NoMicroPython, and, here and in every method, Unplugged.
    """

    def __init__(self, port: str, baud: int = BAUD) -> None:
        self.port = port
        try:
            self._transport = _Transport(port, baudrate=baud, timeout=_STALLED_S)
        except (*_CUT, *_NO_SUCH_PORT) as e:
            open_line(port, baud).close()  # says in words what is wrong with the port
            raise self.gone() from e
        self._serial = self._transport.serial
        self._transport.is_pty = False  # else it reads without a look at what waits, each time until the port's timeout
        self._serial.write_timeout = _STALLED_S
        try:
            self.stop_program()
        except BaseException:
            self.close()
            raise

    def stop_program(self) -> None:
        """Stops what runs, and restarts MicroPython into the raw REPL."""
        try:
            if not any(self._interrupted() for _attempt in range(_TRIES)):
                raise NoMicroPython(
                    _(
                        "Nothing on {port} answers as MicroPython does. Is this the board's own USB or console port?"
                    ).format(port=self.port)
                )
            self._serial.write(b"\x04")
            if not self._transport.read_until(1, _RAW, timeout_overall=_BOOT_S).endswith(_RAW):
                raise NoMicroPython(
                    _(
                        "The board on {port} does not restart: its boot.py does not come to its end. Mend that, or "
                        "remove it: mpremote resume rm :boot.py."
                    ).format(port=self.port)
                )
        except _CUT as e:
            raise self.gone() from e
        self._transport.in_raw_repl = True

    def run(self, source: str) -> str:
        """Runs source; returns what it prints. Raises BoardError for an exception there."""
        try:
            printed, raised = self._transport.exec_raw(source)
        except _CUT as e:
            raise self.gone() from e
        if raised:
            raise BoardError("".join(raised.decode("utf-8", "replace").strip().splitlines()[-1:]))
        text: str = printed.decode("utf-8", "replace")
        return text

    def value(self, expression: str) -> Any:
        """The value of an expression there, which has to be one of Python's literals. Raises BoardError."""
        return literal(self.run(f"print(repr({expression}))"))

    def start_program(self) -> None:
        """Restarts MicroPython, which runs main.py; what that says is read by heard()."""
        try:
            self._transport.exit_raw_repl()
            self._transport.read_until(1, PROMPT, timeout_overall=_STALLED_S)
            self._serial.write(b"\x04")
        except _CUT as e:
            raise self.gone() from e

    def reset(self) -> None:
        """Resets the processor, as its button does; the port may go away. The board cannot be used any more then."""
        try:
            self._transport.exec_raw_no_follow("import machine\nmachine.reset()")
            self._transport.in_raw_repl = False
        except _CUT as e:
            raise self.gone() from e

    def heard(self, timeout_s: float) -> bytes:
        """What the board says, as soon as it says anything; b"" after timeout_s seconds without."""
        deadline = time.monotonic() + timeout_s
        try:
            while not (waiting := self._serial.in_waiting):
                if time.monotonic() >= deadline:
                    return b""
                time.sleep(0.01)
            octets: bytes = self._serial.read(waiting)
        except _CUT as e:
            raise self.gone() from e
        return octets

    def close(self) -> None:
        """What ended early leaves no mute board: MicroPython restarts, and runs main.py if there is one."""
        try:
            if self._transport.in_raw_repl:
                self._serial.write(_LEAVE)
                self._serial.flush()
            self._transport.close()
        except _CUT:
            return  # it is gone already

    def _interrupted(self) -> bool:
        self._serial.write(b"\r\x03\x03")
        deadline = time.monotonic() + _LAST_WORDS_S
        while time.monotonic() < deadline and self.heard(_QUIET_S):
            pass
        self._serial.write(b"\r\x01")
        ready: bool = self._transport.read_until(1, _RAW + b">", timeout_overall=1).endswith(_RAW + b">")
        return ready

    def gone(self) -> Unplugged:
        """What to raise where the board is not there any more."""
        return Unplugged(
            _("{port} is gone: the cable was pulled, or the board restarted. Plug it in and try again.").format(
                port=self.port
            )
        )
