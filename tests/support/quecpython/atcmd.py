"""atcmd: AT commands to the modem at SIMBOND_TTY.

https://python.quectel.com/doc/quecpython/API_reference/en/syslib/atcmd.html; the return codes are those of
HELIOS_AT_RESP_STATUS_ENUM (helios_atcmd.h, Helios-SDK).
"""

import _thread
import os
import termios
import time

from . import sim

_OK, _ERROR, _CME_ERROR, _CMS_ERROR, _INVALID_PARAM, _TIME_OUT = range(6)
_FINALS = ((b"ERROR", _ERROR), (b"+CME ERROR", _CME_ERROR), (b"+CMS ERROR", _CMS_ERROR))

_tty = open(os.getenv("SIMBOND_TTY"), "r+b", buffering=0)  # noqa: SIM115 - for as long as the program runs
termios.setraw(_tty.fileno())
_lines = []  # of the command that runs
_running = ""


def sendSync(atcmd, resp, include_str, timeout):
    """0 and what came before OK in resp; else a code, and the error in resp."""
    global _running
    if not atcmd.endswith("\r\n") or timeout <= 0 or timeout != int(timeout):
        return _INVALID_PARAM
    _lines.clear()
    _running = atcmd.strip()
    _tty.write((_running + "\r").encode())
    end = time.ticks_add(time.ticks_ms(), timeout * 1000)
    try:
        while time.ticks_diff(end, time.ticks_ms()) > 0:
            code = _code()
            if code is not None:
                said = [line for line in _lines if line != b"OK" and include_str.encode() in line]
                _fill(resp, b"".join([b"\r\n" + line + b"\r\n" for line in said]) + b"\n")
                return code
            time.sleep_ms(2)
        return _TIME_OUT
    finally:
        _running = ""


def _code():
    for line in _lines:
        if line == b"OK":
            return _OK
        for start, code in _FINALS:
            if line.startswith(start):
                return code
    return None


def _fill(resp, octets):
    n = min(len(resp), len(octets))
    for i in range(n):
        resp[i] = octets[i]


def _receive():
    line = b""
    while True:
        octet = _tty.read(1)  # of more, MicroPython would wait for all
        line += octet
        if octet == b"\n":
            _sort(line.strip())
            line = b""


def _sort(line):
    if line.startswith(b"+QSIMSTAT") and not _running.startswith("AT+QSIMSTAT"):
        sim._changed(line.endswith(b"1"))
    elif line and _running and line.decode() != _running:
        _lines.append(line)


_thread.start_new_thread(_receive, ())
