"""What was read of a device, in words: its codes, and rows of a name and a text, in the language in force."""

from collections.abc import Callable, Iterator
from typing import Any

from simbond_tools.check_digit import whole_imei
from simbond_tools.i18n import N_, _

from .agent_words import in_words

Row = tuple[str, str]

QUALITY = {
    "good": N_("good"),
    "fair": N_("fair"),
    "weak": N_("weak"),
    "very weak": N_("very weak"),
}
SIM = {
    "ready": N_("ready"),
    "absent": N_("no card in the tray"),
    "pin": N_("waits for its PIN"),
    "busy": N_("busy; ask again in a few seconds"),
}
REGISTRATION = {
    "home": N_("registered at home"),
    "roaming": N_("registered, roaming"),
    "searching": N_("not registered, searching"),
    "denied": N_("the network refuses the card"),
    "none": N_("not registered, and not searching"),
}
KIND = {
    "modem": N_("a modem's AT port"),
    "agent": N_("the agent's console"),
    "micropython": N_("the MicroPython prompt"),
    "silent": N_("silent"),
    "busy": N_("used by another program"),
}
TIER = {
    "affirming": N_("confirmed by the verifier"),
    "warning": N_("the verifier warns"),
    "contraindicated": N_("rejected by the verifier"),
    "none": N_("no verdict"),
}
WAITING = {
    "interval": N_("its next report"),
    "uplink": N_("another attempt to reach the verifier"),
    "modem": N_("another attempt to reach the modem"),
    "internal": N_("another attempt after a fault of its own"),
}


def word(words: dict[str, str], code: object) -> str | None:
    """A code of one of the tables above, in the language in force; None for a code that is not there."""
    return _(words[code]) if isinstance(code, str) and code in words else None


def of_modem(read: dict[str, Any]) -> list[Row]:
    """read: from reading.read_modem(). What the modem does not say is left out, except where that matters."""
    identity, cell = read["identity"], read["cell"]
    return list(
        _named(
            (N_("Module"), f"{read['maker']} {read['model']}".strip() or _("unknown")),
            (N_("IMEI"), identity.get("imei") or _("not told")),
            (N_("Second IMEI"), identity.get("imei2")),
            (N_("SIM"), word(SIM, identity.get("sim")) or _("not told")),
            (N_("Card (ICCID)"), identity.get("iccid")),
            (N_("IMSI"), identity.get("imsi")),
            (N_("eUICC (EID)"), identity.get("eid")),
            (N_("Attention"), _mismatch(identity)),
            (N_("Network"), _registration(cell)),
            (N_("Cell"), _cell(cell)),
            (N_("Signal"), _signal(cell, read["signal"])),
        )
    )


def of_agent(read: dict[str, Any]) -> list[Row]:
    """read: from reading.read_agent()."""
    attests, status = read["attests"], read["status"]
    return list(
        _named(
            (N_("Key"), read["kid"]),
            (N_("Last result"), _result(status)),
            (N_("Waits for"), _waiting(status)),
            (N_("Last error"), _error(status)),
            (N_("It attests"), None if attests else _("nothing that can be read")),
            (N_("IMEI"), whole_imei(attests.get("imei") or "")),
            (N_("Card (ICCID)"), attests.get("iccid") or (_("no card") if attests else None)),
            (N_("IMSI"), attests.get("imsi")),
            (N_("Cell"), _cell(attests.get("cell", {}))),
            (N_("Running for"), _duration(attests.get("uptime"))),
        )
    )


def _named(*rows: tuple[str, str | None]) -> Iterator[Row]:
    return ((_(name), text) for name, text in rows if text)


def _mismatch(identity: dict[str, Any]) -> str | None:
    if not identity.get("iccid_mismatch"):
        return None
    return _("the module names another card than the one that is in; restart it and ask again")


def _registration(cell: dict[str, Any]) -> str:
    known = [word(REGISTRATION, cell.get("reg")) or _("registration not told"), cell.get("rat")]
    known.append(cell.get("operator") or cell.get("plmn"))
    return ", ".join(filter(None, known))


def _cell(cell: dict[str, Any]) -> str | None:
    parts: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
        ("plmn", "PLMN", str),
        ("tac", "TAC", hex),
        ("lac", "LAC", hex),
        ("cell_id", "ID", hex),
    )
    return ", ".join(f"{name} {shown(cell[key])}" for key, name, shown in parts if cell.get(key)) or None


def _signal(cell: dict[str, Any], quality: str | None) -> str:
    levels = [("rsrp_dbm", "RSRP", "dBm"), ("rssi_dbm", "RSSI", "dBm"), ("rsrq_db", "RSRQ", "dB")]
    told = [f"{name} {cell[key]:g} {unit}" for key, name, unit in levels if cell.get(key) is not None]
    if quality is None:
        return _("none")
    return f"{_(QUALITY[quality])}: {', '.join(told)}"


def _result(status: dict[str, Any]) -> str | None:
    attested = status.get("attested")
    if attested:
        told = attested.get("reasons")
        reasons = ", ".join(map(str, told)) if isinstance(told, list) else ""
        tier = str(attested.get("tier"))
        return (word(TIER, tier) or tier) + (f" ({reasons})" if reasons else "")
    if "enrolment" in status:
        return _("none yet: the verifier does not know this device; see 'simbond devices enrol'")
    return None


def _waiting(status: dict[str, Any]) -> str | None:
    waiting = status.get("waiting")
    if not isinstance(waiting, dict) or "seconds" not in waiting:
        return None
    why = word(WAITING, waiting.get("why")) or str(waiting.get("why", ""))
    return _("{why}, {seconds} s").format(why=why, seconds=waiting["seconds"])


def _error(status: dict[str, Any]) -> str | None:
    error = status.get("error")
    if not isinstance(error, dict):
        return None
    return f"{error.get('what')}: {in_words(error.get('code'), error.get('detail'))}"


def _duration(seconds: int | None) -> str | None:
    if seconds is None:
        return None
    minutes, hours = seconds // 60 % 60, seconds // 3600
    return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes) if hours else f"{seconds} s"
