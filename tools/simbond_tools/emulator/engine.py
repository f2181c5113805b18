"""The modem's serial face, sans I/O: bytes of the host and the time in, bytes for the host out.

Framing follows captured modules: the echo ends in CR, information text stands between CR LF pairs, so that a host with
echo on reads "AT+CSQ" CR CR LF "+CSQ: 22,99" CR LF CR LF "OK" CR LF (ITU-T V.250 clauses 5.2.3 and 5.7.1).
"""

import heapq
from collections.abc import Callable, Iterable
from itertools import count

from .card import Card
from .cell import Cell
from .faults import Fault, FaultBox
from .interpreter import Reply, check_behaviours, error_result, execute
from .module import CommandError, DataMode, Module

_CR, _LF, _BACKSPACE = 13, 10, 8
_CTRL_Z, _ESCAPE = 26, 27
_LINE_LIMIT = 2048
_DATA_S = 30.0  # a host that does not send the data it announced is not waited for longer
_NOISE = b"\x00\xff\xfe\x00\xf0\x80~\xc0!"


def _frame(lines: Iterable[str]) -> bytes:
    return b"\r\n" + "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n"


class Engine:
    """A module on a line. The caller gives monotonic time in seconds and calls step() at deadline() at the latest."""

    def __init__(self, module: Module, *, sim_busy_s: float = 0.3, boot_s: float = 0.3) -> None:
        """`sim_busy_s`: from insertion until the card is read. `boot_s`: from a reset to the banner; input is lost.

        Raises ProfileError if the profile refers to a behaviour that is not registered.
        """
        check_behaviours(module.profile)
        self.module = module
        self.faults = FaultBox()
        self._sim_busy_s = sim_busy_s
        self._boot_s = boot_s
        self._line = bytearray()
        self._last_line = ""
        self._booting = False
        self._data = bytearray()
        self._data_faults: dict[Fault, str] = {}
        self._deferred: tuple[Reply, dict[Fault, str]] = (Reply(), {})
        self._replied_until = 0.0  # replies leave in the order of their commands
        self._echo = bytearray()
        self._agenda: list[tuple[float, int, bytes | Callable[[float], None]]] = []  # to send, to do
        self._order = count()

    # --- time and bytes -------------------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When the next thing is due; None if nothing is before the host speaks."""
        return self._agenda[0][0] if self._agenda else None

    def step(self, now: float, data: bytes = b"") -> list[bytes]:
        """Take the host's bytes, let time pass, and return what the modem has sent by `now`, write by write."""
        sent = self._due(now)
        if self.module.take_posted():
            self._finish_deferred(now)
            self._settle(now)
        for octet in data:
            self._take(octet, now)
        self._flush_echo(now)
        return sent + self._due(now)

    def _due(self, now: float) -> list[bytes]:
        sent = []
        while self._agenda and self._agenda[0][0] <= now:
            due, _, item = heapq.heappop(self._agenda)
            if isinstance(item, bytes):
                sent.append(item)
            else:
                item(due)
        return sent

    def _at(self, due: float, item: bytes | Callable[[float], None]) -> None:
        heapq.heappush(self._agenda, (due, next(self._order), item))

    # --- what a person does to the module -------------------------------------------------------------------------

    def insert(self, card: Card, now: float) -> None:
        """Raises EmulatorError if the tray is not empty."""
        self.module.tray.insert(card)
        self.module.events.append("inserted")
        self._settle(now)

    def remove(self, now: float) -> Card:
        """Raises EmulatorError if the tray is empty."""
        card = self.module.tray.remove()
        self.module.events.append("removed")
        self._settle(now)
        return card

    def move(self, cell: Cell | None, now: float) -> None:
        """Put the module under another cell, or under none. Raises EmulatorError for a RAT that it does not have."""
        self.module.cell = cell
        self._settle(now)

    def announce(self, line: str, now: float) -> None:
        """Send a line of the caller's as a URC."""
        self._at(now, _frame([line]))

    def lose_context(self, now: float) -> None:
        """Have the network take the data connection away."""
        self.module.lose_context()
        self._settle(now)

    def reset(self, now: float) -> None:
        """Cut the power: what was not sent yet is lost, and the module boots."""
        self._agenda.clear()
        self._line.clear()
        self._echo.clear()
        self.module.events.clear()
        self.module.boot()
        self._booting = True
        self._replied_until = now
        self._at(now + self._boot_s, self._booted)

    # --- the module's own life ------------------------------------------------------------------------------------

    def _booted(self, now: float) -> None:
        self._booting = False
        if self.faults.spend(Fault.GARBAGE):
            self._at(now, _NOISE)
        self._urcs("boot", now)
        self._read_card(now)

    def _read_card(self, now: float) -> None:
        """The card is busy for a while; the wait is void if the card changes under it."""
        generation = self.module.tray.generation

        def settle(due: float) -> None:
            if self.module.tray.generation == generation:
                self.module.tray.settle()
                state = str(self.module.tray.state)
                self.module.events.append(state)
                self._settle(due)

        self._at(now + self._sim_busy_s, settle)

    def _settle(self, now: float) -> None:
        """Tell the host what changed, and start what follows from it."""
        module = self.module
        if self._booting:  # the state that the boot ends in is told then
            module.events.clear()
            module.registration_urcs()
            return
        while module.events:
            event = module.events.pop(0)
            if event == "reset":
                self._at(max(now, self._replied_until), self.reset)
                continue
            self._urcs(event, now)
            if event in ("inserted", "reading"):
                self._read_card(now)
        for line in module.announcements:  # what a command led to follows its reply, however slow that is
            self._at(max(now, self._replied_until), _frame([line]))
        module.announcements.clear()
        for line in module.registration_urcs():
            self._at(now, _frame([line]))

    def _urcs(self, event: str, now: float) -> None:
        for line in self.module.urcs(event):
            self._at(now, _frame([line]))

    # --- the command line -----------------------------------------------------------------------------------------

    def _take(self, octet: int, now: float) -> None:
        if self._booting:
            return
        if self.module.data_mode is not None:
            self._take_data(self.module.data_mode, octet, now)
            return
        if octet == _LF:
            return
        silent = Fault.SILENCE in self.faults
        if not self._line and octet != _CR and Fault.GARBAGE in self.faults and not silent:
            self._at(now, _NOISE)
            self._urcs("boot", now)
        if (self.module.echo or Fault.ECHO in self.faults) and not silent:
            self._echo.append(octet)
        if octet == _CR:
            line = self._line.decode("latin-1")
            self._line.clear()
            self._complete(line, now)
        elif octet == _BACKSPACE:
            del self._line[-1:]
        elif len(self._line) < _LINE_LIMIT:
            self._line.append(octet)
        if self._line.upper() == b"A/":  # V.250 clause 5.2.4: repeat, without a CR
            self._line.clear()
            self._complete(self._last_line, now)

    def _flush_echo(self, now: float) -> None:
        if self._echo:
            self._at(max(now, self._replied_until), bytes(self._echo))
            self._echo.clear()

    def _complete(self, line: str, now: float) -> None:
        self._flush_echo(now)
        if "AT" not in line.upper():
            return
        self._last_line = line
        faults = self.faults.use()
        if Fault.SILENCE in faults:
            return
        if Fault.ERROR in faults:
            reply: Reply | None = Reply(final=error_result(self.module, int(faults[Fault.ERROR] or 0)))
        else:
            reply = execute(self.module, line)
        if reply is not None and self.module.data_mode is not None:
            self._prompt(self.module.data_mode, reply, faults, now)
        elif reply is not None:
            self._answer(reply, faults, now)
        self._settle(now)

    # --- data of a command ----------------------------------------------------------------------------------------

    def _prompt(self, mode: DataMode, reply: Reply, faults: dict[Fault, str], now: float) -> None:
        """Ask for the data; the faults of the command wait for its final result."""
        self._data.clear()
        self._data_faults = faults
        # A mark stands at the start of a line that does not end, a word is a line.
        prompt = _frame([mode.prompt]) if mode.prompt.isalpha() else b"\r\n" + mode.prompt.encode()
        self._at(max(now, self._replied_until), b"".join(map(_frame, reply.blocks)) + prompt)

        def give_up(due: float) -> None:
            if self.module.data_mode is mode:
                self._finish_data(Reply(final=error_result(self.module, 0)), due)

        self._at(now + _DATA_S, give_up)

    def _take_data(self, mode: DataMode, octet: int, now: float) -> None:
        if mode.length is None and octet == _ESCAPE:
            self._finish_data(Reply(), now)
        elif mode.length is None and octet == _CTRL_Z:
            self._deliver(mode, now)
        else:
            self._data.append(octet)
            if mode.length is not None and len(self._data) >= mode.length:
                self._deliver(mode, now)

    def _deliver(self, mode: DataMode, now: float) -> None:
        reply = Reply()
        try:
            lines = mode.done(bytes(self._data))
            if lines:
                reply.blocks.append(lines)
        except CommandError as failure:
            reply.final = error_result(self.module, failure.code)
        self._finish_data(reply, now)

    def _finish_data(self, reply: Reply, now: float) -> None:
        self.module.data_mode = None
        self._answer(reply, self._data_faults, now)
        self._settle(now)

    def _answer(self, reply: Reply, faults: dict[Fault, str], now: float) -> None:
        """The reply, or its place is kept for when the module has done what takes longer."""
        if self.module.deferred:
            self._deferred = (reply, faults)
            self._finish_deferred(now)
        else:
            self._reply(reply, faults, now)

    def _finish_deferred(self, now: float) -> None:
        if self.module.outcome is None:
            return
        reply, faults = self._deferred
        if self.module.outcome:
            reply.final = error_result(self.module, 0)
        self.module.deferred, self.module.outcome = False, None
        self._reply(reply, faults, now)

    def _reply(self, reply: Reply, faults: dict[Fault, str], now: float) -> None:
        text, final = b"".join(map(_frame, reply.blocks)), _frame([reply.final])
        text = final + text if Fault.OK_FIRST in faults else text + final
        if Fault.LATE_URC in faults:
            text = _frame([faults[Fault.LATE_URC] or f"+CREG: {self.module.stat('+CREG')}"]) + text
        if Fault.CR_ONLY in faults:
            text = text.replace(b"\r\n", b"\r")
        if Fault.RESET in faults:
            text = text[: len(text) // 2]
            self.module.events.append("reset")
        due = max(now, self._replied_until) + float(faults.get(Fault.SLOW, 0))
        gap = float(faults.get(Fault.BYTEWISE, 0))
        for part in [text[i : i + 1] for i in range(len(text))] if Fault.BYTEWISE in faults else [text]:
            self._at(due, part)
            due += gap
        self._replied_until = due
