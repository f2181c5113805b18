"""The agent under real MicroPython as a child process, and the events that it reports."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from . import rom_host
from .micropython import find, is_packaged

Event = dict[str, Any]

_PROGRAM = """\
from simbond_agent import run
from simbond_agent.posix import from_environment
run(from_environment())
"""


HEAP = "64wk"
"""64 KiB of a 32-bit board: MicroPython's w scales with the word size, so that a 64-bit host gets twice as much."""


class AgentError(Exception):
    """The agent did not do in time what was waited for, or ended. The text holds what it said last."""


class AgentProcess:
    """The agent on the modem at `tty`, attesting to the verifier at `url`, from start() to stop(), best by `with`.

    rom: the agent as a ROMFS image (see build.build_agent): its code stays outside the heap, as in a board's flash.
    state_dir: where the device keeps its key and counter; the same directory is the same device.
    ca: the CA of an https server, a file in DER.
    heap: size of the heap as MicroPython's -X heapsize takes it.
    console: the agent's console is at the process's standard input; see tell().
    program: a main.py to run in place of the default program, with the same SIMBOND_ variables.

    Raises MicroPythonNotFoundError.
    """

    def __init__(
        self,
        *,
        tty: str,
        url: str,
        state_dir: Path,
        rom: Path,
        scenario: int = 1,
        ca: Path | None = None,
        sim_poll_s: float = 5,
        heap: str = HEAP,
        console: bool = False,
        program: Path | None = None,
    ) -> None:
        interpreter = find()
        host = [sys.executable, "-m", rom_host.__name__, str(rom)] if is_packaged(interpreter) else [interpreter]
        code = f"sys.path.insert(0, {str(program.parent)!r})\nimport {program.stem}\n" if program else _PROGRAM
        self._command = [*host, "-X", f"heapsize={heap}", "-c", rom_host.MOUNT + code]
        self._environment = {
            **os.environ,
            **rom_host.environment(rom),
            "SIMBOND_TTY": tty,
            "SIMBOND_URL": url,
            "SIMBOND_STATE_DIR": str(state_dir),
            "SIMBOND_SCENARIO": str(scenario),
            "SIMBOND_CA": str(ca or ""),
            "SIMBOND_SIM_POLL_S": str(sim_poll_s),
            "SIMBOND_CONSOLE": "1" if console else "",
        }
        self._console = console
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.events: list[Event] = []
        """Everything that was waited for or passed over, in order."""
        self.noise: list[str] = []
        """Lines that are no events: a traceback, say."""

    def start(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.PIPE if self._console else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, args=(self._process, self._lines), daemon=True)
        self._reader.start()
        return self

    def stop(self) -> None:
        """Ends the process as a power cut would, and waits until it is gone."""
        if self._process is None or self._reader is None:
            return
        self._process.kill()
        self._process.wait()
        self._reader.join()
        if self._process.stdin:
            self._process.stdin.close()
        self._process = None

    def drained(self) -> list[Event]:
        """Every event so far, with those that nobody has waited for."""
        while not self._lines.empty():
            if (line := self._lines.get()) is not None:
                self._take(line)
        return self.events

    def tell(self, **request: object) -> None:
        """Writes one line to the console (agent/README.md). Raises AgentError where there is none."""
        if self._process is None or self._process.stdin is None:
            raise AgentError("the agent was started without a console")
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def restart(self) -> Self:
        """A power cycle."""
        self.stop()
        self._lines = queue.SimpleQueue()
        return self.start()

    def wait_for(self, name: str, timeout_s: float = 60, **fields: object) -> Event:
        """The next event called name that has these fields; earlier ones are passed over.

        Raises AgentError when there is none in time, or when the agent has ended.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            event = self._next(deadline, f"{name} {fields or ''}")
            if event["event"] == name and all(event.get(key) == value for key, value in fields.items()):
                return event

    def wait_for_end(self, timeout_s: float = 60) -> int:
        """The exit code. Raises AgentError when the agent goes on."""
        if self._process is None or self._reader is None:
            raise AgentError("the agent was not started")
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AgentError(f"the agent goes on after {timeout_s} s") from None
        self._reader.join()
        while (line := self._lines.get()) is not None:
            self._take(line)
        return code

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _next(self, deadline: float, wanted: str) -> Event:
        while True:
            try:
                line = self._lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AgentError(self._story(f"no {wanted} in time")) from None
            if line is None:
                self._lines.put(None)
                raise AgentError(self._story(f"the agent ended before {wanted}"))
            event = self._take(line)
            if event is not None:
                return event

    def _take(self, line: str) -> Event | None:
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict) or "event" not in event:
            self.noise.append(line.rstrip())
            return None
        self.events.append(event)
        return event

    def _story(self, what: str) -> str:
        said = [*(json.dumps(event) for event in self.events[-5:]), *self.noise[-15:]]
        return "\n  ".join([f"{what}; the agent said:", *said])

    @staticmethod
    def _read(process: subprocess.Popen[str], lines: "queue.SimpleQueue[str | None]") -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                lines.put(line)
        lines.put(None)
