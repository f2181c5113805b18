"""The label of a unit: what a person reads, and a QR code that a scanner does."""

from pathlib import Path
from typing import Literal, NamedTuple

import segno

from simbond_tools.check_digit import luhn_digit
from simbond_tools.i18n import _

from .errors import FactoryError

Format = Literal["svg", "png", "txt"]
FORMATS: tuple[Format, ...] = ("svg", "png", "txt")
_SCALE = 6
"""Pixels of a module of the code; SVG scales anyhow."""


class Label(NamedTuple):
    """kid: in hex; imei: 14 digits; iccid: None where the unit has no card."""

    kid: str
    imei: str
    iccid: str | None
    order: str = ""
    label: str = ""

    @property
    def printed_imei(self) -> str:
        """15 digits, with the check digit."""
        return self.imei + luhn_digit(self.imei)

    @property
    def code(self) -> str:
        """What the QR code holds: SIMBOND/1/KID/IMEI/ICCID, in the characters that QR codes pack best."""
        return "/".join(("SIMBOND", "1", self.kid.upper(), self.printed_imei, self.iccid or ""))

    @property
    def qr(self) -> segno.QRCode:
        return segno.make_qr(self.code, error="m")

    @property
    def lines(self) -> list[str]:
        """What stands beside the code."""
        named = ((_("order"), self.order), (_("label"), self.label), ("IMEI", self.printed_imei), ("ICCID", self.iccid))
        return [f"{name} {value}" for name, value in (*named, (_("key"), self.kid)) if value]


def save(label: Label, folder: Path, form: Format) -> Path:
    """Writes a label into a folder, as KID.svg (code and text), KID.png (the code), or KID.txt. Raises FactoryError."""
    path = folder / f"{label.kid}.{form}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if form == "txt":
            path.write_text("\n".join((*label.lines, label.code, "")), "utf-8")
        else:
            more = {"title": label.code, "desc": "\n".join(label.lines)} if form == "svg" else {}
            label.qr.save(str(path), scale=_SCALE, light="white", **more)
    except OSError as e:
        raise FactoryError("label", _("Cannot write {path}: {why}.").format(path=path, why=e.strerror or e)) from None
    return path
