"""Mounts the file system of a ReplBoard at the root, as a board's firmware does; the host's devices stay below /dev."""

import os
import sys

import machine
import vfs

_BLOCK = 4096


class Medium:
    """A block device in a file: what was written is there after a kill."""

    def __init__(self, path, count):
        self._count = count
        try:
            os.stat(path)
            self.blank = False
        except OSError:
            self.blank = True
            with open(path, "wb") as f:
                for _ in range(count):
                    f.write(b"\xff" * _BLOCK)
        self._file = open(path, "r+b")  # noqa: SIM115 - open as long as the board runs

    def readblocks(self, block, buffer, offset=0):
        self._file.seek(block * _BLOCK + offset)
        self._file.readinto(buffer)

    def writeblocks(self, block, buffer, offset=None):
        self._file.seek(block * _BLOCK + (offset or 0))
        self._file.write(buffer)
        self._file.flush()

    def ioctl(self, what, value):
        if what == 4:
            return self._count
        if what == 5:
            return _BLOCK
        return 0


def root():
    """The file system that SIMBOND_FLASH_KIND and _BLOCKS describe, in the file SIMBOND_FLASH."""
    medium = Medium(os.getenv("SIMBOND_FLASH"), int(os.getenv("SIMBOND_FLASH_BLOCKS")))
    kind = vfs.VfsLfs2 if os.getenv("SIMBOND_FLASH_KIND") == "littlefs" else vfs.VfsFat
    if medium.blank:
        kind.mkfs(medium)
    return kind(medium)


def mount():
    machine.reset = _reset
    mounted = root()
    devices = vfs.VfsPosix("/dev")
    vfs.umount("/")
    vfs.mount(mounted, "/")
    vfs.mount(devices, "/dev")
    os.chdir("/")


def show(path=""):
    """Prints every file below path with its octets: how a test looks at a board without power."""
    for entry in os.ilistdir(path or "/"):
        name = path + "/" + entry[0]
        if entry[1] & 0x4000:
            if name != "/dev":
                show(name)
        else:
            with open(name, "rb") as f:
                print(repr((name, f.read())))


def put(path, octets):
    parts = path.split("/")
    for n in range(2, len(parts)):
        if parts[n - 1] not in os.listdir("/".join(parts[: n - 1]) or "/"):
            os.mkdir("/".join(parts[:n]))
    with open(path, "wb") as f:
        f.write(octets)


def _reset():
    sys.exit(70)
