"""The serial ports of this machine, in the order in which it is worth asking them (docs/adr/finding-a-port.md)."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Protocol

from serial.tools import list_ports

from simbond_tools.i18n import _

Kind = Literal["modem", "board", "adapter"]

# Bluetooth, USB gadget, null-modem pairs without a wire, consoles of the system itself.
_VIRTUAL = re.compile(r"rfcomm|ttyGS|tnt\d|com0com|cnc[ab]|bluetooth|bthenum|debug-console|wlan-debug", re.IGNORECASE)
_SYS = Path("/sys/class/tty")


class Rank(IntEnum):
    """How likely a modem or a board answers there, likeliest first."""

    AT = 0
    MODEM = 1
    BOARD = 2
    ADAPTER = 3
    USB = 4
    UART = 5
    NOT_AT = 6


@dataclass(frozen=True)
class Device:
    """An entry of usb.toml: at and other are USB interface numbers."""

    name: str
    kind: Kind
    at: tuple[int, ...] = ()
    other: tuple[int, ...] = ()


@dataclass(frozen=True, order=True)
class Candidate:
    """A port of this machine. url: what to open; name: what it seems to be; usb: "vendor:product" and interface."""

    rank: Rank
    place: int
    url: str
    name: str = field(compare=False)
    usb: str | None = field(default=None, compare=False)
    interface: int | None = field(default=None, compare=False)

    @property
    def has_speed(self) -> bool:
        """Whether a wrong speed can be the reason for silence there: USB has none."""
        return self.rank in (Rank.ADAPTER, Rank.USB, Rank.UART)


class Listed(Protocol):
    """What is used of pyserial's ListPortInfo."""

    device: str
    description: str | None
    hwid: str | None
    vid: int | None
    pid: int | None
    location: str | None


def candidates(listed: Iterable[Listed] | None = None) -> list[Candidate]:
    """The ports that may be asked, best first. listed: other than those of this machine.

    Left out: virtual ports, UARTs without hardware behind them, and the console of the system itself. Who names one of
    these opens it nevertheless.
    """
    ports: Iterable[Any] = list_ports.comports() if listed is None else listed
    return sorted(_ranked(port) for port in ports if not _is_virtual(port) and not _is_dead(port))


@cache
def devices() -> dict[str, Device]:
    """usb.toml, by "vendor:product" or "vendor"."""
    text = resources.files(__package__).joinpath("usb.toml").read_text("utf-8")
    return {
        key: Device(entry["name"], entry["kind"], tuple(entry.get("at", ())), tuple(entry.get("other", ())))
        for key, entry in tomllib.loads(text).items()
    }


def _ranked(port: Listed) -> Candidate:
    if port.vid is None:
        return Candidate(Rank.UART, 0, port.device, _description(port))
    usb = f"{port.vid:04x}:{port.pid or 0:04x}"
    interface = _interface(port)
    known = devices().get(usb) or devices().get(usb[:4])
    rank, place = _rank(known, interface)
    return Candidate(rank, place, port.device, known.name if known else _description(port), usb, interface)


def _rank(known: Device | None, interface: int | None) -> tuple[Rank, int]:
    if known is None:
        return Rank.USB, 0
    if interface in known.at:
        return Rank.AT, known.at.index(interface)
    if interface in known.other:
        return Rank.NOT_AT, 0
    return {"modem": Rank.MODEM, "board": Rank.BOARD, "adapter": Rank.ADAPTER}[known.kind], 0


def _interface(port: Listed) -> int | None:
    """The USB interface number: Linux has "1-1.3:1.2" for a location, Windows "1-4:x.2"; macOS does not say."""
    found = re.search(r":(?:\d+|x)\.(\d+)$", port.location or "")
    return int(found[1]) if found else None


def _description(port: Listed) -> str:
    text = port.description or ""
    return _("serial port") if text in ("", "n/a") else text


def _is_virtual(port: Listed) -> bool:
    # Linux names what a port is in the device, Windows in hwid and description, macOS in the device.
    return any(_VIRTUAL.search(text or "") for text in (port.device, port.description, port.hwid))


def _is_dead(port: Listed) -> bool:
    """On Linux: an 8250 UART that the kernel only keeps a place for (type 0), or the console of the system."""
    if port.vid is not None:
        return False
    name = port.device.removeprefix("/dev/")
    return _read(_SYS / name / "type") == "0" or name in _read(_SYS / "console" / "active").split()


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
