"""Which port, and what is behind it."""

import time
from dataclasses import dataclass
from typing import Literal

from serial.tools import list_ports

from simbond_tools.i18n import _

from .console import Console, parse_event
from .errors import FieldError, NoAgent, NoModem, NoPort, PortBusy
from .line import BAUD, Line, Recorder, open_line
from .modem import ModemOnLine

Kind = Literal["modem", "agent", "micropython", "silent", "busy"]
_LISTEN_S = 0.3


@dataclass(frozen=True)
class Candidate:
    """A port of this machine. url: what to open."""

    url: str
    description: str


@dataclass(frozen=True)
class Found:
    """A port, and what speaks there. why: how that was told, or what is against it, in words."""

    url: str
    baud: int
    kind: Kind
    why: str


def candidates() -> list[Candidate]:
    """The serial ports of this machine, those first that a modem or a board is likely behind."""
    return [Candidate(port.device, port.description) for port in list_ports.comports() if port.vid is not None]


def find(port: str | None = None, baud: int | None = None, *, transcript: Recorder | None = None) -> Found:
    """The port that is named, or the first one on which a modem or an agent answers.

    Raises NoPort when there is none at all, and FieldError where a named port cannot be opened.
    """
    if port is not None:
        return ask(port, baud or BAUD, transcript)
    found = None
    for candidate in candidates():
        try:
            found = ask(candidate.url, baud or BAUD, transcript)
        except PortBusy as e:
            found = found or Found(candidate.url, 0, "busy", str(e))
        except FieldError:
            continue
        if found.kind in ("modem", "agent", "micropython"):
            return found
    if found is None:
        raise NoPort(_("No serial port is plugged in. Plug the cable in, or name a port by --port."))
    return found


def ask(url: str, baud: int, transcript: Recorder | None = None) -> Found:
    """What speaks at url, asked gently: listened to first, then asked by lines that are harmless to all of them."""
    with open_line(url, baud, transcript=transcript) as line:
        heard = _listen(line)
        if any(parse_event(text) for text in heard.splitlines()):
            return Found(url, baud, "agent", _("it reports events as the agent does"))
        try:
            with ModemOnLine(line) as modem:
                return Found(url, baud, "modem", _("it answers AT: {model}").format(model=modem.model or modem.name))
        except NoModem:
            heard += _listen(line)
        try:
            Console(line).status()
        except NoAgent:
            if b">>> " in heard:
                return Found(url, baud, "micropython", _("a MicroPython prompt, and no agent"))
            return Found(url, baud, "silent", _("nothing answers"))
        return Found(url, baud, "agent", _("it answers as the agent does"))


def _listen(line: Line) -> bytes:
    deadline = time.monotonic() + _LISTEN_S
    heard = b""
    while (left := deadline - time.monotonic()) > 0 and len(heard) < 65536:
        heard += line.read(4096, left)
    return heard
