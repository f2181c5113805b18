"""Several units at once: a thread for each port. What one unit does to its port holds up no other."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence

from simbond_tools.field.console import Console
from simbond_tools.field.errors import FieldError
from simbond_tools.field.line import open_line

from .station import Station
from .unit import Plan, Result, Stage, provision

_LOOK_S = 0.3
_SETTLE_S = 3.0
"""So long the system may take to let us open what was just plugged in."""
_STATUS_S = 1.0

Told = Callable[[str, Stage], None]
"""Hears of each stage of each port."""
Done = Callable[[Result], None]
"""Hears of each unit, once. What it says of an endorsed one is on the disk."""


class Batch:
    """Units on several ports. units: end after so many; None: as each method says. Threads end with it: stop() has them
    begin no further unit."""

    def __init__(
        self,
        station: Station,
        plan: Plan,
        *,
        units: int | None = None,
        told: Told = lambda port, stage: None,
        done: Done = lambda result: None,
    ) -> None:
        self.results: list[Result] = []
        self._station = station
        self._plan = plan
        self._units = units
        self._told = told
        self._done = done
        self._turn = threading.Lock()
        self._ended = threading.Event()
        self._failed: Exception | None = None

    def once(self, ports: Sequence[str]) -> list[Result]:
        """One unit on each port, all at once. Raises FactoryError."""
        return self._run([threading.Thread(target=self._guarded, args=(self._one, port)) for port in ports])

    def jigs(self, ports: Sequence[str]) -> list[Result]:
        """Unit after unit on each of these ports, as they are put into the jig. Raises FactoryError."""
        return self._run([threading.Thread(target=self._guarded, args=(self._jig, port)) for port in ports])

    def plugged(self, listed: Callable[[], Iterable[str]]) -> list[Result]:
        """Whatever is plugged in from now on. listed: the ports there are, asked again and again. Raises
        FactoryError."""
        return self._run([threading.Thread(target=self._guarded, args=(self._watch, listed))])

    def stop(self) -> None:
        """Begins no further unit."""
        self._ended.set()

    def _run(self, threads: list[threading.Thread]) -> list[Result]:
        for thread in threads:
            thread.daemon = True  # an interrupted batch does not wait for a device that says nothing
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(_LOOK_S)  # in pieces: Windows hears of Ctrl-C only in between
        finally:
            self._ended.set()
        if self._failed is not None:
            raise self._failed
        return self.results

    def _guarded(self, work: Callable[..., None], about: object) -> None:
        try:
            work(about)
        except Exception as e:  # noqa: BLE001 - it is raised in the caller's thread
            self._failed = self._failed or e
            self._ended.set()

    def _one(self, port: str) -> str | None:
        """Provisions what is there. Returns its key identifier, where it has one."""
        result = provision(self._station, port, self._plan, told=lambda stage: self._told(port, stage))
        with self._turn:
            self.results.append(result)
            self._done(result)
            if self._units is not None and len(self.results) >= self._units:
                self._ended.set()
        return result.kid

    def _jig(self, port: str) -> None:
        handled = ""
        self._told(port, Stage.WAITING)
        while not self._ended.wait(_LOOK_S):
            kid = self._who(port)
            if kid is None:
                handled = ""
            elif kid != handled:
                handled = self._one(port) or kid
                self._told(port, Stage.WAITING)

    def _who(self, port: str) -> str | None:
        """The key of the device that is there now; None: none."""
        try:
            with open_line(port, self._plan.baud) as line:
                return str(Console(line).status(_STATUS_S, tries=1)["kid"])
        except FieldError:
            return None

    def _watch(self, listed: Callable[[], Iterable[str]]) -> None:
        before = set(listed())
        working: dict[str, threading.Thread] = {}
        while not self._ended.wait(_LOOK_S):
            now = set(listed())
            for port in sorted(now - before):
                thread = threading.Thread(target=self._guarded, args=(self._fresh, port), daemon=True)
                thread.start()
                working[port] = thread
            before = now
        for thread in working.values():
            thread.join()

    def _fresh(self, port: str) -> None:
        """What was just plugged in: its agent starts, and the system may not let us in yet."""
        deadline = time.monotonic() + _SETTLE_S
        while self._who(port) is None and time.monotonic() < deadline and not self._ended.is_set():
            time.sleep(_LOOK_S)
        if not self._ended.is_set():
            self._one(port)
