"""Files that a power cut must not break, on littlefs, FAT and POSIX alike (docs/flash.md).

What a function here has done is on the medium when it returns. Each raises OSError.
"""

import os
from hashlib import sha256

_SEAL = 4


def seal(data):
    """data with 4 octets of its SHA-256 behind it, so that a torn or rotten file is found out."""
    return data + sha256(data).digest()[:_SEAL]


def unseal(octets):
    """The data that was sealed, or None when octets are not what seal made."""
    data = octets[:-_SEAL]
    return data if len(octets) > _SEAL and seal(data) == octets else None


def read(path):
    """The file's octets, or None when there is no such file."""
    return _unless(2, _read, path)


def write(path, data):
    """Writes data to a file, new or not. A power cut meanwhile leaves it torn, empty or as it was."""
    with open(path, "wb") as f:
        f.write(data)
        f.flush()  # on MicroPython this is fsync
        if hasattr(os, "fsync"):
            os.fsync(f.fileno())
    _settle(path)


def rename(old, new):
    """Gives a file a new name. A power cut on FAT may leave it as it was, but the file that was called so removed."""
    os.rename(old, new)
    _settle(new)


def remove(path):
    """Removes a file, there or not."""
    _unless(2, os.remove, path)
    _settle(path)


def names(directory):
    """What is in a directory, in any order; nothing when it is not there."""
    return _unless(2, os.listdir, directory) or []


def make_directory(path):
    """Makes a directory, unless it is there."""
    _unless(17, os.mkdir, path)
    _settle(path)


def create_private(path, data):
    """A new file, readable by its owner only where the system has owners; there whole or not at all."""
    temporary = path + ".new"
    write(temporary, b"")
    _restrict(temporary)
    write(temporary, data)
    rename(temporary, path)


def _read(path):
    with open(path, "rb") as f:
        return f.read()


def _unless(errno, function, path):
    """function(path), or None when it fails so: 2 is ENOENT, 17 EEXIST."""
    try:
        return function(path)
    except OSError as e:
        if e.args[0] != errno:
            raise


def _settle(path):
    # POSIX keeps a name apart from its file: it is safe when its directory is (fsync(2)).
    head, slash, _ = path.rpartition("/")
    directory = head or slash or "."
    if hasattr(os, "fsync"):
        fd = os.open(directory, 0)
        os.fsync(fd)
        os.close(fd)
        return
    try:
        f = open(directory, "rb")  # noqa: SIM115 - an error in opening is none, in flushing it is one
    except OSError:
        return  # littlefs and FAT open no directory: there a name is safe at once
    f.flush()
    f.close()


def _restrict(path):
    if hasattr(os, "chmod"):
        os.chmod(path, 0o600)
    elif hasattr(os, "system"):
        # MicroPython's unix port has no chmod(); bare metal has no system() either, nor owners.
        os.putenv("SIMBOND_PATH", path)
        if os.system('chmod 600 "$SIMBOND_PATH"'):  # noqa: S605 - the path goes by the environment
            raise OSError("cannot make " + path + " private")


class Slots:
    """A small record in two files written in turn: a power cut at any moment leaves the last complete one.

    record: the octets read at start and last written, None before the first write. torn: whether one of the files was
    not readable at start.
    """

    def __init__(self, path):
        self._paths = (path + ".a", path + ".b")
        self._sequence = 0
        self.record = None
        self.torn = False
        for p in self._paths:
            octets = read(p)
            data = unseal(octets) if octets is not None else None
            if octets is not None and data is None:
                self.torn = True
            elif data is not None:
                sequence = int.from_bytes(data[:4], "big")
                if sequence > self._sequence:
                    self._sequence = sequence
                    self.record = data[4:]

    def write(self, record):
        sequence = self._sequence + 1
        write(self._paths[sequence & 1], seal(sequence.to_bytes(4, "big") + record))
        # Not sooner: after a write that failed, the next one goes to the same file, not to the only good one.
        self._sequence = sequence
        self.record = record
