"""Which other program has a serial port, whether it locked it or not. Linux says, other systems lock by themselves."""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LOCK_FOLDERS = (Path("/var/lock"), Path("/run/lock"))
_PROC = Path("/proc")


@dataclass(frozen=True)
class Holder:
    """A program that has a port. pid and name as far as they may be read."""

    pid: int | None = None
    name: str = ""

    def __str__(self) -> str:
        number = f"{self.pid}" if self.pid else ""
        return f"{self.name} ({number})" if self.name and number else self.name or number


def holder_of(device: str) -> Holder | None:
    """Who else has device (a path). None: nobody, nobody that this user may know of, or not a Linux."""
    if not sys.platform.startswith("linux"):
        return None
    real = os.path.realpath(device)
    return _lock_file(device, real) or next(_openers(real), None)


def _lock_file(*devices: str) -> Holder | None:
    """UUCP lock files (FHS 3.0 section 5.9: LCK..<device>, holding a process number), unless that process is gone."""
    for folder in _LOCK_FOLDERS:
        for device in devices:
            try:
                text = (folder / f"LCK..{os.path.basename(device)}").read_bytes()
            except OSError:
                continue
            found = re.match(rb"\s*(\d{1,10})\b", text)
            pid = int(found[1]) if found else None
            if pid == os.getpid() or (pid is not None and not (_PROC / str(pid)).exists()):
                continue
            return Holder(pid, _name(pid) if pid else "")
    return None


def _openers(device: str) -> Iterator[Holder]:
    """Processes that have device open, but for this one and for whoever is the other end of a pseudo-terminal."""
    for folder in _PROC.glob("[0-9]*"):
        pid = int(folder.name)
        if pid == os.getpid():
            continue
        targets = _descriptors(folder / "fd")
        if device in targets.values() and not _is_other_end(folder, targets, device):
            yield Holder(pid, _name(pid))


def _descriptors(folder: Path) -> dict[str, str]:
    """What each descriptor of a process leads to; nothing where this user may not look."""
    found = {}
    try:
        for entry in os.scandir(folder):
            try:
                found[entry.name] = os.readlink(entry.path)
            except OSError:
                continue
    except OSError:
        return {}
    return found


def _is_other_end(process: Path, targets: dict[str, str], device: str) -> bool:
    """Whether a process has the master of the pseudo-terminal device: an emulator holds both ends."""
    if not device.startswith("/dev/pts/"):
        return False
    wanted = f"tty-index:\t{device.rpartition('/')[2]}\n"
    for number, target in targets.items():
        if target.endswith("/ptmx"):
            try:
                if wanted in (process / "fdinfo" / number).read_text():
                    return True
            except OSError:
                continue
    return False


def _name(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""
