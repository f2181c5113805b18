"""Carries a plan out on a board, step by step."""

from .board import Board
from .files import Files
from .job import Progress
from .plan import ROM, MakeFolder, Move, Remove, RemoveFolder, Step, Write
from .rom import Rom
from .survey import Unfit


class Writer:
    """written, removed: the paths that a job has changed. It outlives cuts, so they hold what was done before one."""

    def __init__(self, progress: Progress) -> None:
        self.written: set[str] = set()
        self.removed: set[str] = set()
        self._progress = progress

    def do(self, files: Files, step: Step) -> None:
        """Does a step other than writing the ROMFS partition. Raises BoardError, NotWritten, Full, Unplugged."""
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
        self.note(step)

    def do_all(self, board: Board, files: Files, todo: list[Step]) -> None:
        """Does a whole plan. Raises Unfit where the partition cannot be written, and what do() raises."""
        for step in todo:
            if isinstance(step, Write) and step.path == ROM:
                board.stop_program()  # what was imported, as by a look at the agent, may lie in what is erased now
                files = Files(board)
                self._write_rom(board, files, step.octets, first=todo[0])
                self.note(step)
            else:
                self.do(files, step)

    def note(self, step: Step) -> None:
        """A step is done, or would be where the job is dry."""
        if isinstance(step, Write):
            self.written.add(step.path)
        elif isinstance(step, Remove):
            self.removed.add(step.path)

    def _write_rom(self, board: Board, files: Files, image: bytes, first: Step) -> None:
        try:
            Rom(board).write(image, self._progress.written)
        except Unfit:  # nothing was erased: what ran may run again
            if isinstance(first, Move):
                files.move(first.to, first.path)
            raise
