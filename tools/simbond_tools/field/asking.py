"""What speaks on a line, found out by listening and by one line that is harmless to whoever gets it.

"AT" is answered OK by a modem, by an error in JSON by the agent's console, by a NameError and a prompt by MicroPython's
REPL. Nothing else is sent, and never Ctrl-C: that would end the program of a board.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from simbond_tools.i18n import _

from .console import parse_event
from .errors import SpeedRefused
from .line import BAUD, Line, Recorder, open_line

Kind = Literal["modem", "agent", "micropython", "silent", "busy"]

BAUDS = (115200, 9600, 921600, 460800, 230400, 57600, 38400, 19200)
"""Speeds in the order in which they are tried: what modules and boards come with, then what people set."""

_LISTEN_S = 0.3
_ANSWER_S = 0.5
# A modem that finds the speed by itself takes the first line or two for that.
_TRIES_FIRST = 3
_HEARD_MAX = 16384

PROMPT = b">>> "
"""What MicroPython says where nothing runs."""

_FINAL = re.compile(rb"(?:^|[\r\n])(?:OK|ERROR|\+CME ERROR: ?\w[^\r\n]*)\r*\n?(?:$|[\r\n])")
_MICROPYTHON = re.compile(re.escape(PROMPT) + rb"$|MicroPython v\d|NameError: name 'AT'|raw REPL; CTRL-B to exit")
_NMEA = re.compile(rb"\$G[A-Z]{4},[^\r\n]*\*[0-9A-F]{2}")


@dataclass(frozen=True)
class Found:
    """A port, and what speaks there. baud: 0 where none was found out. why: how that was told, in words."""

    url: str
    baud: int
    kind: Kind
    why: str


def ask(url: str, baud: int | None = None, transcript: Recorder | None = None, *, has_speed: bool = True) -> Found:
    """What speaks at url. baud: its speed where that is known. has_speed: whether another speed may be the right one.

    Takes a second where something answers, some six where nothing does. Raises FieldError where the port cannot be
    opened, or goes away.
    """
    with open_line(url, baud or BAUD, transcript=transcript) as line:
        return ask_line(line, BAUDS if baud is None and has_speed else (line.baud,))


def ask_line(line: Line, bauds: tuple[int, ...]) -> Found:
    """The same on an open line, which is left at the speed that was found."""
    heard = _hear(line, _LISTEN_S)
    everything = heard
    for baud in bauds:
        if baud != line.baud:
            try:
                line.set_baud(baud)
            except SpeedRefused:
                continue
            heard = b""
        for _attempt in range(_TRIES_FIRST if baud == bauds[0] else 1):
            line.write(b"AT\r")
            heard = (heard + _hear(line, _ANSWER_S, _is_known))[-_HEARD_MAX:]
            if found := _known(line, heard):
                return found
        everything = (everything + heard)[-_HEARD_MAX:]
    return Found(line.url, 0, "silent", _silence(everything))


def _is_known(heard: bytes) -> bool:
    return bool(_FINAL.search(heard) or _MICROPYTHON.search(heard)) or any(map(parse_event, heard.splitlines()))


def _known(line: Line, heard: bytes) -> Found | None:
    if any(parse_event(text) for text in heard.splitlines()):
        return Found(line.url, line.baud, "agent", _("the simbond agent's console answers"))
    if _MICROPYTHON.search(heard):
        return Found(line.url, line.baud, "micropython", _("a MicroPython prompt, and no agent"))
    if _FINAL.search(heard):
        return Found(line.url, line.baud, "modem", _("it answers AT"))
    return None


def _silence(heard: bytes) -> str:
    """What may be said of a port where nobody is known."""
    readable = sum(32 <= octet < 127 or octet in b"\r\n\t" for octet in heard)
    if _NMEA.search(heard):
        return _("positions of a GNSS receiver, no commands")
    if b"AT" in heard and not heard.replace(b"AT", b"").strip():
        return _("it only gives back what is sent: TX and RX are joined, or nobody is behind the echo")
    if heard and readable < 0.9 * len(heard):
        return _("something speaks, at none of the usual speeds; state it by --baud, or it is a diagnostics port")
    if heard:
        return _("something speaks, but neither as a modem nor as the agent")
    return _("nothing answers")


def _hear(line: Line, seconds: float, is_enough: Callable[[bytes], bool] = lambda heard: False) -> bytes:
    """What comes in so many seconds, its end if that is much, or until it is enough. A flood does not prolong it."""
    deadline = time.monotonic() + seconds
    heard = b""
    while (left := deadline - time.monotonic()) > 0 and not is_enough(heard):
        heard = (heard + line.read(4096, left))[-_HEARD_MAX:]
    return heard
