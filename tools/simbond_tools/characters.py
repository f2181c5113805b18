"""Which characters standard output has."""

import functools
import sys


def can_print(text: str) -> bool:
    """Whether standard output has all of these characters."""
    # rich puts something without an encoding there while it draws bars.
    encoding = getattr(sys.stdout, "encoding", None) or getattr(sys.__stdout__, "encoding", None)
    return _has(encoding or "utf-8", text)


@functools.cache
def _has(encoding: str, text: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
