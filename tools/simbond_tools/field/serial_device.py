"""Whether a path leads to a serial port, found out without opening it: that moves the lines of one that is in use."""

import os
import stat
import sys
from pathlib import Path

_SYS = Path("/sys/dev/char")
_PSEUDO_TERMINALS = range(136, 144)  # major numbers that /sys lists none of (Linux admin-guide/devices.txt)


def may_be_serial(device: str) -> bool:
    """False where there is something else; True also where the system does not say. Raises OSError, ValueError."""
    if sys.platform == "win32":
        return True
    status = os.stat(device)
    if not stat.S_ISCHR(status.st_mode):
        return False
    major, minor = os.major(status.st_rdev), os.minor(status.st_rdev)
    try:
        return major in _PSEUDO_TERMINALS or os.readlink(_SYS / f"{major}:{minor}" / "subsystem").endswith("/tty")
    except OSError:
        return True
