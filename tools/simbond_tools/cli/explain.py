"""The claims of an inspected message in words for people."""

from collections.abc import Callable
from typing import Any

from simbond_tools.check_digit import luhn_digit

from .common import when
from .inspection import Inspection, Kind
from .words import reason

_PROTECTION = {
    "software": "software: nothing but the file system protects the signing key",
    "encrypted-flash": "encrypted flash: the signing key is encrypted where it is stored",
    "secure-element": "secure element: the signing key cannot be read out",
    "sim": "SIM: the signing key is in the card's own applet",
}
_FLAGS = {
    "sim-changed": "another card than in the last evidence that was answered",
    "imei-changed": "another IMEI than in the last evidence that was answered",
    "tray-empty": "no card in the tray",
    "tamper": "the device was opened",
    "iccid-mismatch": "the modem's ICCID and the one in EF_ICCID differ",
    "same-hardware": "what changed is another profile of the same eUICC, or the module's other IMEI",
}


def explain(inspection: Inspection) -> list[tuple[str, str]]:
    """Name and explanation of everything that the message says."""
    words = _RESULT if inspection.kind is Kind.RESULT else _CLAIMS
    lines = [(name, say(inspection.claims[key])) for key, (name, say) in words.items() if key in inspection.claims]
    return lines + [
        (f"{name}?", f"{value} (not as the profile wants it)") for name, value in inspection.unreadable.items()
    ]


def _uptime(seconds: int) -> str:
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    return f"{seconds} s ({days} d {hours:02}:{rest // 60:02}:{rest % 60:02}) since it started"


def _imei(digits: str | None) -> str:
    if digits is None:
        return "the device could not read it"
    return f"{digits} (printed as {digits}{luhn_digit(digits)}; type allocation code {digits[:8]})"


def _identity(digits: str | None) -> str:
    return digits or "the device could not read it"


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "the device could not read it"
    parts = [cell.get("rat", "unknown access technology")]
    if "plmn" in cell:
        parts.append(f"network {cell['plmn'][:3]} {cell['plmn'][3:]}")
    parts += [f"{name.upper()} {cell[name]}" for name in ("tac", "lac") if name in cell]
    if "cell_id" in cell:
        parts.append(f"cell {cell['cell_id']}{_site(cell)}")
    if "rsrp_dbm" in cell:
        parts.append(f"received power {cell['rsrp_dbm']} dBm")
    return ", ".join(parts)


def _site(cell: dict[str, Any]) -> str:
    """The base station in an E-UTRAN cell identity: 20 bits eNodeB, 8 bits cell (3GPP TS 36.413 clause 9.2.1.38)."""
    if cell.get("rat") not in ("LTE", "LTE-M", "NB-IoT"):
        return ""
    return f" (eNodeB {cell['cell_id'] >> 8}, its cell {cell['cell_id'] & 255})"


def _flags(flags: list[str]) -> str:
    return "; ".join(f"{flag}: {_FLAGS[flag]}" if flag in _FLAGS else f"{flag}: unknown" for flag in flags) or "none"


_Words = dict[str, tuple[str, Callable[[Any], str]]]

_CLAIMS: _Words = {
    "imei": ("IMEI", _imei),
    "iccid": ("ICCID", _identity),
    "imsi": ("IMSI", _identity),
    "cell": ("serving cell", _cell),
    "scenario": ("scenario", lambda number: f"{number} (the id in the scenario file)"),
    "key_protection": ("key protection", lambda level: f"{_PROTECTION[level]} (the device's own word)"),
    "flags": ("flags", _flags),
    "bootcount": ("boot count", lambda count: f"{count} starts of the device"),
    "uptime_s": ("uptime", _uptime),
    "iat": ("made at", when),
    "nonce": ("nonce", lambda nonce: f"{nonce} (from a verifier's answer; only that verifier can tell how old it is)"),
    "profile": ("profile", str),
    "public_key": ("public key", str),
    "next_kid": ("next key", lambda kid: f"{kid} (its key id; it proves itself)"),
    "sim_statement": (
        "SIM statement",
        lambda _: "signed beside the device by a key on a SIM; only the verifier checks it",
    ),
}
_RESULT: _Words = {
    "tier": ("verdict", str),
    "reasons": ("reasons", lambda codes: " ".join(map(reason, codes)) or "none"),
    "interval_s": ("attest again", lambda seconds: f"after {seconds} s" if seconds else "at once"),
    "nonce": ("next nonce", lambda nonce: nonce or "none: the message named no key"),
}
