"""Restarts a board that waits at the MicroPython prompt, and hears what comes of it."""

import time
from dataclasses import dataclass

from simbond_tools.field.asking import PROMPT
from simbond_tools.field.console import parse_event
from simbond_tools.field.line import Line

from .heard import Ending, ended

_SOFT_RESET = b"\r\x04"  # the empty line ends what may be half typed there
_START_S = 20.0
_QUIET_S = 0.5
_BANNERS = (b"MicroPython ", b"Type ", b"Use Ctrl-", b"MPY: ", b">>>", b"raw REPL")


@dataclass(frozen=True)
class Restart:
    """started: the agent runs. ended: why it ended. said: else, the last line before the prompt."""

    started: bool = False
    ended: Ending | None = None
    said: str = ""


def restart(line: Line, seconds: float = _START_S) -> Restart:
    """Raises Unplugged."""
    line.write(_SOFT_RESET)
    deadline = time.monotonic() + seconds
    heard = b""
    while (left := deadline - time.monotonic()) > 0:
        more = line.read(4096, min(left, _QUIET_S))
        heard += more
        if why := ended(heard):
            return Restart(ended=why)
        if _is_started(heard):
            return Restart(started=True)
        if not more and b"soft reboot" in heard and heard.endswith(PROMPT):
            break
    return Restart(said=_last_line(heard))


def _is_started(heard: bytes) -> bool:
    return any(event["event"] == "start" for text in heard.splitlines() if (event := parse_event(text)))


def _last_line(heard: bytes) -> str:
    lines = [text.strip() for text in heard.splitlines()]
    told = [text for text in lines if text and not text.startswith(_BANNERS) and parse_event(text) is None]
    return told[-1].decode("utf-8", "replace") if told else ""
