"""Runs under MicroPython: the agent's stores on its real littlefs and FAT, on a medium in RAM.

    micropython flash_in_ram.py cuts|full|wear littlefs|fat

cuts: a life with a power cut at every operation on the medium. full: a medium that is. wear: erasures of blocks. Says
what it did in JSON, or fails an assertion.

The life runs once, and the medium keeps a journal of what was done to it; what a cut left is made from the journal.
"""

import json
import os
import sys

import vfs

from simbond_agent import files
from simbond_agent.keystore import Keystore
from simbond_agent.spool import Spool
from support.life import NOTHING, Device, drained, go_on, live

_BLOCK_COUNT = 4
_BLOCK_SIZE = 5
_BLOCK_ERASE = 6


class Board:
    """What a board's os module has of it: no owners, and no shell to ask for them."""

    mkdir = os.mkdir
    rename = os.rename
    remove = os.remove
    listdir = os.listdir


files.os = Board


class Medium:
    """A block device (MicroPython's extended block protocol). journal: a list for (where, octets) of all done."""

    def __init__(self, block_size, image, journal=None):
        self.block_size = block_size
        self.image = image
        self.journal = journal
        self.erasures = 0

    def readblocks(self, block, octets, offset=0):
        at = block * self.block_size + offset
        octets[:] = self.image[at : at + len(octets)]

    def writeblocks(self, block, octets, offset=0):
        self._do(block * self.block_size + offset, bytes(octets))

    def ioctl(self, operation, block):
        if operation == _BLOCK_COUNT:
            return len(self.image) // self.block_size
        if operation == _BLOCK_SIZE:
            return self.block_size
        if operation == _BLOCK_ERASE:
            self.erasures += 1
            self._do(block * self.block_size, b"\xff" * self.block_size)
        return 0

    def _do(self, at, octets):
        if self.journal is not None:
            self.journal.append((at, octets))
        self.image[at : at + len(octets)] = octets


class Littlefs:
    """On flash: any octet may be the last that was written or erased."""

    block_size = 4096
    make = vfs.VfsLfs2
    pieces = (0, 1, 2, 3)


class Fat:
    """On a card that writes a sector as a whole, or not."""

    block_size = 512
    make = vfs.VfsFat
    pieces = (0,)


def mounted(system, image, do, journal=None):
    """Does do(medium) with the image as the file system at /flash."""
    medium = Medium(system.block_size, image, journal)
    vfs.mount(system.make(medium), "/flash")
    try:
        do(medium)
    finally:
        vfs.umount("/flash")


def formatted(system):
    image = bytearray(256 * 1024)
    system.make.mkfs(Medium(system.block_size, image))
    return image


def peeker(system, image):
    """Finds out what is in the spool, on a copy of the image."""

    def peek():
        vfs.mount(system.make(Medium(system.block_size, bytearray(image))), "/copy")
        try:
            return drained("/copy/simbond")
        finally:
            vfs.umount("/copy")

    return peek


def cuts(system):
    """A life with a power cut at every operation on the medium."""
    start = formatted(system)
    image = bytearray(start)
    journal = []
    device = Device("/flash/simbond", peeker(system, image), tell=journal.append)
    mounted(system, image, lambda _: live(device), journal)
    facts = NOTHING
    count = 0
    for entry in journal:
        if isinstance(entry, dict):
            facts = entry
            continue
        at, octets = entry
        for piece in system.pieces:
            left = bytearray(start)
            end = len(octets) * piece // len(system.pieces)
            left[at : at + end] = octets[:end]
            mounted(system, left, lambda _: go_on(Device("/flash/simbond", peeker(system, left), facts)))  # noqa: B023
            count += 1
        start[at : at + len(octets)] = octets
    print(json.dumps({"cuts": count}))


def wear(system):
    """Erasures by 1000 times of each, on a medium that holds nothing else."""
    figures = {}

    def measure(medium):
        def count(what, do):
            before = medium.erasures
            for _ in range(1000):
                do()
            figures[what] = medium.erasures - before

        keystore = Keystore("/flash/simbond")
        keystore.acknowledge("89860012345678900001", "861234050000013")
        spool = Spool("/flash/simbond/spool")

        def spooled():
            spool.put(bytes(160))
            spool.drop()

        count("boot", lambda: Keystore("/flash/simbond"))
        count("spooled", spooled)

    mounted(system, formatted(system), measure)
    print(json.dumps(figures))


def full(system):
    """A thousand boots after somebody else's file and the spool have filled the medium."""

    def use(_):
        Keystore("/flash/simbond")
        spool = Spool("/flash/simbond/spool", 1000)
        with open("/flash/filler", "wb") as f:
            f.write(bytes(200 * 1024))
        refused = 0
        for _ in range(1000):
            try:
                spool.put(bytes(160))
            except OSError:
                refused += 1
        bootcounts = [Keystore("/flash/simbond").bootcount for _ in range(1000)]
        assert bootcounts == list(range(2, 1002)), bootcounts[:10]
        assert len(Spool("/flash/simbond/spool", 1000)) == len(spool)
        print(json.dumps({"refused": refused, "kept": len(spool)}))

    mounted(system, formatted(system), use)


{"cuts": cuts, "full": full, "wear": wear}[sys.argv[1]]({"littlefs": Littlefs, "fat": Fat}[sys.argv[2]])
