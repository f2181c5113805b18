"""Seconds since the agent started."""

import time

try:
    from time import ticks_diff, ticks_ms
except ImportError:  # CPython

    def ticks_ms():
        return int(time.monotonic() * 1000)

    def ticks_diff(a, b):
        return a - b


class Uptime:
    """Counts on when the port's millisecond counter wraps, provided that it is asked once in 6 days."""

    def __init__(self):
        self._last = ticks_ms()
        self._ms = 0

    def seconds(self):
        now = ticks_ms()
        self._ms += ticks_diff(now, self._last)
        self._last = now
        return self._ms // 1000
