"""Flashes one board: looks what is there, works out what is missing, writes it, starts the agent.

Whatever ends it, a second run goes on: nothing is remembered but what the board itself holds.
"""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from simbond_tools.field.asking import PROMPT
from simbond_tools.field.console import parse_event
from simbond_tools.field.errors import FieldError, NoPort, PortBusy, PortNotAllowed, Unplugged
from simbond_tools.field.line import BAUD
from simbond_tools.i18n import _
from simbond_tools.romfs import EMPTY

from . import choice, contents, modem
from . import rom as roms
from .board import Board
from .choice import Maker
from .files import Files, Full
from .needs import Part, UnclearNeeds
from .plan import (
    ROM,
    MakeFolder,
    Move,
    NoMainError,
    Remove,
    RemoveFolder,
    Step,
    Wanted,
    Write,
    given_first,
    room_needed,
    steps,
)
from .rom import Rom
from .survey import IN_ROM, Survey, Unfit, look

_CUTS = 20  # a board whose watchdog runs on is cut every few seconds, and comes further each time


_RAISED = re.compile(rb"[A-Za-z_.]+(Error|Exception|Exit|Interrupt)\b.*")


class NotStarted(FieldError):
    """Everything is on the board, but the agent did not start."""

    code = "not-started"


class Progress(Protocol):
    """Hears how a board comes along. What its methods raise ends the job; the board is then as after any other cut."""

    def doing(self, what: str, octets: int = 0) -> None:
        """Something else begins. octets: how many it is going to write."""

    def written(self, octets: int) -> None:
        """So many octets more are on the board."""

    def waiting(self) -> None:
        """The board lets us wait: called several times a second."""


@dataclass(frozen=True)
class Job:
    """What boards shall get.

    given: the maker's files by name (contents.maker_files); empty: those on the board stay. parts: besides those that
    the board file asks for. plain: see contents.agent. romfs: whether the agent goes into the board's ROMFS partition;
    None: where the heap is small, or it is there already. replace_romfs: even where that holds other files. dry: only
    looks. start_s: how long the agent may take to start. back_s: how long an unplugged board is waited for.
    """

    given: Mapping[str, bytes] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    plain: bool = False
    romfs: bool | None = None
    replace_romfs: bool = False
    dry: bool = False
    start_s: float = 60.0
    back_s: float = 60.0


@dataclass
class Report:
    """What a board is, and what was done to it (or is to be done, where the job was dry).

    place: the agent's folder. hints: sentences for whoever flashes. started: the agent's event "start".
    """

    port: str
    survey: Survey | None = None
    is_compiled: bool = True
    place: str = ""
    hints: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    octets: int = 0
    started: dict[str, Any] | None = None


def flash(port: str, job: Job, progress: Progress, baud: int = BAUD) -> Report:
    """Puts the agent onto the board at port, and waits until it has started.

    A board that goes away in between, because of its cable or its watchdog, is waited for. Raises FieldError.
    """
    return _Run(port, baud, job, progress).to_its_end()


