"""Runs the MicroPython of the Python package in this process, with a ROMFS image mapped into memory beside its heap.

`python -m simbond_tools.rom_host IMAGE ARGUMENT...`: the program finds the image by the variables that MOUNT reads.
A board has its code in flash; so has the agent here, and its heap is its own.
"""

import ctypes
import importlib
import mmap
import os
import sys
from pathlib import Path

MOUNT = """\
import os, sys, uctypes, vfs
_at, _size = os.getenv("SIMBOND_ROM_ADDRESS"), int(os.getenv("SIMBOND_ROM_SIZE"))
if not _at:
    import ffi
    with open(os.getenv("SIMBOND_ROM")) as _f:
        _at = ffi.open("libc.so.6").func("p", "mmap", "piiiii")(None, _size, 1, 2, _f.fileno(), 0)
    del ffi
vfs.mount(vfs.VfsRom(uctypes.bytearray_at(int(_at), _size)), "/rom")
sys.path.insert(0, "/rom")
"""
"""MicroPython source that makes the image importable: mapped by this host, or by itself where the build has ffi."""


def environment(image: Path) -> dict[str, str]:
    """The variables that MOUNT reads, for an interpreter that maps the image itself."""
    return {"SIMBOND_ROM": str(image), "SIMBOND_ROM_SIZE": str(image.stat().st_size), "SIMBOND_ROM_ADDRESS": ""}


def main(image: str, arguments: list[str]) -> int:
    run_main = importlib.import_module("micropython_run").run_main

    with open(image, "rb") as f:
        mapped = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY)  # ctypes wants it writable; nobody writes
    os.environ["SIMBOND_ROM_ADDRESS"] = str(ctypes.addressof(ctypes.c_char.from_buffer(mapped)))
    code: int = run_main(["micropython", *arguments])
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
