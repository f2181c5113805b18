"""The modem behind one interface: probe() finds the dialect, Modem speaks it.

A dialect is one small file: a table of parse functions and the commands to ask (see generic.py, which holds the
defaults, and docs/modems.md). A board carries those that it uses; where the file is absent, generic.py does.
"""

from . import generic
from .base import Modem

# Each dialect and what is looked for in "<manufacturer> <model>", lower case; the first hit counts. One string: a
# table of pairs took 1.3 KB of heap for as long as the agent runs. Quectel calls itself Quectel_Ltd on some and repeats
# its name in the model; SIMCom's A76xx give "INCORPORATED" for a manufacturer.
_VENDORS = (
    "quectel_nbiot=quectel bc|quectel_bc|quectel_ltd bc\n"
    "quectel=quectel\n"
    "simcom=simcom| a76\n"
    "ublox=u-blox\n"
    "telit=telit\n"
    "xmm= l8\n"
    "fibocom=fibocom\n"
    "nordic=nordic\n"
    "onemo=onemo|cmiot|cmcc| ml30\n"
    "sequans=sequans\n"
    "sierra=sierra\n"
    "cinterion=cinterion|gemalto|thales\n"
    "huawei=huawei\n"
    "luat=airm2m|luat\n"
    "neoway=neoway\n"
    "meig=meig"
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
    for row in _VENDORS.split("\n"):
        name, _, parts = row.partition("=")
        for part in parts.split("|"):
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
