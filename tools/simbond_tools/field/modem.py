"""A modem on an open line, asked with the agent's own code: what this reads is what the agent signs."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from simbond_agent.at import Channel, name_of, split_prefix
from simbond_agent.modem import generic, load, probe
from simbond_tools.closing import Closing
from simbond_tools.i18n import _

from .errors import NoModem, Unplugged
from .line import Line

_READ_S = 0.02
_T = TypeVar("_T")
_COPS_FORMAT = "AT+COPS=3,"


def _undo(command: str, now: list[str]) -> str | None:
    """The command that brings a setting back to what it is now; None where that is not known."""
    name = command.partition("=")[0]
    if command.startswith(_COPS_FORMAT):  # +COPS: <mode>,<format>: only the second is changed
        return _COPS_FORMAT + now[1] if len(now) > 1 else None
    return f"{name}={now[0]}" if now else None


async def interruptible(work: Coroutine[Any, Any, _T]) -> _T:
    """Ctrl-C ends the work, even where it is lost on the way: asyncio.wait_for of Python 3.11 may lose it."""
    found = await work
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return found


class _Stream:
    """Both sides of the asyncio stream that a Channel takes. A failed line ends it, and is kept in `failure`."""

    def __init__(self, line: Line) -> None:
        self.failure: Unplugged | None = None
        self.echoes = False
        self._line = line
        self._sent = b""

    async def read(self, most: int) -> bytes:
        await asyncio.sleep(0)  # a flood must not keep the time-outs from running
        try:
            data = self._line.read(most, _READ_S)
        except Unplugged as e:
            self.failure = e
            raise OSError from e
        self.echoes = self.echoes or (len(self._sent) > 1 and self._sent in data)
        return data

    def write(self, data: bytes) -> None:
        self._sent = data
        try:
            self._line.write(data)
        except Unplugged as e:
            self.failure = e
            raise OSError from e

    async def drain(self) -> None: ...


class ModemOnLine(Closing):
    """A blocking face on the agent's modem code. name: the dialect; model: what the modem calls itself; maker: whose.
    urcs: the unsolicited lines so far.

    Raises NoModem when nothing answers AT, and Unplugged, here and in every method. Identities and cells have the keys
    of docs/modems.md; what the modem does not say is not in them. Close it, or use it in a with statement: that puts
    the settings back which were changed for reading, the echo among them. The line stays open.
    """

    def __init__(self, line: Line) -> None:
        self.urcs: list[str] = []
        self._restore: list[str] = []
        self._stream = _Stream(line)
        self._url = line.url
        self._runner = asyncio.Runner()
        self._channel = self._run(self._open())
        try:
            self._modem = self._run(probe(self._channel))
        except OSError:
            self._end()
            raise NoModem(
                _(
                    "Nothing on {port} answers AT. Check power and cable, try another of the device's ports, "
                    "or state the speed by --baud."
                ).format(port=self._url)
            ) from None
        except BaseException:
            self._end()
            raise
        self.name: str = self._modem.name
        self.model: str = self._modem.model
        if self._stream.echoes:
            self._restore.append("ATE1")
        self.maker = self._first("AT+CGMI")
        self._prepare()

    def command(self, text: str, timeout_s: float = 3.0) -> tuple[str | None, list[str]]:
        """Sends a command: its final result ("OK", "ERROR", "+CME ERROR: 10") and the lines before it.

        The result is None, without lines, when the modem did not answer in time.
        """
        final, lines = self._run(self._channel.command(text, int(timeout_s * 1000)))
        return final, lines

    def identity(self) -> dict[str, Any]:
        """Any of imei, imeisv, imei2, sim, iccid, imsi, eid, iccid_mismatch."""
        return dict(self._run(self._modem.identity()))

    def cell(self) -> dict[str, Any]:
        """Any of rat, plmn, tac, lac, cell_id, rsrp_dbm, rssi_dbm, rsrq_db, reg, operator."""
        return dict(self._run(self._modem.cell()))

    def registration(self) -> dict[str, Any]:
        """reg ("home", "roaming", "searching", "denied", "none") and rat, as far as they are known."""
        cell = self.cell()
        return {key: cell[key] for key in ("reg", "rat") if key in cell}

    def close(self) -> None:
        """Puts back what was changed. Closing twice does nothing."""
        try:
            while self._restore and self.command(self._restore.pop())[0] is not None:
                pass  # a modem that is silent now would be waited for with each of them
        except Unplugged:
            return  # its settings went with it
        finally:
            self._restore.clear()
            self._end()

    async def _open(self) -> Any:
        return Channel(self._stream, self._stream, self.urcs.append)

    def _end(self) -> None:
        self._channel.close()
        self._runner.close()

    def _prepare(self) -> None:
        """Has errors and locations told, as the agent has them; what cannot be read, and so not be put back, stays."""
        dialect = load(self.name)
        cell = {name_of(command) for command in getattr(dialect, "CELL", ())}
        more = [command for command in getattr(dialect, "SETUP_MORE", ()) if name_of(command) in cell]
        for command in (*generic.SETUP, *more):
            name, _equals, value = command.partition("=")
            if not value:
                continue  # the echo, which probe() has switched off
            undo = _undo(command, self._setting(name))
            if undo is not None and undo != command:
                self.command(command)
                self._restore.append(undo)

    def _setting(self, name: str) -> list[str]:
        """The fields of a setting's read command; [] where it cannot be read."""
        final, lines = self.command(name + "?")
        for line in lines if final == "OK" else ():
            prefix, rest = split_prefix(line)
            fields = [field.strip() for field in rest.split(",")]
            if prefix == name_of(name) and fields[0].isdecimal():
                return fields
        return []

    def _first(self, command: str) -> str:
        final, lines = self.command(command)
        return str(lines[0]).strip('"') if final == "OK" and lines else ""

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Raises Unplugged where the line failed, whatever the code above it made of that."""
        try:
            return self._runner.run(interruptible(work))
        except asyncio.CancelledError:  # nobody else cancels: it came just before the runner began to count interrupts
            raise KeyboardInterrupt from None
        finally:
            if self._stream.failure is not None:
                raise self._stream.failure
