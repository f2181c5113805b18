"""How long to wait after a failure: exponential, bounded, and jittered so that a fleet does not come back at once."""

import os

_FIRST_S = 2
_LAST_S = 900


class Backoff:
    """first_s: the first step, in seconds."""

    def __init__(self, first_s=_FIRST_S):
        self._s = first_s

    def reset(self):
        self._s = _FIRST_S

    def next(self, at_least=0):
        """Seconds to wait now, at_least (seconds) or more: half of the step, and at random up to all of it."""
        step = self._s
        self._s = min(2 * step, _LAST_S)
        return at_least + step * (255 + os.urandom(1)[0]) / 510
