"""The card in the tray, and the two identities that bind: ICCID (ITU-T E.118) and IMEI (3GPP TS 23.003 clause 6)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from simbond_tools.check_digit import luhn_digit

from .errors import EmulatorError
from .iot_safe import AID, IotSafe, public_point
from .uicc import Application

_ICCID = re.compile(r"89[0-9A-F]{16,18}")
_IMSI = re.compile(r"\d{14,15}")
_PIN = re.compile(r"\d{4,8}")
_KEY = re.compile(r"[0-9a-fA-F]{64}")
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True)
class Card:
    """A SIM. `iccid`: 18 to 20 digits (some issuers use A to F) from 89 on; `imsi`: 14 or 15 digits.

    `pin`: 4 to 8 digits if the card asks for one after insertion. `private_key`: 64 hex digits if the card has an IoT
    SAFE applet, whose key 01 it is. Two cards may carry the same numbers: that is what a clone is. Raises EmulatorError
    for numbers that no card can have.
    """

    iccid: str
    imsi: str
    pin: str | None = None
    private_key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "iccid", self.iccid.strip().upper())
        if not _ICCID.fullmatch(self.iccid):
            raise EmulatorError(f"ICCID {self.iccid!r}: 18 to 20 digits that start with 89 are needed")
        if not _IMSI.fullmatch(self.imsi):
            raise EmulatorError(f"IMSI {self.imsi!r}: 14 or 15 digits are needed")
        if self.pin is not None and not _PIN.fullmatch(self.pin):
            raise EmulatorError("PIN: 4 to 8 digits are needed")
        if self.private_key is not None and not _is_key(self.private_key):
            raise EmulatorError("private key: 64 hexadecimal digits of a P-256 key are needed")

    @property
    def sim_key(self) -> str | None:
        """The point of the applet's key, uncompressed, in hex: what an issuer tells of it."""
        return public_point(self._key()).hex() if self.private_key else None

    @property
    def applications(self) -> Mapping[bytes, Callable[[], Application]]:
        return {AID: lambda: IotSafe(self._key())} if self.private_key else {}

    def _key(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int(self.private_key or "0", 16), ec.SECP256R1())

    @property
    def iccid_filled(self) -> str:
        """The ICCID filled up with F to 20 characters, as many modules print it."""
        return self.iccid.ljust(20, "F")

    @property
    def ef_iccid(self) -> str:
        """EF_ICCID (ETSI TS 102 221 clause 13.2) as hex: nibbles swapped, filled up with F."""
        return _swap_nibbles(self.iccid_filled)

    @property
    def ef_imsi(self) -> str:
        """EF_IMSI (3GPP TS 31.102 clause 4.2.2) as hex: length, parity nibble, digits swapped."""
        odd = len(self.imsi) % 2
        digits = ("9" if odd else "1") + self.imsi + ("" if odd else "F")
        return f"{len(digits) // 2:02X}{_swap_nibbles(digits)}".ljust(18, "F")


def _is_key(text: str) -> bool:
    return bool(_KEY.fullmatch(text)) and 0 < int(text, 16) < _P256_ORDER


def normal_imei(text: str) -> str:
    """15 digits as they are, right or wrong check digit; 14 digits with the check digit added.

    A module can be told any IMEI, so nothing but the length is asked for. Raises EmulatorError for anything else.
    """
    if re.fullmatch(r"\d{15}", text):
        return text
    if re.fullmatch(r"\d{14}", text):
        return text + luhn_digit(text)
    raise EmulatorError(f"IMEI {text!r}: 15 digits are needed, or 14 to have the check digit added")


def _swap_nibbles(digits: str) -> str:
    return "".join(digits[i + 1] + digits[i] for i in range(0, len(digits), 2))
