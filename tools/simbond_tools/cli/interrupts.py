"""Ctrl-C, which Python forgets where it comes at a bad moment."""

import _thread
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

_SOON_S = 0.01


@contextmanager
def none_lost() -> Iterator[None]:
    """Has an interrupt that comes while Python finalises an object come once more. Python can only print it there, and
    goes on: whoever pressed Ctrl-C would have to press it again. For the main thread."""
    report = sys.unraisablehook

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        if unraisable.exc_type is KeyboardInterrupt:
            # Not from here: this belongs to the finaliser, too.
            threading.Timer(_SOON_S, again).start()
        else:
            report(unraisable)

    if hasattr(signal, "pthread_kill"):  # which ends a system call, too
        again = partial(signal.pthread_kill, threading.main_thread().ident or 0, signal.SIGINT)
    else:  # Windows
        again = partial(_thread.interrupt_main)
    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = report
