"""Shells as people have them: interactive, in a terminal, set up by the files in their home."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

_ROWS, _COLUMNS = 40, 120

# Only so that a test knows a prompt when it sees one.
_PROMPTS = {
    "bash": (".bashrc", "PS1='ready> '\n"),
    "zsh": (".zshrc", "PROMPT='ready> '\n"),
    "fish": (".config/fish/config.fish", "function fish_prompt; echo -n 'ready> '; end; set fish_greeting\n"),
}


class Shell:
    """An interactive shell, from `with` to its end. home: where its files are, to which that of its prompt is added.

    lines: what somebody put into files there, by their names as documents have them ("~/.zshrc").
    """

    def __init__(self, path: str, home: Path, lines: Mapping[str, str], environment: Mapping[str, str]) -> None:
        name, prompt = _PROMPTS[Path(path).name]
        for file, text in ({f"~/{name}": ""} | dict(lines)).items():
            place = home / file.removeprefix("~/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text((prompt if file == f"~/{name}" else "") + text + "\n")
        self._screen = pyte.Screen(_COLUMNS, _ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            [path, "-i"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=home,
            env={**environment, "HOME": str(home), "TERM": "xterm-256color"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def __enter__(self) -> Self:
        self.until("ready>")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip("\n")

    def clear(self) -> None:
        """An empty line on an empty screen."""
        self.press("\x15\x0c")

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def until(self, *texts: str, timeout_s: float = 60) -> str:
        """The screen, as soon as all of these stand on it."""
        deadline = time.monotonic() + timeout_s
        while not all(text in self.text for text in texts):
            left = deadline - time.monotonic()
            assert left > 0, f"no {texts} within {timeout_s} s:\n{self.text}"
            if select.select([self._master], [], [], left)[0]:
                self._stream.feed(os.read(self._master, 65536))
        return self.text
