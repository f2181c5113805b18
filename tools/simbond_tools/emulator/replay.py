"""A modem that says what one in the field said: it plays a transcript of `simbond probe` (docs/transcripts.md)."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from simbond_tools.closing import Closing
from simbond_tools.field.transcript import Chunk, TranscriptError, read_transcript

from .errors import EmulatorError
from .pty_port import PtyPort

_UNKNOWN = b"\r\nERROR\r\n"
_PAUSE_MAX_S = 10.0
_LINE_MAX = 2048
_CR = b"\r"


@dataclass
class _Answers:
    """What was said after a command each time it was sent, in order; the last of it is said ever after."""

    waiting: deque[list[tuple[float, bytes]]] = field(default_factory=deque)

    def next(self) -> list[tuple[float, bytes]]:
        return self.waiting.popleft() if len(self.waiting) > 1 else self.waiting[0]


class Script:
    """Commands and their answers. What the modem said before the first command is left out."""

    def __init__(self, chunks: list[Chunk]) -> None:
        self._answers: dict[str, _Answers] = {}
        typed, asked_at = "", 0.0
        answer: list[tuple[float, bytes]] | None = None
        for chunk in chunks:
            if chunk.side == "device":
                if answer is not None:
                    answer.append((chunk.seconds - asked_at, chunk.data))
                continue
            *commands, typed = (typed + chunk.data.decode("latin-1").replace("\n", "")).split("\r")
            for command in filter(None, map(_key, commands)):
                answer, asked_at = [], chunk.seconds
                self._answers.setdefault(command, _Answers()).waiting.append(answer)

    def __bool__(self) -> bool:
        return bool(self._answers)

    def answer(self, command: str) -> list[tuple[float, bytes]]:
        """(seconds after the command, octets) of what was said to it; ERROR where it was never sent."""
        known = self._answers.get(_key(command))
        return known.next() if known else [(0.0, _UNKNOWN)]


def _key(command: str) -> str:
    return command.strip().upper()


class ReplayedModem(Closing):
    """Plays the transcript in a file on the pseudo-terminal `port`, from start() to close(), best by `with`.

    Each command is answered as it was the first time, the second time, and so on; the last answer is repeated. What
    was never sent is answered ERROR; what was met with silence is so again. timed: with the pauses of then, up to 10 s
    each; else at once. link: a symbolic link to make to the port. Raises EmulatorError.
    """

    def __init__(self, transcript: str | Path, *, timed: bool = False, link: str | Path | None = None) -> None:
        path = Path(transcript)
        try:
            self._script = Script(read_transcript(path))
        except TranscriptError as problem:
            raise EmulatorError(str(problem)) from None
        except OSError as problem:
            raise EmulatorError(f"cannot read {path}: {problem.strerror or problem}") from None
        if not self._script:
            raise EmulatorError(f"{path} has no command in it: record one by 'simbond probe --transcript'")
        self._timed = timed
        self._link = Path(link) if link else None
        self._port: PtyPort | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    @property
    def port(self) -> str:
        """What the host opens. Raises EmulatorError before start()."""
        if self._port is None:
            raise EmulatorError("the modem has no port before start(); use it in a with statement")
        return self._port.name

    def start(self) -> Self:
        self._port = PtyPort(self._link)
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, args=(self._port,), name=f"replay {self._port.name}")
        self._thread.start()
        return self

    def close(self) -> None:
        if self._thread is None or self._port is None:
            return
        self._stopping.set()
        self._port.wake()
        self._thread.join()
        self._thread = None
        self._port.close()
        self._port = None

    def __enter__(self) -> Self:
        return self.start()

    def _run(self, port: PtyPort) -> None:
        typed = b""
        while not self._stopping.is_set():
            *lines, typed = (typed + port.wait(None)).replace(b"\n", b"").split(_CR)
            typed = typed[-_LINE_MAX:]
            for line in filter(None, lines):
                self._say(port, self._script.answer(line.decode("latin-1")))

    def _say(self, port: PtyPort, answer: list[tuple[float, bytes]]) -> None:
        began = time.monotonic()
        for seconds, data in answer:
            if self._timed:
                left = min(seconds, _PAUSE_MAX_S) - (time.monotonic() - began)
                if left > 0 and self._stopping.wait(left):
                    return
            port.send(data)
