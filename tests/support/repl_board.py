"""A board to flash: MicroPython's unix port behind a PTY, with a file system of its own, a reset and a cable to pull.

It behaves as MicroPython's ports for microcontrollers do where a host can tell: main.py runs at a start, Ctrl-C stops
it, Ctrl-D restarts (in the raw REPL without main.py), machine.reset() does as well, and no rename on FAT
replaces a file.
"""

import ast
import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import threading
import tty
from pathlib import Path
from typing import Self

from simbond_tools.micropython import find

HARD_RESET = 70
"""Exit code of the interpreter when machine.reset() was called."""

_ON = b"\1\0\0\0"
_FLUSHED_INPUT = 1
"""TIOCPKT_FLUSHREAD of ioctl_tty(2): in packet mode an octet in front says what else the other side does."""

_BOARDS = Path(__file__).parent / "boards"
_BOOT = f"""\
import sys, vfs
sys.path.insert(0, {str(_BOARDS)!r})
import machine  # the stand-in there; a module that imports it first would get the built-in one
import repl_start
import rom_partition
_rom = rom_partition.mount()
repl_start.mount()
sys.path[:] = ["", ".frozen"] + _rom + ["/lib"]
"""
_MAIN = """\
try:
    with open("main.py") as f:
        _main = f.read()
except OSError:
    pass
else:
    try:
        exec(_main)
    except BaseException as e:
        sys.print_exception(e)
"""


