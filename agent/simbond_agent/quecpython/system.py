"""os: QuecPython's uos, but for its random numbers."""

from uos import *  # noqa: F403

from .entropy import urandom  # noqa: F401