class _Run:
    """One board's way through a job. What was found out before a cut is known after it."""

    def __init__(self, port: str, baud: int, job: Job, progress: Progress) -> None:
        self._port = port
        self._baud = baud
        self._job = job
        self._progress = progress
        self._asked: Part | None = None
        self._in_rom = job.romfs
        self._cut: Unplugged | None = None
        self._written: set[str] = set()
        self._removed: set[str] = set()

    def to_its_end(self) -> Report:
        for _attempt in range(_CUTS):
            with self._connected() as board:
                try:
                    return self._carried_out(board)
                except Unplugged as e:
                    self._cut = e
            self._progress.doing(_("waiting for the board to come back"))
        raise Unplugged(_("The board on {port} goes away again and again.").format(port=self._port))

    def _connected(self) -> Board:
        """The board; one that was there before is waited for."""
        deadline = time.monotonic() + self._job.back_s
        while True:
            try:
                board = Board(self._port, self._baud)
            except (NoPort, PortBusy, PortNotAllowed, Unplugged):  # all of them while a port comes back
                if self._cut is None:
                    raise
                if time.monotonic() >= deadline:
                    raise self._cut from None
                self._progress.waiting()
                time.sleep(0.2)
            else:
                return board

    def _carried_out(self, board: Board) -> Report:
        job, report = self._job, Report(self._port)
        self._progress.doing(_("looking at the board"))
        survey = report.survey = look(board)
        files = Files(board)
        maker = choice.maker(job.given, files, survey)
        choice.check(maker, job.given, files, survey)
        report.parts = self._chosen(board, files, survey, maker)
        agent = contents.agent([part.name for part in report.parts], survey.mpy, plain=job.plain)
        report.is_compiled = agent.is_compiled
        rom = Rom(board)
        wanted = self._placed(agent, files, rom, survey)
        report.place = IN_ROM if self._in_rom else survey.own
        report.hints = list(_hints(survey, agent, rom=bool(self._in_rom)))
        self._write(board, files, rom, wanted, report)
        if not job.dry:
            self._progress.doing(_("starting the agent"))
        board.start_program()
        if not job.dry:
            report.started = _started(board, job.start_s, self._progress)
        return report

    def _wanted(self, survey: Survey, agent: Mapping[str, bytes], image: bytes | None = None) -> Wanted:
        given = {survey.root + name: octets for name, octets in self._job.given.items()}
        main = given.pop(survey.main, None)
        files = {f"{survey.lib}/{name}": octets for name, octets in agent.items()}
        return Wanted({**given, **files}, survey.main, main, survey.own, image)

    def _placed(self, agent: contents.Agent, files: Files, rom: Rom, survey: Survey) -> Wanted:
        """The agent in the partition, or among the files; what is in the partition goes before those."""
        mounted = files.listed(ROM, ()) if rom.size else {}
        self._in_rom = roms.is_for(survey, rom, agent, mounted, self._in_rom)
        if self._in_rom:
            wanted = self._wanted(survey, {}, agent.image)
        else:
            wanted = self._wanted(survey, agent.files, EMPTY if IN_ROM in mounted else None)
        if wanted.rom is not None:
            roms.check(wanted.rom, rom, mounted, replace=self._job.replace_romfs)
        return wanted

    def _chosen(self, board: Board, files: Files, survey: Survey, maker: Maker) -> list[Part]:
        stated = choice.stated(self._job.parts)
        if not stated and "board.py" not in maker.sources:
            raise UnclearNeeds(
                _(
                    "There is no board.py, neither given by --board nor on the board: copy one of examples/, "
                    "or use --with."
                )
            )
        dialect = choice.dialect(stated, files, survey) or self._asked or self._ask(board, files, survey)
        return choice.choose(stated, dialect, maker)

    def _ask(self, board: Board, files: Files, survey: Survey) -> Part:
        """The dialect by asking the modem, for which the maker's files have to be on the board."""
        wanted = self._wanted(survey, {})
        todo = given_first(wanted, files.listed(survey.own, wanted.paths()))
        if todo and self._job.dry:
            raise UnclearNeeds(
                _(
                    "The modem can be asked only through board.py, which a dry run does not write: name its "
                    "dialect by --with."
                )
            )
        self._progress.doing(_("writing"), sum(len(step.octets) for step in todo if isinstance(step, Write)))
        for step in todo:
            self._do(files, step)
        self._progress.doing(_("asking the modem"))
        answer = modem.ask(board)
        self._asked = Part(answer.dialect, _("the modem says: {said}").format(said=answer.said))
        if answer.has_watchdog:
            board.reset()  # nobody feeds it from now on
            raise board.gone()
        board.stop_program()
        Files(board)
        return self._asked

    def _write(self, board: Board, files: Files, rom: Rom, wanted: Wanted, report: Report) -> None:
        present = files.listed(wanted.own, wanted.paths())
        if wanted.rom is not None:
            present[ROM] = rom.begins(len(wanted.rom))
        try:
            todo = steps(wanted, present)
        except NoMainError:
            raise Unfit(
                _("Nothing would start the agent: there is no main.py, neither given by --board nor on the board.")
            ) from None
        report.octets = sum(len(step.octets) for step in todo if isinstance(step, Write))
        if todo:
            room = files.space(wanted.main.rpartition("/")[0] or "/")
            lacking = room_needed(todo, present, room.block) - room.free
            if lacking > 0:
                raise Full(
                    _(
                        "The board lacks {octets} octets of room: remove what it does not need (mpremote ls, "
                        "mpremote rm)."
                    ).format(octets=lacking * room.block)
                )
        if not self._job.dry:
            self._progress.doing(_("writing"), report.octets)
        for step in todo:
            if self._job.dry:
                self._note(step)
            elif isinstance(step, Write) and step.path == ROM:
                board.stop_program()  # what was imported, as by a look at the agent, may lie in what is erased now
                files = Files(board)
                try:
                    Rom(board).write(step.octets, self._progress.written)
                except Unfit:  # nothing was erased: what ran may run again
                    if isinstance(todo[0], Move):
                        files.move(todo[0].to, todo[0].path)
                    raise
                self._note(step)
            else:
                self._do(files, step)
        report.written = sorted(self._written)
        report.removed = sorted(self._removed)
        held = {*wanted.files, wanted.main, *([ROM] if wanted.rom is not None else [])}
        report.unchanged = len(held - self._written)

    def _do(self, files: Files, step: Step) -> None:
        match step:
            case Write(path, octets):
                files.write(path, octets, self._progress.written)
            case Move(path, to):
                files.move(path, to)
            case Remove(path):
                files.remove(path)
            case RemoveFolder(path):
                files.remove_folder(path)
            case MakeFolder(path):
                files.make_folder(path)
        self._note(step)

    def _note(self, step: Step) -> None:
        if isinstance(step, Write):
            self._written.add(step.path)
        elif isinstance(step, Remove):
            self._removed.add(step.path)


def _hints(survey: Survey, agent: contents.Agent, *, rom: bool) -> Iterator[str]:
    if not agent.is_compiled:
        yield _("The agent goes onto the board as source: {why}.").format(why=agent.why)
    if not rom and survey.heap < roms.SMALL_HEAP:
        yield _(
            "The board has {heap} octets of heap: let the agent's code lie in flash instead (agent/README.md#parts)."
        ).format(heap=survey.heap)


def _started(board: Board, timeout_s: float, progress: Progress) -> dict[str, Any]:
    """The event "start". Raises NotStarted with what the board said instead."""
    deadline = time.monotonic() + timeout_s
    raised = ""
    rest = b""
    while time.monotonic() < deadline:
        progress.waiting()
        *lines, rest = (rest + board.heard(0.2)).split(b"\n")
        for line in lines:
            event = parse_event(line)
            if event and event["event"] == "start":
                return event
            if event and event["event"] == "error" and event.get("what") == "setup":
                raise NotStarted(_("The agent says: {what}.").format(what=event.get("detail")))
            if found := _RAISED.match(line):
                raised = found[0].decode("utf-8", "replace").strip()
        if rest == PROMPT:
            raise NotStarted(_("main.py came to its end: {what}").format(what=raised or _("it starts no agent.")))
    raise NotStarted(_("The agent has not started within {seconds} s.").format(seconds=int(timeout_s)))
