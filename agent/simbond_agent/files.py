"""Files that a power cut must not break, on littlefs, FAT and POSIX alike."""

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
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError as e:
        if e.errno == 2:  # ENOENT
            return None
        raise


def write(path, data):
    """Writes data and returns when it is on the medium. A power cut meanwhile leaves the file torn."""
    with open(path, "wb") as f:
        f.write(data)
        f.flush()  # on MicroPython this is fsync
        if hasattr(os, "fsync"):
            os.fsync(f.fileno())


def create_private(path, data):
    """A new file, readable by its owner only where the system has owners; there whole or not at all."""
    temporary = path + ".new"
    write(temporary, b"")
    _restrict(temporary)
    write(temporary, data)
    os.rename(temporary, path)


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
        self._sequence += 1
        write(self._paths[self._sequence & 1], seal(self._sequence.to_bytes(4, "big") + record))
        self.record = record
