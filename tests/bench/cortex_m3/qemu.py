"""Runs a MicroPython program on the Cortex-M3 that .ci/cortex-m3 builds the firmware for."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from simbond_tools import romfs
from simbond_tools.build import build_agent
from simbond_tools.micropython import find_cross_compiler

_QEMU = "qemu-system-arm"
_FIRMWARE = Path(os.environ.get("SIMBOND_CORTEX_M3", "build/cortex-m3/firmware.elf"))
_PROGRAMS = Path(__file__).parent / "device"
_ROM_AT = 0x21000000  # the board's PSRAM; the firmware uses none of it
_TIMEOUT_S = 120
# MicroPython's raw REPL: it answers OK, what the program prints, an end mark, what it raises, an end mark.
_ENTER, _END = b"\x01", b"\x04"
_MAIN = """
import sys, uctypes, vfs
vfs.mount(vfs.VfsRom(uctypes.bytearray_at({at}, {size})), "/rom")
sys.path.insert(0, "/rom")
from {program} import main
main({arguments})
"""


def lacking() -> str | None:
    """What keeps it from running here, as a sentence; None when nothing does."""
    if shutil.which(_QEMU) and _FIRMWARE.is_file():
        return None
    return f"no {_QEMU}, or no {_FIRMWARE}: run .ci/cortex-m3 build/cortex-m3"


class Board:
    """The board with the agent in its flash. parts, plain, and what it raises: as build_agent's."""

    def __init__(self, parts: list[str], *, plain: bool = False) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        build_agent(folder, parts, plain=plain)
        for source in _PROGRAMS.glob("*.py"):
            target = folder / "rom" / source.with_suffix(".mpy").name
            subprocess.run([find_cross_compiler(), "-O3", "-s", source.name, "-o", target, source], check=True)
        self._rom = folder / "rom.image"
        self._rom.write_bytes(romfs.image(folder / "rom"))

    def run(self, program: str, *arguments: int, modem: str | None = None) -> dict[str, Any] | None:
        """What main(*arguments) of a program in device/ prints, from JSON; None when it ran out of heap.

        modem: the terminal that the board's second UART is wired to. Raises RuntimeError with what the program raised.
        """
        code = _MAIN.format(
            at=_ROM_AT, size=self._rom.stat().st_size, program=program, arguments=", ".join(map(str, arguments))
        )
        command = [_QEMU, "-machine", "mps2-an385", "-display", "none", "-monitor", "none", "-semihosting"]
        command += ["-icount", "shift=4"]  # 16 ns an instruction, as firmware/board.c counts them
        command += ["-kernel", str(_FIRMWARE), "-serial", "stdio"]
        command += ["-device", f"loader,file={self._rom},addr={_ROM_AT},force-raw=on"]
        command += ["-serial", "chardev:modem", "-chardev", f"serial,id=modem,path={modem}"] if modem else []
        said = _converse(command, _ENTER + code.encode() + _END + b"import machine\nmachine.reset()\n" + _END)
        printed, raised = said.partition(b">OK")[2].split(_END)[:2]
        if b"MemoryError" in printed + raised or b"memory alloc" in raised:  # cut short when there is none
            return None
        try:
            figures: dict[str, Any] = json.loads(printed)
        except ValueError:
            raise RuntimeError(f"{program} on the Cortex-M3: {(printed + raised).decode()}") from None
        return figures


def _converse(command: list[str], text: bytes) -> bytes:
    """What the board has said when it resets itself, which ends QEMU."""
    done = subprocess.run(command, input=text, capture_output=True, timeout=_TIMEOUT_S, check=False)
    if not done.stdout:
        raise RuntimeError(done.stderr.decode())
    return done.stdout
