"""The modem behind one interface: probe() finds the dialect, Modem speaks it.

A dialect is one small file: a table of parse functions and the commands to ask (see generic.py, which holds the
defaults, and docs/modems.md). A board carries those that it uses; where the file is absent, generic.py does.
"""

from . import generic
from .base import Modem

# Looked for in "<manufacturer> <model>", lower case; the first hit counts. Quectel calls itself Quectel_Ltd on some
# and repeats its name in the model; SIMCom's A76xx give "INCORPORATED" for a manufacturer.
_VENDORS = (
    ("quectel bc", "quectel_nbiot"),
    ("quectel_bc", "quectel_nbiot"),
    ("quectel_ltd bc", "quectel_nbiot"),
    ("quectel", "quectel"),
    ("simcom", "simcom"),
    (" a76", "simcom"),
    ("u-blox", "ublox"),
    ("telit", "telit"),
    (" l8", "xmm"),
    ("fibocom", "fibocom"),
    ("nordic", "nordic"),
    ("onemo", "onemo"),
    ("cmiot", "onemo"),
    ("cmcc", "onemo"),
    (" ml30", "onemo"),
    ("sequans", "sequans"),
    ("sierra", "sierra"),
    ("cinterion", "cinterion"),
    ("gemalto", "cinterion"),
    ("thales", "cinterion"),
    ("huawei", "huawei"),
    ("airm2m", "luat"),
    ("luat", "luat"),
    ("neoway", "neoway"),
    ("meig", "meig"),
)
_ATTEMPTS = 5


def load(name):
    """The dialect module called name, or the generic one where this board does not carry it."""
    if name == "generic":
        return generic
    try:
        return __import__(__name__ + "." + name, None, None, ("PARSE",))
    except ImportError:
        return generic


def dialect_of(vendor, model):
    """Name of the dialect for a manufacturer (+CGMI) and model (+CGMM)."""
    text = (vendor + " " + model).lower()
    for part, name in _VENDORS:
        if part in text:
            return name
    return "generic"


async def probe(channel):
    """Finds out what speaks at the other end of channel (at.Channel) and returns a Modem for it, not yet set up.

    Raises OSError when nothing answers "AT", which also lets a modem find the baud rate.
    """
    for _ in range(_ATTEMPTS):
        final, _lines = await channel.command("AT", 500)
        if final:
            break
    else:
        raise OSError("modem does not answer AT: check its power, the wiring of TX and RX, and the baud rate")
    await channel.command("ATE0")
    vendor = await _line(channel, "AT+CGMI")
    model = await _line(channel, "AT+CGMM")
    if not vendor and not model:
        _final, lines = await channel.command("ATI")
        vendor = " ".join(lines)
    name = dialect_of(vendor, model)
    dialect = load(name)
    return Modem(channel, dialect, "generic" if dialect is generic else name, model)


async def _line(channel, command):
    final, lines = await channel.command(command)
    for line in lines if final == "OK" else ():
        if line[0] != "+":
            return line.strip('"')
        if line.startswith(command[2:]):  # "+CGMM: ..." of some
            return line[line.find(":") + 1 :].strip(' "')
    return ""
