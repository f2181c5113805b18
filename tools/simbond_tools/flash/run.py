"""Flashes one board: looks what is there, works out what is missing, writes it, starts the agent.

Whatever ends it, a second run goes on: nothing is remembered but what the board itself holds.
"""

import time
from collections.abc import Iterator, Mapping

from simbond_tools.field.errors import NoPort, PortBusy, PortNotAllowed, Unplugged
from simbond_tools.field.line import BAUD
from simbond_tools.i18n import _
from simbond_tools.romfs import EMPTY

from . import choice, contents, modem
from . import rom as roms
from .board import Board
from .choice import Maker
from .files import Files, Full
from .job import Job, Progress, Report
from .needs import Part, UnclearNeeds
from .plan import ROM, NoMainError, Present, Step, Wanted, Write, given_first, room_needed, steps
from .rom import Rom
from .starting import wait_for_start
from .survey import IN_ROM, Survey, Unfit, look
from .writing import Writer

_CUTS = 20  # a board whose watchdog runs on is cut every few seconds, and comes further each time


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
        self._writer = Writer(progress)

    def to_its_end(self) -> Report:
        for _attempt in range(_CUTS):
            with self._connected() as board:
                try:
                    return self._carried_out(board)
                except Unplugged as e:
                    self._cut = e
            self._progress.doing(_("waiting for the board to come back"))
        raise Unplugged(
            _(
                "The board on {port} goes away again and again: give it a better cable or more power, then run the "
                "same command again."
            ).format(port=self._port)
        )

    def _connected(self) -> Board:
        """The board; one that was there before is waited for."""
        deadline = time.monotonic() + self._job.back_s
        while True:
            try:
                return Board(self._port, self._baud)
            except (NoPort, PortBusy, PortNotAllowed, Unplugged):  # all of them while a port comes back
                if self._cut is None:
                    raise
                if time.monotonic() >= deadline:
                    raise self._cut from None
                self._progress.waiting()
                time.sleep(0.2)

    def _carried_out(self, board: Board) -> Report:
        job = self._job
        self._progress.doing(_("looking at the board"))
        report = Report(self._port, look(board))
        survey, files = report.survey, Files(board)
        maker = choice.maker(job.given, files, survey)
        choice.check(maker, job.given, files, survey)
        report.parts = self._chosen(board, files, survey, maker)
        agent = contents.agent([part.name for part in report.parts], survey.mpy, plain=job.plain)
        report.is_compiled = agent.is_compiled
        rom = Rom(board)
        wanted = self._placed(agent, files, rom, survey)
        report.place = IN_ROM if self._in_rom else survey.own
        report.hints = list(_hints(survey, agent, rom=bool(self._in_rom)))
        self._write(board, files, _plan(files, rom, wanted), report)
        report.unchanged = len(_paths(wanted) - self._writer.written)
        if not job.dry:
            self._progress.doing(_("starting the agent"))
        board.start_program()
        if not job.dry:
            report.started = wait_for_start(board, job.start_s, self._progress)
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
        self._progress.doing(_("writing"), _octets(todo))
        for step in todo:
            self._writer.do(files, step)
        self._progress.doing(_("asking the modem"))
        answer = modem.ask(board)
        self._asked = Part(answer.dialect, _("the modem says: {said}").format(said=answer.said))
        if answer.has_watchdog:
            board.reset()  # nobody feeds it from now on
            raise board.gone()
        board.stop_program()
        Files(board)
        return self._asked

    def _write(self, board: Board, files: Files, todo: list[Step], report: Report) -> None:
        report.octets = _octets(todo)
        if self._job.dry:
            for step in todo:
                self._writer.note(step)
        else:
            self._progress.doing(_("writing"), report.octets)
            self._writer.do_all(board, files, todo)
        report.written = sorted(self._writer.written)
        report.removed = sorted(self._writer.removed)


def _plan(files: Files, rom: Rom, wanted: Wanted) -> list[Step]:
    """What is to be done. Raises Unfit where nothing would start the agent, and Full."""
    present = files.listed(wanted.own, wanted.paths())
    if wanted.rom is not None:
        present[ROM] = rom.begins(len(wanted.rom))
    try:
        todo = steps(wanted, present)
    except NoMainError:
        raise Unfit(
            _("Nothing would start the agent: there is no main.py, neither given by --board nor on the board.")
        ) from None
    if todo:
        _check_room(files, wanted, todo, present)
    return todo


def _check_room(files: Files, wanted: Wanted, todo: list[Step], present: Mapping[str, Present | None]) -> None:
    room = files.space(wanted.main.rpartition("/")[0] or "/")
    lacking = room_needed(todo, present, room.block) - room.free
    if lacking > 0:
        raise Full(
            _(
                "The board lacks {octets} octets of room: remove what it does not need (mpremote ls, mpremote rm)."
            ).format(octets=lacking * room.block)
        )


def _paths(wanted: Wanted) -> set[str]:
    """All that the board holds in the end."""
    return {*wanted.files, wanted.main, *([ROM] if wanted.rom is not None else [])}


def _octets(todo: list[Step]) -> int:
    return sum(len(step.octets) for step in todo if isinstance(step, Write))


def _hints(survey: Survey, agent: contents.Agent, *, rom: bool) -> Iterator[str]:
    if not agent.is_compiled:
        yield _("The agent goes onto the board as source: {why}.").format(why=agent.why)
    if not rom and survey.heap < roms.SMALL_HEAP:
        yield _(
            "The board has {heap} octets of heap: let the agent's code lie in flash instead (agent/README.md#parts)."
        ).format(heap=survey.heap)
