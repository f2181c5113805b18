"""A device's medium as a model that loses power: what is left then under the rules of littlefs, FAT and POSIX.

The agent's files module runs on it unchanged. Whatever changes the medium is a step; cut_after(n) lets n of them
happen. What a cut leaves is one of survivors(): where the rules leave it open, there are several.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Self
from unittest.mock import patch

from simbond_agent import files


class PowerCut(BaseException):
    """Nothing catches it: the processor is off."""


@dataclass
class Tree:
    """Directories, and files: a name points to the number of a content."""

    directories: set[str] = field(default_factory=lambda: {"/"})
    names: dict[str, int] = field(default_factory=dict)
    contents: dict[int, bytes] = field(default_factory=dict)

    def make(self, directory: str) -> None:
        self.directories.add(directory)

    def link(self, path: str, number: int) -> None:
        self.names[path] = number
        self.contents.setdefault(number, b"")

    def unlink(self, path: str) -> None:
        del self.names[path]

    def rename(self, old: str, new: str) -> None:
        self.names[new] = self.names.pop(old)

    def fill(self, number: int, octets: bytes) -> None:
        self.contents[number] = octets

    def prune(self) -> None:
        """Forgets what has lost its directory or its name."""
        self.names = {path: number for path, number in self.names.items() if parent(path) in self.directories}
        self.contents = {number: self.contents[number] for number in self.names.values()}


Change = Callable[[Tree], None]


def parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


class Flash:
    """What the media have in common. Every step is on the medium at once; a kind of medium says what the steps are.

    tree: what a running system sees. counts: what was done so far, by "write", "rename", "remove" and "mkdir".
    full: whether it takes no octet more.
    """

    def __init__(self, tree: Tree | None = None) -> None:
        self.tree = tree or Tree()
        self.counts: Counter[str] = Counter()
        self.full = False
        self.os = SimpleNamespace(mkdir=self.mkdir, rename=self.rename, remove=self.remove, listdir=self.listdir)
        self._left: int | None = None
        self._off = False

    def cut_after(self, steps: int | None) -> None:
        self._left = steps

    def copy(self) -> Self:
        """What a running system sees, on another medium."""
        return type(self)(deepcopy(self.tree))

    def survivors(self) -> list[Self]:
        """The media that a cut now may leave, with the power back, each different."""
        trees: list[Tree] = []
        for tree in self.leaves():
            tree.prune()
            if tree not in trees:
                trees.append(tree)
        return [type(self)(tree) for tree in trees]

    def leaves(self) -> Iterator[Tree]:
        yield deepcopy(self.tree)

    @contextmanager
    def mounted(self) -> Iterator[None]:
        """The agent's files are on this medium."""
        with patch.object(files, "os", self.os), patch.object(files, "open", self.open, create=True):
            yield

    def tick(self) -> None:
        if self._off or self._left == 0:
            self._off = True  # for the finally clauses on the way up
            raise PowerCut
        if self._left is not None:
            self._left -= 1

    def step(self, owner: str | int, change: Change) -> None:
        """owner: the directory or content that is changed."""
        self.tick()
        change(self.tree)

    # What a program calls.

    def mkdir(self, path: str) -> None:
        if path in self.tree.directories:
            raise FileExistsError(17, path)
        self.counts["mkdir"] += 1
        self.step(parent(path), lambda tree: tree.make(path))

    def listdir(self, path: str) -> list[str]:
        if path not in self.tree.directories:
            raise FileNotFoundError(2, path)
        names = [name.rpartition("/")[2] for name in self.tree.names if parent(name) == path]
        return sorted(names, reverse=True)  # in no order that anybody may rely on

    def rename(self, old: str, new: str) -> None:
        self._must_exist(old)
        self.counts["rename"] += 1
        self.step(parent(new), lambda tree: tree.rename(old, new))

    def remove(self, path: str) -> None:
        self._must_exist(path)
        self.counts["remove"] += 1
        self.step(parent(path), lambda tree: tree.unlink(path))

    def open(self, path: str, mode: str) -> "File":
        if path in self.tree.directories:
            return self.open_directory(path)
        if mode == "rb":
            self._must_exist(path)
        elif parent(path) not in self.tree.directories:
            raise FileNotFoundError(2, path)
        else:
            self.counts["write"] += 1
            if path not in self.tree.names:
                number = max(self.tree.contents, default=0) + 1
                self.step(parent(path), lambda tree: tree.link(path, number))
            self.empty(self.tree.names[path])
        return File(self, self.tree.names[path])

    def _must_exist(self, path: str) -> None:
        if path not in self.tree.names:
            raise FileNotFoundError(2, path)

    # What the kinds of media do differently. number: of a content.

    def open_directory(self, path: str) -> "File":
        raise IsADirectoryError(21, path)

    def empty(self, number: int) -> None:
        """A file is opened for writing."""
        self.fill(number, b"")

    def store(self, number: int, octets: bytes) -> None:
        """What was written to a file goes to the medium."""
        self.fill(number, octets)

    def write(self, file: "File") -> None:
        pass

    def flush(self, file: "File") -> None:
        if file.buffer is not None:
            octets, file.buffer = file.buffer, None
            self.store(file.number, octets)

    def close(self, file: "File") -> None:
        Flash.flush(self, file)

    def fill(self, number: int, octets: bytes) -> None:
        if octets and self.full:
            raise OSError(28, "no space")
        self.step(number, lambda tree: tree.fill(number, octets))


