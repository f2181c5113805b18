"""The ROMFS partition of a ReplBoard: vfs.rom_ioctl over NOR flash in a file, mounted at a start as firmware does."""

import os
import sys

import vfs

_BLOCK = 4096
_LEAST = 16  # octets of a write, as on STM32
_EINVAL = -22


class _Memory:
    """A partition that is memory, and is written by rom_ioctl, or, fixed, not at all, as on QEMU's boards."""

    def __init__(self, path, size, is_fixed):
        self._is_fixed = is_fixed
        self.memory = bytearray(size)
        self._nor = _Nor(path, self.memory)

    def rom_ioctl(self, what, number=0, *more):
        if what == 1:
            return 1
        if number:
            return _EINVAL
        if what == 2:
            return memoryview(self.memory)
        if self._is_fixed and what > 2:
            return _EINVAL
        if what == 3:
            self._nor.erase(0, more[-1])
            return _LEAST
        if what == 4 and not more[0] % _LEAST and not len(more[1]) % _LEAST:
            self._nor.write(*more)
            return 0
        return _EINVAL


class _Blocks(bytearray):
    """A partition that is a block device, and can be read as memory, as on the ESP32."""

    def rom_ioctl(self, what, number=0):
        return {1: 1, 2: self}.get(what, _EINVAL)

    def ioctl(self, what, value):
        if what == 6:
            self.nor.erase(value * _BLOCK, _BLOCK)
        return {4: len(self) // _BLOCK, 5: _BLOCK}.get(what, 0)

    def writeblocks(self, block, octets, offset):
        self.nor.write(block * _BLOCK + offset, octets)


class _Nor:
    """Flash in a file and in memory: erased it is 0xff, and a write only clears bits."""

    def __init__(self, path, memory):
        self._memory = memory
        try:
            self._file = open(path, "r+b")  # noqa: SIM115 - open as long as the board runs
        except OSError:
            self._file = open(path, "w+b")  # noqa: SIM115
            self._put(0, b"\xff" * len(memory))
        self._file.seek(0)
        self._file.readinto(memory)

    def erase(self, start, size):
        self._put(start, b"\xff" * ((size + _BLOCK - 1) // _BLOCK * _BLOCK))

    def write(self, start, octets):
        self._put(start, bytes(old & new for old, new in zip(self._memory[start:], octets)))  # noqa: B905 - MicroPython knows none

    def _put(self, start, octets):
        if start + len(octets) > len(self._memory):
            raise ValueError("beyond the partition")
        self._memory[start : start + len(octets)] = octets
        self._file.seek(start)
        self._file.write(octets)
        self._file.flush()


class _Vfs:
    """The module vfs of firmware with such a partition."""


def mount():
    """Gives vfs the rom_ioctl that SIMBOND_ROM_PARTITION describes (kind, size, path), and mounts what it holds.

    Returns where modules are looked for because of that.
    """
    if not os.getenv("SIMBOND_ROM_PARTITION"):
        return []
    kind, size, path = os.getenv("SIMBOND_ROM_PARTITION").split(",", 2)
    size = int(size)
    if kind == "blocks":
        partition = _Blocks(size)
        partition.nor = _Nor(path, partition)
    else:
        partition = _Memory(path, size, kind == "fixed")
    stand_in = sys.modules["vfs"] = _Vfs()
    for name in dir(vfs):
        if name[:2] != "__":
            setattr(stand_in, name, getattr(vfs, name))
    stand_in.rom_ioctl = partition.rom_ioctl
    try:
        vfs.mount(vfs.VfsRom(partition.rom_ioctl(2, 0)), "/rom")
    except OSError:
        return []
    return ["/rom", "/rom/lib"]
