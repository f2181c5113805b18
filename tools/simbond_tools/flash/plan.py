"""What is to be done so that a board holds what it shall: pure, in steps that a cut may end at any place.

The board starts the agent by main.py. Before anything changes that file steps aside, and it is put in place as the last
thing: a board that was left in the middle starts nothing, and a plan that is made anew goes on from there. What is
there already is left alone, so a plan that was carried out leaves nothing to do.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

PART = ".part"
"""Ends the name of a file that is being written."""

ASIDE = ".aside"
"""Ends the name of main.py while the board holds a mix."""

ROM = "/rom"
"""Where MicroPython mounts its ROMFS partition; as the path of a file, the image there, which is written as a whole."""


@dataclass(frozen=True)
class Present:
    """A file on the board: its size in octets, and its SHA-256 in hex."""

    size: int
    digest: str

    @classmethod
    def of(cls, octets: bytes) -> "Present":
        return cls(len(octets), sha256(octets).hexdigest())


@dataclass(frozen=True)
class Write:
    path: str
    octets: bytes


@dataclass(frozen=True)
class Move:
    path: str
    to: str


@dataclass(frozen=True)
class Remove:
    path: str


@dataclass(frozen=True)
class RemoveFolder:
    path: str


@dataclass(frozen=True)
class MakeFolder:
    path: str


Step = Write | Move | Remove | RemoveFolder | MakeFolder


@dataclass(frozen=True)
class Wanted:
    """What a board shall hold. files: by absolute path, without main.py. main: its path. main_octets: None where the
    one that is there stays. own: the folder that holds nothing else than the agent; without files in it, it goes. rom:
    the image in the ROMFS partition; None where that one is left alone.
    """

    files: Mapping[str, bytes]
    main: str
    main_octets: bytes | None
    own: str
    rom: bytes | None = None

    def paths(self) -> Iterator[str]:
        """The files outside own that a plan has to know about."""
        for path in (*(path for path in self.files if not path.startswith(self.own + "/")), self.main):
            yield path
            yield path + PART
        yield self.main + ASIDE


class NoMainError(Exception):
    """There is no main.py, neither on the board nor among what it shall hold: nothing would start the agent."""


def steps(wanted: Wanted, present: Mapping[str, Present | None]) -> list[Step]:
    """What is to be done, in this order; nothing where the board holds it all.

    present: what is below wanted.own (None: a folder), those of wanted.paths() that are there, and as ROM, where
    wanted.rom is given, as many octets as that has. Raises NoMainError.
    """
    aside = wanted.main + ASIDE
    if wanted.main_octets is None and wanted.main not in present and aside not in present:
        raise NoMainError
    changes = [
        *_rom(wanted, present),
        *_removals(wanted, present),
        *_folders(wanted, present),
        *_writes(wanted, present),
    ]
    is_main_right = wanted.main in present and _is(present[wanted.main], wanted.main_octets)
    if is_main_right and not changes:
        return [Remove(aside)] if aside in present else []
    before: list[Step] = []
    held = present.get(aside)
    if wanted.main in present:
        before = [Move(wanted.main, aside)]
        held = present[wanted.main]
    if held is not None and _is(held, wanted.main_octets):
        return [*before, *changes, Move(aside, wanted.main)]
    assert wanted.main_octets is not None
    after: list[Step] = [Write(wanted.main, wanted.main_octets)]
    return [*before, *changes, *after, *([Remove(aside)] if held is not None else [])]


def given_first(wanted: Wanted, present: Mapping[str, Present | None]) -> list[Step]:
    """Puts wanted.files onto the board and nothing else; main.py stays aside when that changes anything."""
    writes = list(_writes(wanted, present))
    return [Move(wanted.main, wanted.main + ASIDE), *writes] if writes and wanted.main in present else writes


def room_needed(todo: list[Step], present: Mapping[str, Present | None], block: int) -> int:
    """Blocks that must be free for the steps to come to their end, folders counted as two blocks each (littlefs)."""
    now = most = 0
    sizes = {path: _blocks(file.size, block) for path, file in present.items() if file is not None}
    for step in todo:
        match step:
            case Write(path, octets) if path != ROM:
                now += _blocks(len(octets), block)
                most = max(most, now)
                now -= sizes.get(path, 0)
            case MakeFolder():
                now += 2
                most = max(most, now)
            case Remove(path):
                now -= sizes.get(path, 0)
    return most


def _rom(wanted: Wanted, present: Mapping[str, Present | None]) -> Iterator[Step]:
    if wanted.rom is not None and not _is(present.get(ROM), wanted.rom):
        yield Write(ROM, wanted.rom)


def _removals(wanted: Wanted, present: Mapping[str, Present | None]) -> Iterator[Step]:
    """What an older agent left, and what a cut left of a file."""
    kept = {*wanted.files, wanted.main, wanted.main + ASIDE, ROM}
    yield from (Remove(path) for path, file in sorted(present.items()) if file is not None and path not in kept)
    used = set(_ancestors(wanted))
    yield from (RemoveFolder(p) for p, f in sorted(present.items(), reverse=True) if f is None and p not in used)


def _folders(wanted: Wanted, present: Mapping[str, Present | None]) -> Iterator[Step]:
    lacking = sorted(set(_ancestors(wanted)) - present.keys())
    if wanted.own in lacking:
        yield MakeFolder(wanted.own.rpartition("/")[0])  # may be there
    yield from map(MakeFolder, lacking)


def _writes(wanted: Wanted, present: Mapping[str, Present | None]) -> Iterator[Step]:
    for path, octets in sorted(wanted.files.items()):
        if path not in present or not _is(present[path], octets):
            yield Write(path, octets)


def _ancestors(wanted: Wanted) -> Iterator[str]:
    """The folders of the agent, from its own on."""
    for path in wanted.files:
        folder = path.rpartition("/")[0]
        while folder.startswith(wanted.own):
            yield folder
            folder = folder.rpartition("/")[0]


def _is(file: Present | None, octets: bytes | None) -> bool:
    return octets is None or file == Present.of(octets)


def _blocks(size: int, block: int) -> int:
    return -(-size // block)
