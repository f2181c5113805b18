"""A modem on an open line, asked with the agent's own code: what this reads is what the agent signs."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from simbond_agent.at import Channel
from simbond_agent.modem import probe
from simbond_tools.i18n import _

from .errors import NoModem, Unplugged
from .line import Line

_READ_S = 0.02
_T = TypeVar("_T")


class _Stream:
    """Both sides of the asyncio stream that a Channel takes. A failed line ends it, and is kept in `failure`."""

    def __init__(self, line: Line) -> None:
        self.failure: Unplugged | None = None
        self._line = line

    async def read(self, most: int) -> bytes:
        await asyncio.sleep(0)  # a flood must not keep the time-outs from running
        try:
            return self._line.read(most, _READ_S)
        except Unplugged as e:
            self.failure = e
            raise OSError from e

    def write(self, data: bytes) -> None:
        try:
            self._line.write(data)
        except Unplugged as e:
            self.failure = e
            raise OSError from e

    async def drain(self) -> None: ...


class ModemOnLine:
    """A blocking face on the agent's modem code. name: the dialect; model: what the modem calls itself.

    Raises NoModem when nothing answers AT, and Unplugged, here and in every method. Identities and cells have the keys
    of docs/modems.md; what the modem does not say is not in them. Close it, or use it in a with statement: that gives
    the modem its echo back. The line stays open.
    """

    def __init__(self, line: Line) -> None:
        self.urcs: list[str] = []
        self._stream = _Stream(line)
        self._url = line.url
        self._runner = asyncio.Runner()
        self._channel = self._run(self._open())
        try:
            self._modem = self._run(probe(self._channel))
        except OSError:
            self._runner.close()
            raise NoModem(
                _(
                    "Nothing on {port} answers AT. Check power and cable, try another of the device's ports, "
                    "or state the speed by --baud."
                ).format(port=self._url)
            ) from None
        except BaseException:
            self._runner.close()
            raise
        self.name: str = self._modem.name
        self.model: str = self._modem.model

    async def _open(self) -> Any:
        return Channel(self._stream, self._stream, self.urcs.append)

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
        try:
            if self._stream.failure is None:
                self.command("ATE1")
        except Unplugged:
            pass
        finally:
            self._channel.close()
            self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Raises Unplugged where the line failed, whatever the code above it made of that."""
        try:
            return self._runner.run(work)
        finally:
            if self._stream.failure is not None:
                raise self._stream.failure
