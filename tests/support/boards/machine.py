"""What the examples use of MicroPython's machine module, on the emulator's PTY (SIMBOND_TTY).

Arguments and limits are those of https://docs.micropython.org/en/v1.25.0/library/machine.html for the port that
SIMBOND_PORT names: esp32 or rp2.
"""

import _thread
import json
import os
import time

import micropython

_RP2 = os.getenv("SIMBOND_PORT") == "rp2"
_HERE = __file__.rsplit("/", 1)[0]

# A board reads a UART as Linux reads a tty.
with open(_HERE + "/../../../agent/simbond_agent/posix.py") as _f:
    exec(_f.read())


def _event(name, **fields):
    fields["event"] = name
    print(json.dumps(fields))


class Pin:
    IN, OUT = 0, 1

    def __init__(self, id, mode=-1, pull=-1, *, value=None):
        self.id = id
        self._value = value

    def on(self):
        self._high_since = time.ticks_ms()

    def off(self):
        _event("pulse", pin=self.id, ms=time.ticks_diff(time.ticks_ms(), self._high_since))


def UART(id, baudrate=9600, bits=8, parity=None, stop=1, *, tx=None, rx=None, rxbuf=256):
    if _RP2 and not (isinstance(tx, Pin) and isinstance(rx, Pin)):
        raise TypeError("on RP2 tx and rx are Pin objects")
    return open_tty(os.getenv("SIMBOND_TTY"), baudrate)  # noqa: F821


class WDT:
    def __init__(self, id=0, timeout=5000):
        if _RP2 and timeout > 8388:
            raise ValueError("timeout exceeds 8388")
        self._fed = False

    def feed(self):
        if not self._fed:
            self._fed = True
            _event("fed")


class Timer:
    ONE_SHOT = 0

    def __init__(self, id=-1):
        if id != -1:
            raise ValueError("timers are virtual")

    def init(self, *, mode, period, callback):
        assert mode == self.ONE_SHOT
        _thread.start_new_thread(self._run, (period, callback))

    def _run(self, period, callback):
        time.sleep_ms(period)
        micropython.schedule(callback, self)  # on the main thread, as on a board: two that print would mix their lines


class RTC:
    def datetime(self, when=None):
        if when is not None:
            _event("clock", set_to=when)