class File:
    """An open file that is written in one go."""

    def __init__(self, flash: Flash, number: int) -> None:
        self.flash = flash
        self.number = number
        self.buffer: bytes | None = None

    def read(self) -> bytes:
        return self.flash.tree.contents[self.number]

    def write(self, octets: bytes) -> None:
        self.buffer = octets
        self.flash.write(self)

    def flush(self) -> None:
        self.flash.flush(self)

    def close(self) -> None:
        self.flash.close(self)

    def fileno(self) -> int:
        return self.number

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Littlefs(Flash):
    """littlefs: a name is there, with nothing in it, as soon as a new file is opened; octets are replaced as one when
    the file is synced or closed (lfs.h: lfs_file_sync); renaming, onto a file too, is one step.
    """

    def empty(self, number: int) -> None:
        pass


class Fat(Flash):
    """FAT: a file is emptied when it is opened; its length may be there before its octets are, and these come one by
    one; renaming onto a file removes that file first (MicroPython: extmod/vfs_fat.c, fat_vfs_rename).
    """

    def pieces(self, octets: bytes) -> range:
        return range(1, len(octets))

    def store(self, number: int, octets: bytes) -> None:
        self.fill(number, bytes(len(octets)))
        for end in self.pieces(octets):
            self.fill(number, octets[:end])
        self.fill(number, octets)

    def rename(self, old: str, new: str) -> None:
        if new in self.tree.names:
            self.remove(new)
        super().rename(old, new)


class CoarseFat(Fat):
    """The same in fewer steps."""

    def pieces(self, octets: bytes) -> range:
        return range(len(octets) // 2, len(octets), len(octets) or 1)


class Posix(Flash):
    """A POSIX system that keeps no more than it promises, under CPython: octets are safe after fsync() of their file,
    names after fsync() of their directory. Names of one directory become safe in their order, all else in any order.
    """

    def __init__(self, tree: Tree | None = None) -> None:
        super().__init__(tree)
        self.os.chmod = lambda path, mode: None
        self.os.fsync = self.fsync
        self.os.open = lambda path, flags: self.open_directory(path).number
        self.os.close = lambda number: None
        self._safe = deepcopy(self.tree)
        self._pending: dict[str | int, list[Change]] = {}
        self._directories: dict[int, str] = {}

    def leaves(self) -> Iterator[Tree]:
        for lengths in itertools.product(*(range(len(changes) + 1) for changes in self._pending.values())):
            tree = deepcopy(self._safe)
            for changes, length in zip(self._pending.values(), lengths, strict=True):
                for change in changes[:length]:
                    change(tree)
            yield tree

    def step(self, owner: str | int, change: Change) -> None:
        super().step(owner, change)
        self._pending.setdefault(owner, []).append(change)

    def fsync(self, number: int) -> None:
        self.tick()
        for change in self._pending.pop(self._directories.get(number, number), ()):
            change(self._safe)

    def open_directory(self, path: str) -> File:
        number = -1 - len(self._directories)
        self._directories[number] = path
        return File(self, number)

    def store(self, number: int, octets: bytes) -> None:
        half = len(octets) // 2
        for torn in (bytes(len(octets)), octets[:half] + bytes(len(octets) - half), octets[:half], octets):
            self.fill(number, torn)


class PosixMicroPython(Posix):
    """The same under MicroPython's unix port, where flush() is fsync(), of a directory opened as a file, too."""

    def __init__(self, tree: Tree | None = None) -> None:
        super().__init__(tree)
        for name in ("chmod", "fsync", "open", "close"):
            delattr(self.os, name)
        self.os.putenv = lambda name, value: None
        self.os.system = lambda command: 0

    def write(self, file: File) -> None:
        super().flush(file)

    def flush(self, file: File) -> None:
        self.fsync(file.number)

    def close(self, file: File) -> None:
        pass


MEDIA = (Littlefs, Fat, Posix, PosixMicroPython)
