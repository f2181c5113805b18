"""What a pasted AT reply means, told by the agent's own parsers."""

import pkgutil
from typing import Any

from simbond_agent import modem
from simbond_agent.at import Parser, name_of
from simbond_agent.identity import luhn
from simbond_agent.modem.base import interpret

# As much as a modem can say in one go; the rest of a pasted log is not read.
MAX_OCTETS = 16384
IMEI_WITHOUT_CHECK_DIGIT = 14
ICCID_SHORT = 19
IDENTITIES = ("iccid", "imei", "imeisv", "imei2", "imsi", "eid")

_MODULES = sorted(module.name for module in pkgutil.iter_modules(modem.__path__))
# The generic one first: what it understands is the same everywhere.
DIALECTS = ["generic"] + [n for n in _MODULES if n != "generic" and hasattr(modem.load(n), "PARSE")]


def explain(command: str, reply: bytes | str, family: str | None = None) -> dict[str, Any]:
    """What reply to command says.

    command: as sent ("AT+CPIN?"); "" when reply is unsolicited. reply: as received, with or without echo and final
    result; text is taken as Latin-1. family: a dialect's name ("quectel", "quectel-nbiot"); without one, or with one
    that is unknown, it is worked out from what the dialects understand.

    Returns any of iccid, imei, imeisv, imei2, imsi, eid, sim, reg, rat, plmn, tac, lac, cell_id, rsrp_dbm, rssi_dbm,
    rsrq_db, operator, error (docs/modems.md says how each is written); {} when nothing is certain. Never raises.
    """
    command = command.strip().upper()
    data = reply.encode("latin-1", "replace") if isinstance(reply, str) else bytes(reply)
    data = data[:MAX_OCTETS]
    said = _meaning(command, data, family)
    whole = data[: max(data.rfind(b"\r"), data.rfind(b"\n")) + 1]
    if whole != data:
        said = _without_halves(said, data)
    if whole not in (b"", data):
        # The last of several lines has no end: its level or state may pass, a number may be half of one.
        certain = _meaning(command, whole, family)
        said = {key: value for key, value in said.items() if key not in IDENTITIES or certain.get(key) == value}
    return said


def _without_halves(said: dict[str, Any], data: bytes) -> dict[str, Any]:
    """Without the numbers that may lack their last digit, for the line has no end and they could be longer."""
    iccid = said.get("iccid", "")
    cut = len(iccid) == ICCID_SHORT and data.strip().upper().endswith(iccid.encode())
    if cut and not (iccid.isdecimal() and luhn(iccid)):
        said = {key: value for key, value in said.items() if key != "iccid"}
    if len(said.get("imei", "")) == IMEI_WITHOUT_CHECK_DIGIT:
        said = {key: value for key, value in said.items() if key != "imei"}
    return said


def _meaning(command: str, data: bytes, family: str | None) -> dict[str, Any]:
    final, lines = _framed(command, data)
    said: dict[str, Any] = {}
    for name in _candidates(family):
        said = interpret(modem.load(name), command, final, lines)
        if said.keys() - {"error"}:
            break
    return said


def _framed(command: str, data: bytes) -> tuple[str | None, list[str]]:
    unsolicited: list[str] = []
    parser = Parser(unsolicited.append)
    if name_of(command):
        parser.start(command)
    parser.feed(data)
    parser.flush()
    if not name_of(command):
        return None, unsolicited
    # What follows the final result may be the rest of the reply, or the reply to another command: the parse
    # functions take both for one reply and refuse two identities in it.
    return parser.final, parser.lines + [line for line in unsolicited if line not in parser.lines]


def _candidates(family: str | None) -> list[str]:
    named = (family or "").lower().replace("-", "_")
    return [n for n in DIALECTS if n == named] + [n for n in DIALECTS if n != named]
