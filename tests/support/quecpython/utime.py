"""utime. https://python.quectel.com/doc/quecpython/API_reference/zh/stdlib/utime.html

The counter of milliseconds starts anew after 0x3FFFFFFF; here that is three seconds after the start.
"""

import time as _time
from time import localtime, mktime, sleep, sleep_ms, sleep_us  # noqa: F401

_PERIOD = 0x40000000
_started = _time.ticks_ms()


def time():
    return ticks_ms() // 1000


def ticks_ms():
    return (_time.ticks_diff(_time.ticks_ms(), _started) - 3000) % _PERIOD


def ticks_diff(ticks1, ticks2):
    return (ticks1 - ticks2 + _PERIOD // 2) % _PERIOD - _PERIOD // 2
