"""What a device said while it was looked for: a board that ends tells why once, and to whoever happens to listen."""

from simbond_tools.field.console import parse_event
from simbond_tools.field.line import Recorder, Side

_KEPT = 16384


class Heard:
    """A line.Recorder that keeps the end of what the device said, and hands everything on to another one."""

    def __init__(self, recorder: Recorder | None = None) -> None:
        self._recorder = recorder
        self._said = b""

    def record(self, side: Side, data: bytes) -> None:
        if side == "device":
            self._said = (self._said + data)[-_KEPT:]
        if self._recorder:
            self._recorder.record(side, data)

    def ended(self) -> str:
        """Why the agent ended, in its words; "" where it did not say so, or has started since."""
        return ended(self._said)


def ended(said: bytes) -> str:
    """The same of octets: the last event decides."""
    why = ""
    for text in said.splitlines():
        event = parse_event(text)
        if event is not None and event["event"] == "error" and event.get("what") == "setup":
            why = str(event.get("detail") or "?")
        elif event is not None and event["event"] == "start":
            why = ""
    return why
