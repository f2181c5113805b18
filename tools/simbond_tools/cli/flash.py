"""simbond flash: the agent onto a board."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from simbond_tools.field.errors import FieldError, NoPort
from simbond_tools.field.find import find
from simbond_tools.field.line import BAUD
from simbond_tools.flash.contents import maker_files
from simbond_tools.flash.job import Job, Report
from simbond_tools.flash.run import flash
from simbond_tools.i18n import N_, _

from .common import NEGATIVE, clean, complain, json_option, print_json, say, shows_progress
from .exit_codes import failure
from .rows import print_rows
from .serial_options import baud_option, on_a_cable, several_ports_option
from .translated import TranslatedCommand

_LOOK_S = 0.3


@click.command(
    "flash",
    cls=TranslatedCommand,
    help=N_("Puts the agent onto boards, with the parts that their board files need, and starts it."),
)
@click.option(
    "--board",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help=N_("Folder with board.py, main.py, settings.py and ca.der. Else those on the board stay."),
)
@click.option("--with", "parts", multiple=True, metavar="PART", help=N_("A part besides those that are worked out."))
@click.option(
    "--ca",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help=N_("The CA of your server, PEM or DER: becomes ca.der on the board."),
)
@click.option("--plain", is_flag=True, help=N_("Do not squeeze the agent: tracebacks have names and lines."))
@click.option(
    "--romfs/--no-romfs",
    default=None,
    help=N_("The agent into the board's ROMFS partition, or among its files. Else as the board's heap has it."),
)
@click.option(
    "--replace-romfs", is_flag=True, help=N_("Even where that partition holds other files, which are lost then.")
)
@click.option("--dry-run", is_flag=True, help=N_("Only say what would be done."))
@click.option(
    "--start-timeout",
    type=click.IntRange(1, 600),
    default=60,
    show_default=True,
    help=N_("Seconds that the agent may take to start."),
)
@several_ports_option(
    N_("The board's port; several boards at once by several. Else it is looked for."), envvar="SIMBOND_PORT"
)
@baud_option(N_("Speed."), BAUD)
@json_option
def flash_command(
    folder: Path | None,
    parts: tuple[str, ...],
    ca: Path | None,
    plain: bool,
    romfs: bool | None,
    replace_romfs: bool,
    dry_run: bool,
    start_timeout: int,
    ports: tuple[str, ...],
    baud: int,
    as_json: bool,
) -> None:
    with on_a_cable():
        job = Job(
            given=maker_files(folder, ca),
            parts=parts,
            plain=plain,
            romfs=romfs,
            replace_romfs=replace_romfs,
            dry=dry_run,
            start_s=start_timeout,
        )
        found = tuple(dict.fromkeys(ports)) or (_found(baud),)
    with _Bars(as_json) as bars:
        ends = bars.all_of(found, job, baud)
    if len(ends) == 1 and isinstance(ends[0], FieldError):
        raise failure(ends[0])
    if as_json:
        print_json({"dry_run": dry_run, "boards": [_document(p, end) for p, end in zip(found, ends, strict=True)]})
    else:
        for port, end in zip(found, ends, strict=True):
            _tell(port, end, dry=dry_run)
    if any(isinstance(end, FieldError) for end in ends):
        sys.exit(NEGATIVE)


class _Bars:
    """Flashes boards side by side, with a bar for each on a terminal and plain lines elsewhere."""

    def __init__(self, as_json: bool) -> None:
        self._lines = not as_json
        self._progress = None
        if shows_progress():
            columns = (TextColumn("{task.fields[port]}"), BarColumn(20), TextColumn("{task.description}"))
            self._progress = Progress(*columns, console=Console(stderr=True))
        self._stopped = threading.Event()

    def __enter__(self) -> "_Bars":
        if self._progress:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress:
            self._progress.stop()

    def all_of(self, ports: tuple[str, ...], job: Job, baud: int) -> list[Report | FieldError]:
        """Each board's report, or what ended it. Ctrl-C lets each come to the end of what it writes just then."""
        with ThreadPoolExecutor(len(ports)) as pool:
            try:
                ends = [pool.submit(self._one, port, job, baud) for port in ports]
                while wait(ends, _LOOK_S).not_done:  # in pieces: Windows hears of Ctrl-C only in between
                    pass
            except KeyboardInterrupt:
                self._stopped.set()
                raise
        return [end.result() for end in ends]

    def _one(self, port: str, job: Job, baud: int) -> Report | FieldError:
        try:
            return flash(port, job, _Bar(self._progress, port, self._stopped, lines=self._lines), baud)
        except FieldError as e:
            return e


class _Bar:
    """A board's Progress (see job)."""

    def __init__(self, progress: Progress | None, port: str, stopped: threading.Event, *, lines: bool) -> None:
        self._progress = progress
        self._port = clean(port)
        self._stopped = stopped
        self._lines = lines
        self._task = progress.add_task("", total=None, port=self._port) if progress else None

    def doing(self, what: str, octets: int = 0) -> None:
        self._check()
        if self._progress is not None and self._task is not None:
            self._progress.reset(self._task, total=octets or None, description=what)
        elif self._lines:
            complain(f"{self._port}: {what}")

    def written(self, octets: int) -> None:
        self._check()
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, octets)

    def waiting(self) -> None:
        self._check()

    def _check(self) -> None:
        if self._stopped.is_set():
            raise KeyboardInterrupt


def _found(baud: int) -> str:
    found = find(None, baud)
    if found.kind not in ("agent", "micropython"):
        raise NoPort(
            _("No board was found; {port} is something else ({why}). Name the board's port by --port.").format(
                port=found.url, why=found.why
            )
        )
    return found.url


def _tell(port: str, end: Report | FieldError, *, dry: bool) -> None:
    if isinstance(end, FieldError):
        complain(f"{port}: {end}")
        return
    survey = end.survey
    fields = [
        (_("port"), port),
        (_("board"), f"{survey.machine}, MicroPython {survey.micropython}"),
        *((_("part"), f"{part.name}: {part.why}") for part in end.parts),
        (_("agent in"), end.place),
        (_("to write") if dry else _("written"), _files(end.written, end.octets)),
        (_("to remove") if dry else _("removed"), ", ".join(end.removed)),
        (_("unchanged"), _("{n} files").format(n=end.unchanged) if end.unchanged else ""),
        *((_("note"), hint) for hint in end.hints),
    ]
    print_rows(fields)
    if end.started:
        say(
            _("The agent runs: key {kid}, start number {bootcount}.").format(
                kid=end.started.get("kid"), bootcount=end.started.get("bootcount")
            )
        )


def _files(paths: list[str], octets: int) -> str:
    if not paths:
        return ""
    return _("{n} files, {octets} octets").format(n=len(paths), octets=octets)


def _document(port: str, end: Report | FieldError) -> dict[str, Any]:
    if isinstance(end, FieldError):
        return {"port": port, "error": {"code": end.code, "detail": str(end)}}
    survey = end.survey
    return {
        "port": port,
        "micropython": survey.micropython,
        "machine": survey.machine,
        "compiled": end.is_compiled,
        "parts": [{"part": part.name, "why": part.why} for part in end.parts],
        "place": end.place,
        "written": end.written,
        "removed": end.removed,
        "unchanged": end.unchanged,
        "octets": end.octets,
        "notes": end.hints,
        "kid": end.started.get("kid") if end.started else None,
        "bootcount": end.started.get("bootcount") if end.started else None,
    }