class ReplBoard:
    """One board, from start() to stop(), best by `with`. Without power its files are as a cut left them.

    port: a path that stays the same whenever the cable is plugged in. kind: of file system, "littlefs" or "fat", on a
    medium of `blocks` blocks of 4096 octets. tty: the modem's port, for machine.UART. frozen: MicroPython source to run
    before anything else, as a firmware's own. rom: kind of the ROMFS partition, "memory", "blocks" or "fixed"; "" for
    none; its image is in the file rom_image.
    """

    def __init__(
        self,
        folder: Path,
        *,
        kind: str = "littlefs",
        blocks: int = 64,
        tty: str = "",
        heap: str = "128wk",
        frozen: str = "",
        rom: str = "",
        rom_size: int = 16 * 4096,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = str(folder / "port")
        self._command = [sys.executable, "-m", __name__, find(), "-X", f"heapsize={heap}"]
        self._frozen = frozen
        self.rom_image = folder / "rom"
        tools = folder / "bin"
        tools.mkdir(exist_ok=True)
        if not (tools / "chmod").exists():  # the unix port's agent calls it; a board's files have no owners
            (tools / "chmod").symlink_to("/bin/true")
        self._environment = {
            **os.environ,
            "PATH": str(tools),
            "PYTHONPATH": os.pathsep.join(sys.path),
            "SIMBOND_FLASH": str(folder / "medium"),
            "SIMBOND_FLASH_KIND": kind,
            "SIMBOND_FLASH_BLOCKS": str(blocks),
            "SIMBOND_ROM_PARTITION": f"{rom},{rom_size},{self.rom_image}" if rom else "",
            "SIMBOND_TTY": tty,
            "SIMBOND_PORT": "esp32",
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._cable: int | None = None
        self._inside: int | None = None
        self._wake_read, self._wake_write = os.pipe()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._raw = False
        self._left: int | None = None
        self._powered = False
        self.unplugged = threading.Event()
        self.starts = 0
        self._said = b""
        self._held = b""  # what no host has heard yet
        self._has_said = threading.Condition()

    def start(self) -> Self:
        """Power, and the cable in."""
        self._stopping = False
        self._said = self._held = b""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._plug()
        self._boot()
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopping = True
        os.write(self._wake_write, b"x")
        if self._thread:
            self._thread.join()
            self._thread = None
        self._unplug(power=False)

    def until_it_says(self, words: bytes, timeout_s: float = 60) -> None:
        """Waits until the board has said them since its power came; a host that opens the port later hears it all."""
        with self._has_said:
            assert self._has_said.wait_for(lambda: words in self._said, timeout_s), f"no {words!r} in {self._said!r}"

    def cut_after(self, octets: int, *, power: bool) -> None:
        """Pulls the cable when the host has sent so many octets more. power: whether the board has its own."""
        self.unplugged.clear()
        self._powered = power
        self._left = octets

    def plug(self) -> None:
        """The cable in again, and the power on."""
        self.stop()
        self.start()

    def files(self) -> dict[str, bytes]:
        """What is on the medium, by path: only without power."""
        shown = self._without_power("repl_start.show()\n")
        return dict(ast.literal_eval(line) for line in shown.splitlines())

    def put(self, files: dict[str, bytes]) -> None:
        """Writes files onto the medium, with the folders that they take: only without power."""
        self._without_power("".join(f"repl_start.put({path!r}, {octets!r})\n" for path, octets in files.items()))

    def _without_power(self, code: str) -> str:
        assert self._process is None
        run = [find(), "-X", "heapsize=4m", "-c", _BOOT + code]
        return subprocess.run(run, env=self._environment, capture_output=True, check=True, text=True).stdout

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _plug(self) -> None:
        self._left = None
        self._host_listens = False
        self._cable, outside = pty.openpty()
        fcntl.ioctl(self._cable, termios.TIOCPKT, _ON)
        tty.setraw(outside)
        Path(self.port).unlink(missing_ok=True)
        os.symlink(os.ttyname(outside), self.port)
        os.close(outside)

    def _unplug(self, *, power: bool) -> None:
        if self._cable is not None:
            os.close(self._cable)
            self._cable = None
            Path(self.port).unlink(missing_ok=True)
        if not power and self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
        if not power and self._inside is not None:
            os.close(self._inside)
            self._inside = None
        self.unplugged.set()

    def _boot(self) -> None:
        """Starts the interpreter; in the raw REPL main.py is left out."""
        self._inside, slave = pty.openpty()
        attributes = termios.tcgetattr(slave)
        attributes[0] &= ~(termios.ICRNL | termios.IXON)
        attributes[1] &= ~termios.OPOST
        attributes[3] &= ~(termios.ECHO | termios.ICANON)  # but for Ctrl-C a board reads octets as they are
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        code = self._frozen + _BOOT + ("" if self._raw else _MAIN)
        self._process = subprocess.Popen(
            [*self._command, "-i", "-c", code],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=self._environment,
            start_new_session=True,
        )
        os.close(slave)
        if self._raw:
            os.write(self._inside, b"\x01")
        self.starts += 1

    def _run(self) -> None:
        while not self._stopping:
            ends = [end for end in (self._cable, self._inside) if end is not None]
            ready = select.select([*ends, self._wake_read], [], [])[0]
            if self._wake_read in ready:
                os.read(self._wake_read, 1)
            if self._cable in ready:
                self._from_host()
            if self._inside is not None and self._inside in ready:
                self._from_board()

    def _from_host(self) -> None:
        assert self._cable is not None
        try:
            packet = os.read(self._cable, 257)
        except OSError:  # nobody has the port open
            self._host_listens = False
            select.select([self._wake_read], [], [], 0.01)
            return
        if packet[0] & _FLUSHED_INPUT:  # what a host does that opens a port: from now on it wants to hear
            self._host_listens = True
            self._to_host(b"")
        octets = packet[1:]
        cut = self._left is not None and len(octets) >= self._left
        octets = octets[: self._left] if self._left is not None else octets
        if self._left is not None:
            self._left -= len(octets)
        for octet in octets:
            if octet in (1, 2):
                self._raw = octet == 1
        if self._inside is not None and octets:
            os.write(self._inside, octets)
        if cut:
            self._left = None
            self._raw = False
            self._unplug(power=self._powered)

    def _from_board(self) -> None:
        assert self._inside is not None
        try:
            octets = os.read(self._inside, 4096)
        except OSError:
            self._restart()
            return
        self._to_host(octets)

    def _to_host(self, octets: bytes) -> None:
        with self._has_said:
            self._said += octets
            self._has_said.notify_all()
        self._held = self._held + octets if self._cable is not None else b""
        if self._cable is not None and self._host_listens:
            os.write(self._cable, self._held)
            self._held = b""

    def _restart(self) -> None:
        assert self._process is not None
        assert self._inside is not None
        code = self._process.wait()
        os.close(self._inside)
        if code == HARD_RESET:
            self._raw = False
        else:
            self._to_host(b"MPY: soft reboot\r\n")
        self._boot()


def _main(command: list[str]) -> None:
    """Runs the interpreter with standard input as its controlling terminal, so that Ctrl-C reaches it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.execv(command[0], command)


if __name__ == "__main__":
    _main(sys.argv[1:])
