"""A device on a bench: an emulated module, the agent for it in real MicroPython, and the two cables to a laptop."""

import os
import select
import threading
import tty
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Self

from simbond_tools.agent_process import AgentProcess
from simbond_tools.build import ROM, build_agent
from simbond_tools.emulator import Card, Modem

from .cards import CARD

NOBODY = "http://127.0.0.1:9"
"""A verifier that is never there."""

_PROGRAM = """\
from simbond_agent import run
from simbond_agent.posix import from_environment, open_tty

board = from_environment()
tty = open_tty({tty!r})


def log(line):
    print(line)
    tty.write(line + "\\r\\n")


board.log = log
board.console = lambda: tty
run(board)
"""


@cache
def agent_rom() -> Path:
    """The agent as it is in a board's flash; built once for a run of tests."""
    folder = Path(mkdtemp(prefix="simbond-rom-"))
    build_agent(folder)
    return folder / ROM


class Cable:
    """Two serial ports with a wire between them, from now to pull(). left, right: what to open.

    A side that nobody reads loses what is past the system's buffers, as on a UART.
    """

    def __init__(self) -> None:
        pairs = [os.openpty() for _ in range(2)]
        self._masters = [master for master, _slave in pairs]
        self._slaves = [slave for _master, slave in pairs]  # open, so that hosts may come and go
        self.left, self.right = (os.ttyname(slave) for slave in self._slaves)
        for slave in self._slaves:
            tty.setraw(slave)
        for master in self._masters:
            os.set_blocking(master, False)
        self._ended, self._end = os.pipe()
        self._thread = threading.Thread(target=self._carry, name=f"cable {self.right}")
        self._thread.start()

    def pull(self) -> None:
        """Both ends read an error from now on."""
        if self._thread.is_alive():
            os.write(self._end, b"\0")
            self._thread.join()
            for fd in (*self._masters, *self._slaves, self._ended, self._end):
                os.close(fd)

    def _carry(self) -> None:
        left, right = self._masters
        while True:
            ready, _, _ = select.select([left, right, self._ended], [], [])
            if self._ended in ready:
                return
            for source in ready:
                data = os.read(source, 4096)
                try:
                    os.write(right if source == left else left, data)
                except BlockingIOError:
                    continue  # nobody reads there


class AgentOnCable:
    """The agent under MicroPython on an emulated module, from `with` to its end.

    port: the board's console, where the agent talks JSON. modem_port: an AT port of the same module, free for whoever
    asks (the agent has another one). url: the verifier that it attests to. process: the agent, whose events can be
    waited for, and which can be restarted. modem: the module as the agent has it.

    profile, imei, card: the module. scenario: its number. ca: the verifier's authority, DER. folder: for this device's
    flash; the same folder is the same device.
    """

    def __init__(
        self,
        folder: Path,
        *,
        url: str = NOBODY,
        profile: str = "quectel-ec25",
        imei: str | None = None,
        card: Card | None = CARD,
        scenario: int = 1,
        ca: Path | None = None,
        sim_poll_s: float = 1,
    ) -> None:
        self.url = url
        self.modem = Modem(profile, imei=imei, card=card)
        # A module has several AT ports, an emulated one has one: this is the other, in step with the first.
        self._second = Modem(profile, imei=imei, card=card)
        self._folder = folder
        self._settings = {"url": url, "scenario": scenario, "ca": ca, "sim_poll_s": sim_poll_s}
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            starting.enter_context(self.modem)
            starting.enter_context(self._second)
            self.cable = Cable()
            starting.callback(self.cable.pull)
            self.port, self.modem_port = self.cable.right, self._second.port
            self._folder.mkdir(parents=True, exist_ok=True)
            program = self._folder / "on_cable.py"
            program.write_text(_PROGRAM.format(tty=self.cable.left))
            self.process = starting.enter_context(
                AgentProcess(
                    tty=self.modem.port,
                    state_dir=self._folder / "state",
                    rom=agent_rom(),
                    program=program,
                    **self._settings,  # type: ignore[arg-type]
                )
            )
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def remove(self) -> Card:
        """Takes the card out."""
        self._second.remove()
        return self.modem.remove()

    def insert(self, card: Card) -> None:
        for modem in (self.modem, self._second):
            modem.insert(card)

    def move(self, **changes: object) -> None:
        """Under another cell; see emulator.Modem.move."""
        for modem in (self.modem, self._second):
            modem.move(**changes)

    def lose_cell(self) -> None:
        for modem in (self.modem, self._second):
            modem.lose_cell()

    def lie(self, imei: str) -> None:
        """Has the module state another IMEI."""
        for modem in (self.modem, self._second):
            modem.imei = imei
