"""A device that was found, kept open to be read as often as wanted."""

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from .asking import Found
from .console import Console
from .errors import AgentRefused
from .line import Recorder, open_line
from .modem import ModemOnLine
from .reading import read_agent, read_modem


class Session:
    """Use it in a with statement: it opens the port, and gives it back as it was. Raises FieldError, as read() does.

    found: by find.find(), of kind modem, agent or micropython.
    """

    def __init__(self, found: Found, *, transcript: Recorder | None = None) -> None:
        self.found = found
        self._transcript = transcript
        self._open = ExitStack()
        self._modem: ModemOnLine | None = None
        self._console: Console | None = None
        self._attests: dict[str, Any] | None = None

    def read(self) -> dict[str, Any]:
        """{"modem": reading.read_modem()} or {"agent": reading.read_agent()}, or {} of a bare MicroPython prompt.

        An agent is asked for Evidence the first time only. "refused" is in it where it could not sign, and says why.
        """
        if self._modem:
            return {"modem": read_modem(self._modem)}
        if self._console:
            return {"agent": self._read_agent(self._console)}
        return {}

    def _read_agent(self, console: Console) -> dict[str, Any]:
        if self._attests is None:
            try:
                first = read_agent(console)
            except AgentRefused as e:
                return {**console.status(), "attests": {}, "refused": str(e)}
            self._attests = first["attests"]
            return first
        return {**console.status(), "attests": self._attests}

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            line = opening.enter_context(open_line(self.found.url, self.found.baud, transcript=self._transcript))
            if self.found.kind == "modem":
                self._modem = opening.enter_context(ModemOnLine(line))
            elif self.found.kind == "agent":
                self._console = Console(line)
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
