"""Restarts a board that waits at the MicroPython prompt, and hears what comes of it."""

import time
from dataclasses import dataclass

from simbond_tools.field.console import parse_event
from simbond_tools.field.line import Line

_SOFT_RESET = b"\r\x04"  # the empty line ends what may be half typed there
_START_S = 20.0
_PROMPT = b">>> "
_BANNERS = (b"MicroPython v", b'Type "help()', b"MPY: soft reboot", b"raw REPL", b">>>")


@dataclass(frozen=True)
class Restart:
    """started: the agent runs. ended: why it ended, in its words. said: else, the last line before the prompt."""

    started: bool = False
    ended: str = ""
    said: str = ""


def restart(line: Line, seconds: float = _START_S) -> Restart:
    """Raises Unplugged."""
    line.write(_SOFT_RESET)
    deadline = time.monotonic() + seconds
    heard = b""
    started = False
    while (left := deadline - time.monotonic()) > 0:
        heard += line.read(4096, min(left, 0.5))
        for text in heard.splitlines()[: None if heard.endswith(b"\n") else -1]:
            event = parse_event(text)
            if event is None:
                continue
            if event["event"] == "error" and event.get("what") == "setup":
                return Restart(ended=str(event.get("detail") or "?"))
            started = started or event["event"] == "start"
        if started:
            return Restart(started=True)
        if heard.endswith(_PROMPT) and b"soft reboot" in heard:
            break
    return Restart(said=_last_line(heard))


def _last_line(heard: bytes) -> str:
    lines = [text.strip() for text in heard.splitlines() if text.strip()]
    told = [text for text in lines if not text.startswith(_BANNERS) and parse_event(text) is None]
    return told[-1].decode("utf-8", "replace") if told else ""
