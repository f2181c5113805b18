"""What `simbond provision` shows: bars on a terminal, lines elsewhere."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from simbond_tools.factory.label import Label
from simbond_tools.factory.station import Station
from simbond_tools.factory.summary import summarize
from simbond_tools.factory.unit import Outcome, Result, Stage
from simbond_tools.i18n import N_, _

from .common import clean, shows_progress
from .qr_screen import print_qr

_STAGES = {
    Stage.WAITING: N_("waiting for a device"),
    Stage.ASKED: N_("asking who it is"),
    Stage.REQUESTED: N_("having it prove its key"),
    Stage.PROVED: N_("signing"),
    Stage.ENDED: N_("done"),
}
_STEPS = {stage: step for step, stage in enumerate(_STAGES)}


class Screen:
    """quiet: nothing at all. code: draw each unit's QR code."""

    def __init__(self, station: Station, *, quiet: bool, code: bool) -> None:
        self._quiet = quiet
        self._console = Console(highlight=False, soft_wrap=False)
        self._plain = not self._console.is_terminal
        self._code = code and not self._plain
        stage = TextColumn("{task.fields[stage]}", markup=False)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(20), stage)
        shown = shows_progress() and not quiet
        # Drawn by whoever has something new, one at a time: rich's own thread and ours would draw over each other.
        self._bars = Progress(*columns, console=self._console, transient=True, auto_refresh=False, disable=not shown)
        self._turn = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        if station.torn and not quiet:
            self._say(_("The log's last entry was never finished, and its unit never called done: put that in again."))

    def told(self, port: str, stage: Stage) -> None:
        """A thread's port has come so far."""
        with self._turn:
            if port not in self._tasks:
                self._tasks[port] = self._bars.add_task(clean(port), total=len(_STEPS) - 1, stage="")
            self._bars.update(self._tasks[port], completed=_STEPS[stage], stage=_(_STAGES[stage]), refresh=True)

    def done(self, result: Result, label: Label | None, file: Path | None) -> None:
        """One unit is done with."""
        if self._quiet:
            return
        with self._turn:
            self._say(f"{result.port}: {_verdict(result)}")
            if label is None:
                self._say(f"{result.reason} [{result.code}]", indent=2)
                return
            for line in label.lines if file is None else [*label.lines, str(file)]:
                self._say(line, indent=2)
            if self._code:
                self._draw(label)

    def _draw(self, label: Label) -> None:
        self._bars.stop()  # rich's own colours may be off, and then there is no black on white
        if not print_qr(label.qr):
            self._say(label.code, indent=2)

    def summary(self, results: list[Result], expected: int | None, made: int) -> None:
        """What became of all of them. expected: cards in the manifest, and made: how many of them are endorsed."""
        found = summarize(results)
        if self._quiet or found.yield_ is None or (len(results) == 1 and expected is None):
            return
        self._say("")
        for number, name in (
            (found.endorsed, _("endorsed")),
            (found.known, _("endorsed before")),
            (found.stopped, _("stopped")),
        ):
            self._say(f"{number:6} {name}")
        for code, number in found.reasons.items():
            self._say(f"{number:6}   {code}")
        self._say(_("{share}% of {units} units are good.").format(share=f"{100 * found.yield_:.1f}", units=found.units))
        if expected is not None:
            self._say(_("Of the manifest's {cards} cards, {made} are done.").format(cards=expected, made=made))

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def _say(self, text: str, indent: int = 0) -> None:
        if self._plain:
            print(" " * indent + clean(text), flush=True)
        elif not text:
            self._console.print()
        else:
            self._console.print(Padding(Text(clean(text)), (0, 0, 0, indent), expand=False))


def _verdict(result: Result) -> str:
    if result.outcome is Outcome.ENDORSED:
        return _("endorsed, entry {number}").format(number=result.entry)
    if result.outcome is Outcome.KNOWN:
        return _("endorsed before, entry {number}").format(number=result.entry)
    return _("stopped")
