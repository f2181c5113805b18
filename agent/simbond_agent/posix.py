"""Linux gateways under MicroPython's unix port: the tty of a modem, and a board that the environment sets up."""

import os
import sys
import termios

_SPEED = (4, 5)  # ispeed and ospeed in the attributes; 6 is cc, whose indices are Linux's
_CC = 6
_VTIME = 5
_VMIN = 6


def open_tty(path, speed=115200):
    """The tty at path, opened raw. Reading returns what is there, which may be nothing (b"").

    The process must have a controlling terminal already, or not lead its session: else this terminal becomes it.
    Raises OSError, and ValueError for a speed that the system does not know.
    """
    rate = getattr(termios, "B" + str(speed), None)
    if rate is None:
        raise ValueError("no such speed: " + str(speed))
    stream = open(path, "r+b", buffering=0)  # noqa: SIM115 - the caller's
    fd = stream.fileno()
    termios.setraw(fd)
    attributes = termios.tcgetattr(fd)
    for i in _SPEED:
        attributes[i] = rate
    attributes[_CC][_VMIN] = 0
    attributes[_CC][_VTIME] = 0
    termios.tcsetattr(fd, termios.TCSANOW, attributes)
    return stream


class Gateway:
    """A board (see README.md) whose modem is the tty at path tty. ca: path of the CA's certificate in DER."""

    def __init__(self, tty, url, state_dir, scenario, ca=None, sim_poll_s=5, console=None):
        self._tty = tty
        self.url = url
        self.state_dir = state_dir
        self.scenario = scenario
        self.ca = ca
        self.sim_poll_s = sim_poll_s
        if console:
            self.console = console

    def at_stream(self):
        return open_tty(self._tty)


def from_environment():
    """The Gateway that SIMBOND_TTY, _URL, _STATE_DIR and _SCENARIO (a number) describe, and where set SIMBOND_CA,
    SIMBOND_SIM_POLL_S and SIMBOND_CONSOLE (not empty: the console is on standard input). Raises ValueError.
    """
    return Gateway(
        _variable("TTY"),
        _variable("URL"),
        _variable("STATE_DIR"),
        int(_variable("SCENARIO")),
        os.getenv("SIMBOND_CA"),
        float(os.getenv("SIMBOND_SIM_POLL_S") or 5),
        (lambda: sys.stdin.buffer) if os.getenv("SIMBOND_CONSOLE") else None,
    )


def _variable(name):
    value = os.getenv("SIMBOND_" + name)
    if not value:
        raise ValueError("set SIMBOND_" + name)
    return value
