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
    """A board (see README.md) whose modem is the tty at path tty. more: what else the board shall have, by name."""

    def __init__(self, tty, url, state_dir, scenario, **more):
        self._tty = tty
        self.url = url
        self.state_dir = state_dir
        self.scenario = scenario
        for name in more:
            setattr(self, name, more[name])

    def at_stream(self):
        return open_tty(self._tty)


def from_environment():
    """The Gateway that SIMBOND_TTY, _URL, _STATE_DIR and _SCENARIO (a number) describe, and where they are set _CA,
    _SIM_POLL_S, _APN, _MQTT_USER, _MQTT_PASSWORD, _OWN_CA and _CONSOLE (not empty: on standard input).

    Raises ValueError.
    """
    more = {}
    for name in ("ca", "apn", "mqtt_user", "mqtt_password", "own_ca"):
        value = os.getenv("SIMBOND_" + name.upper())
        if value:
            more[name] = value
    if os.getenv("SIMBOND_SIM_POLL_S"):
        more["sim_poll_s"] = float(os.getenv("SIMBOND_SIM_POLL_S"))
    if os.getenv("SIMBOND_CONSOLE"):
        more["console"] = lambda: sys.stdin.buffer
    tty, url, state_dir, scenario = [_variable(name) for name in ("TTY", "URL", "STATE_DIR", "SCENARIO")]
    return Gateway(tty, url, state_dir, int(scenario), **more)


def _variable(name):
    value = os.getenv("SIMBOND_" + name)
    if not value:
        raise ValueError("set SIMBOND_" + name)
    return value
