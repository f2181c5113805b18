"""An emulated modem on a pseudo-terminal, in a thread of its own, and the hands of the person at the bench."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

from simbond_tools.closing import Closing

from .card import Card, normal_imei
from .cell import Cell
from .engine import Engine
from .errors import EmulatorError
from .module import Module
from .profile import Profile, load_profile
from .pty_port import PtyPort

_TRANSCRIPT_LENGTH = 10_000


class Chunk(NamedTuple):
    """One read or write: seconds since the start, "host" or "modem" as its sender, the bytes."""

    seconds: float
    sender: str
    data: bytes


class Modem(Closing):
    """A modem that speaks `profile` on the pseudo-terminal `port` from start() to close(), best by `with`.

    profile: a built-in name, the path of a profile file, or a Profile.
    imei: 15 digits, or 14 to have the check digit added; the profile's if None.
    card: the card in the tray; None: empty.
    cell: the serving cell; None: a test network in the profile's first RAT.
    link: a symbolic link to make to the port, taken away at the end.
    sim_busy_s: how long a card is busy after insertion. boot_s: from a reset to the banner.

    Every method may be called from any thread. Raises EmulatorError, and ProfileError for a profile that is wrong.
    """

    def __init__(
        self,
        profile: str | Path | Profile = "generic",
        *,
        imei: str | None = None,
        card: Card | None = None,
        cell: Cell | None = None,
        link: str | Path | None = None,
        sim_busy_s: float = 0.3,
        boot_s: float = 0.3,
    ) -> None:
        loaded = profile if isinstance(profile, Profile) else load_profile(profile)
        self._module = Module(loaded, imei, card, cell or Cell(rat=loaded.rats[0]))
        self._engine = Engine(self._module, sim_busy_s=sim_busy_s, boot_s=boot_s)
        self._link = Path(link) if link else None
        self._lock = threading.RLock()
        self._port: PtyPort | None = None
        self._port_name = ""
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._began = 0.0
        self._transcript: deque[Chunk] = deque(maxlen=_TRANSCRIPT_LENGTH)

    # --- life -----------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Open the port and answer on it. Raises EmulatorError if it runs, or if the link cannot be made."""
        if self._thread:
            raise EmulatorError("the modem runs already")
        self._port = PtyPort(self._link)
        self._port_name = self._port.name
        self._module.wake = self._port.wake
        self._stopping = False
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, args=(self._port,), name=f"modem {self._port_name}")
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop answering and close the port; a host that still has it open reads an error."""
        if not self._thread or not self._port:
            return
        self._stopping = True
        self._port.wake()
        self._thread.join()
        self._thread = None
        self._module.wake = lambda: None
        self._module.lose_context()
        self._port.close()
        self._port = None

    def __enter__(self) -> Self:
        return self.start()

    def _run(self, port: PtyPort) -> None:
        data = b""
        while not self._stopping:
            with self._lock:
                now = time.monotonic()
                if data:
                    self._transcript.append(Chunk(now - self._began, "host", data))
                for chunk in self._engine.step(now, data):
                    self._transcript.append(Chunk(now - self._began, "modem", chunk))
                    port.send(chunk)
                deadline = self._engine.deadline()
            data = port.wait(None if deadline is None else deadline - time.monotonic())

    @contextmanager
    def _engine_now(self) -> Iterator[tuple[Engine, float]]:
        """The engine, held, and the time; the port's thread looks at it again afterwards."""
        with self._lock:
            yield self._engine, time.monotonic()
            if self._port:
                self._port.wake()

    # --- what there is to see -------------------------------------------------------------------------------------

    @property
    def port(self) -> str:
        """What the host opens, such as /dev/pts/5. Raises EmulatorError before start()."""
        if not self._port_name:
            raise EmulatorError("the modem has no port before start(); use it in a with statement")
        return self._port_name

    @property
    def link(self) -> Path | None:
        return self._link

    @property
    def profile(self) -> Profile:
        return self._module.profile

    @property
    def card(self) -> Card | None:
        """The card in the tray."""
        with self._lock:
            return self._module.tray.card

    @property
    def sim(self) -> str:
        """State of the SIM: empty, off, busy, pin, puk or ready."""
        with self._lock:
            return str(self._module.tray.state)

    @property
    def cell(self) -> Cell | None:
        with self._lock:
            return self._module.cell

    @property
    def registration(self) -> str:
        """none, home, searching, denied or roaming."""
        with self._lock:
            return self._module.registration

    @property
    def armed_faults(self) -> dict[str, int | None]:
        """The faults that wait, with the number of commands they hold for (None: until cleared)."""
        with self._lock:
            return self._engine.faults.listing()

    @property
    def transcript(self) -> list[Chunk]:
        """What went over the line, the last ten thousand reads and writes."""
        with self._lock:
            return list(self._transcript)

    @property
    def imei(self) -> str:
        """The IMEI that the module reports. Setting it makes the module lie, as AT+EGMR does."""
        with self._lock:
            return self._module.imei

    @imei.setter
    def imei(self, imei: str) -> None:
        with self._lock:
            self._module.imei = normal_imei(imei)

    # --- what there is to do --------------------------------------------------------------------------------------

    def insert(self, card: Card) -> None:
        """Put a card into the tray. Raises EmulatorError if one is in."""
        with self._engine_now() as (engine, now):
            engine.insert(card, now)

    def remove(self) -> Card:
        """Take the card out. Raises EmulatorError if there is none."""
        with self._engine_now() as (engine, now):
            return engine.remove(now)

    def move(self, cell: Cell | None = None, /, **changes: object) -> None:
        """Go under `cell`, or under one that differs from the last by `changes`: move(tac=0x1A2C, rsrp_dbm=-110).

        Raises EmulatorError for values out of range and for a RAT that the module does not have.
        """
        with self._engine_now() as (engine, now):
            here = cell or engine.module.cell or Cell(rat=self.profile.rats[0])
            engine.move(here.changed(changes), now)

    def lose_cell(self) -> None:
        """Go where no cell is received; move() comes back from there."""
        with self._engine_now() as (engine, now):
            engine.move(None, now)

    def fault(self, kind: str, count: int | None = 1, value: str | float | None = None) -> None:
        """Arm a Fault for the next `count` commands; None: until clear_faults(). See Fault for `value`."""
        with self._lock:
            self._engine.faults.arm(kind, count, value)

    def clear_faults(self) -> None:
        with self._lock:
            self._engine.faults.clear()

    def reset(self) -> None:
        """Cut the power for a moment: the banner follows, settings are the defaults again, the card is read anew."""
        with self._engine_now() as (engine, now):
            engine.reset(now)

    def lose_context(self) -> None:
        """Have the network take the data connection away: what the module's own stacks have open is gone."""
        with self._engine_now() as (engine, now):
            engine.lose_context(now)

    def urc(self, line: str) -> None:
        """Send an unsolicited line now."""
        with self._engine_now() as (engine, now):
            engine.announce(line, now)


def swap(a: Modem, b: Modem) -> None:
    """Exchange what the two trays hold, a card or nothing, while both run. Raises EmulatorError if both are empty."""
    if a is b:
        raise EmulatorError("a card cannot be swapped with itself; name two modems")
    first, second = sorted((a, b), key=id)  # one order of locks, whoever swaps
    with first._engine_now() as _, second._engine_now() as _:
        from_a, from_b = a.card, b.card
        if from_a is None and from_b is None:
            raise EmulatorError("both trays are empty; insert a card first")
        for modem in (a, b):
            if modem.card:
                modem.remove()
        if from_a:
            b.insert(from_a)
        if from_b:
            a.insert(from_b)
