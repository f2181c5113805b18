"""What a person sees: a command in a real terminal of 80 columns, and the screens that the documents show.

    with Terminal("doctor", "--port", port, lang="zh", env=...) as terminal:
        terminal.until("...")          # where it asks, or goes on
        terminal.press("y\\r")
        assert terminal.end() == 0     # its exit status
    kept("doctor-no-sim", terminal)    # is docs/screens/doctor-no-sim.zh.txt as it was drawn now?

`SIMBOND_SCREENS=update pytest ...` writes the kept screens instead of comparing them; look at them before you commit.
What differs from run to run is made the same (`settled`), by this rule and by nothing else: dates and times of day
become 2026-11-01 12:00:00Z, durations 0.0 s, and what the test names in `replace` becomes what it says. Identities are
invented, so they stay.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte
import pytest

from .server import SIMBOND

COLUMNS = 80
_ROWS = 120
_MARGIN = 120  # the terminal that is looked at is wider than the one that is stated: what is too long shows
SCREENS = Path(__file__).parents[2] / "docs" / "screens"
_UPDATE = os.environ.get("SIMBOND_SCREENS") == "update"


class Terminal:
    """`simbond ARGUMENTS` as a foreground process of a terminal of its own, 80 columns wide.

    lang: "en" or "zh", by the locale, as a person has it. env: more variables; no SIMBOND_ variable is inherited.
    """

    def __init__(
        self, *arguments: str, lang: str = "en", env: Mapping[str, str] | None = None, rows: int = _ROWS
    ) -> None:
        self.lang = lang
        self.command = " ".join(("simbond", *arguments))
        self._screen = pyte.Screen(COLUMNS + _MARGIN, rows)
        self._stream = pyte.ByteStream(self._screen)
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SIMBOND_", "LC_")) and name not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
        }
        locale = {"LANG": "zh_CN.UTF-8" if lang == "zh" else "en_US.UTF-8", "TERM": "xterm-256color"}
        locale["PYTHONFAULTHANDLER"] = "1"  # see _aborted
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            [*SIMBOND, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=inherited | locale | dict(env or {}),
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._master)

    @property
    def text(self) -> str:
        """The screen now: lines without blanks at their end, nor empty ones at the end. Fails where one is too long."""
        lines = [line.rstrip() for line in self._screen.display]
        too_long = [line for row, line in enumerate(lines) if self._width(row) > COLUMNS]
        assert not too_long, "wider than 80 columns:\n" + "\n".join(too_long)
        return "\n".join(lines).rstrip("\n")

    @property
    def cells(self) -> list[list[pyte.screens.Char]]:
        """The screen with its colours."""
        rows = range(self._screen.lines)
        return [[self._screen.buffer[row][column] for column in range(COLUMNS)] for row in rows]

    def until(self, text: str, timeout_s: float = 60) -> str:
        """The screen, as soon as text stands on it."""
        deadline = time.monotonic() + timeout_s
        while text not in self.text:
            left = deadline - time.monotonic()
            assert left > 0, f"no {text!r} within {timeout_s} s:\n{self.text}"
            assert self._read(left), f"ended without {text!r}:\n{self.text}"
        return self.text

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.press("\x03")

    def end(self, timeout_s: float = 120) -> int:
        """The exit status, once it has ended by itself."""
        deadline = time.monotonic() + timeout_s
        while self._read(max(0.0, deadline - time.monotonic())):
            assert time.monotonic() < deadline, f"goes on after {timeout_s} s:\n{self._aborted()}"
        return self._process.wait(max(0.1, deadline - time.monotonic()))

    def _aborted(self) -> str:
        """The screen, and below it where the command was when it was killed for this, by its own traceback."""
        self._process.send_signal(signal.SIGABRT)
        while self._read(60):
            pass
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    def _read(self, timeout_s: float) -> bool:
        """Takes what has come. False once nobody writes any more."""
        ready, _, _ = select.select([self._master], [], [], timeout_s)
        if not ready:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:  # on Linux: the last process has closed its side
            return False
        self._stream.feed(data)
        return bool(data)

    def _width(self, row: int) -> int:
        """Columns that a row takes; the second half of a wide character is a cell of its own."""
        cells = self._screen.buffer[row]
        return max((column + 1 for column, cell in cells.items() if cell.data.strip() or cell.data == ""), default=0)


def run(*arguments: str, lang: str = "en", env: Mapping[str, str] | None = None) -> tuple[int, Terminal]:
    """A command that asks nothing, from start to end: its exit status, and what stands there then."""
    with Terminal(*arguments, lang=lang, env=env) as terminal:
        return terminal.end(), terminal


def settled(text: str, replace: Mapping[str, str] | None = None) -> str:
    """text with what differs from run to run made the same; see above."""
    for old, new in (replace or {}).items():
        text = text.replace(old, new)
    text = re.sub(r"\d{4}-\d\d-\d\d([ T])\d\d:\d\d(:\d\d)?", r"2026-11-01\g<1>12:00:00", text)
    text = re.sub(r"\b\d{4}-\d\d-\d\d\b", "2026-11-01", text)
    return re.sub(r"\b\d+(\.\d+)? s\b", "0.0 s", text)


def kept(name: str, terminal: Terminal, replace: Mapping[str, str] | None = None) -> None:
    """Compares a screen with docs/screens/NAME.LANG.txt, or writes that."""
    drawn = settled(f"$ {terminal.command}\n{terminal.text}\n", replace)
    path = SCREENS / f"{name}.{terminal.lang}.txt"
    if _UPDATE:
        SCREENS.mkdir(exist_ok=True)
        path.write_text(drawn, "utf-8")
    known = path.read_text("utf-8") if path.exists() else ""
    if drawn != known:
        pytest.fail(
            f"{path.relative_to(SCREENS.parents[1])} is not what is drawn (SIMBOND_SCREENS=update writes it):\n{drawn}",
            pytrace=False,
        )
