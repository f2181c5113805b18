"""What a device said while it was looked for: a board that ends tells why once, and to whoever happens to listen."""

from typing import NamedTuple

from simbond_tools.field.console import parse_event
from simbond_tools.field.line import Recorder, Side

_KEPT = 16384


class Ending(NamedTuple):
    """What the agent said when it ended: its words, and a code of docs/error-codes.md where it gave one."""

    words: str
    code: object

    def findings(self) -> dict[str, object]:
        """As the findings have it (findings.Agent)."""
        return {"ended": self.words, "code": self.code}


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

    def ended(self) -> Ending | None:
        """Why the agent ended; None where it did not say so, or has started since."""
        return ended(self._said)


def ended(said: bytes) -> Ending | None:
    """The same of octets: the last event decides."""
    why = None
    for text in said.splitlines():
        event = parse_event(text)
        if event is not None and event["event"] == "error" and event.get("what") == "setup":
            why = Ending(str(event.get("detail") or "?"), event.get("code"))
        elif event is not None and event["event"] == "start":
            why = None
    return why
