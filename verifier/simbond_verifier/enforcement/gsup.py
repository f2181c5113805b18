"""GSUP, the Generic Subscriber Update Protocol between an HLR and the nodes that serve its cards. Pure codec.

GSUP is Osmocom's plain-binary stand-in for MAP (3GPP TS 29.002): a message type, then the IMSI, then information
elements of one octet tag, one octet length, value. Source: OsmoHLR User Manual, chapter "Generic Subscriber Update
Protocol"; libosmocore's `gsm/gsup.h` for the numbers.
"""

from dataclasses import dataclass
from enum import IntEnum


class MessageType(IntEnum):
    """A request is a multiple of four; its error is one more, its result two more."""

    UPDATE_LOCATION_REQUEST = 0x04
    UPDATE_LOCATION_ERROR = 0x05
    UPDATE_LOCATION_RESULT = 0x06
    PURGE_MS_REQUEST = 0x0C
    PURGE_MS_ERROR = 0x0D
    PURGE_MS_RESULT = 0x0E
    INSERT_DATA_REQUEST = 0x10
    INSERT_DATA_RESULT = 0x12
    LOCATION_CANCEL_REQUEST = 0x1C
    LOCATION_CANCEL_ERROR = 0x1D
    LOCATION_CANCEL_RESULT = 0x1E
    CHECK_IMEI_REQUEST = 0x30
    CHECK_IMEI_ERROR = 0x31
    CHECK_IMEI_RESULT = 0x32
    ROUTING_ERROR = 0x4E


class Ie(IntEnum):
    """Tags of the information elements that we send or read."""

    IMSI = 0x01
    CAUSE = 0x02
    CANCEL_TYPE = 0x06
    CN_DOMAIN = 0x28
    IMEI = 0x50
    IMEI_RESULT = 0x51
    SOURCE_NAME = 0x60
    DESTINATION_NAME = 0x61


class Domain(IntEnum):
    """Core network domain: PS is data (SGSN), CS is voice and SMS (MSC/VLR). A message without it means PS."""

    PS = 1
    CS = 2


class CancelType(IntEnum):
    """Why a location is cancelled (TS 29.002 clause 17.7.1, CancellationType)."""

    UPDATE_PROCEDURE = 0  # the card is served elsewhere now
    SUBSCRIPTION_WITHDRAWN = 1  # the card is not to be served at all: detach it


class GsupError(Exception):
    """Octets that are no GSUP message, or a message that cannot be put into octets."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `type` is a plain int, because peers send types that we do not know; `ies` excludes the IMSI."""

    type: int
    imsi: str
    ies: tuple[tuple[int, bytes], ...] = ()

    def get(self, tag: int) -> bytes | None:
        """Value of the first element with this tag, None without one."""
        return next((value for found, value in self.ies if found == tag), None)

    @property
    def cause(self) -> int | None:
        """Why a request was refused (GMM cause, 3GPP TS 24.008 clause 10.5.5.14)."""
        return _octet(self.get(Ie.CAUSE))

    @property
    def domain(self) -> int | None:
        """CN domain octet; None where the message has none."""
        return _octet(self.get(Ie.CN_DOMAIN))

    @property
    def source(self) -> str | None:
        """IPA name of the node that sent this, where it travels through a router."""
        return _name(self.get(Ie.SOURCE_NAME))

    @property
    def destination(self) -> str | None:
        """IPA name of the node that this is for, where it is not for the receiving HLR itself."""
        return _name(self.get(Ie.DESTINATION_NAME))

    def encode(self) -> bytes:
        """The message in octets. Raises GsupError for an IMSI that is none, or an element over 255 octets."""
        if not (self.imsi.isascii() and self.imsi.isdigit()):
            raise GsupError(f"{self.imsi!r} is no IMSI")
        out = bytearray([self.type])
        for tag, value in ((Ie.IMSI, encode_digits(self.imsi)), *self.ies):
            if len(value) > 255:
                raise GsupError(f"element 0x{tag:02x} of {len(value)} octets does not fit its length octet")
            out += bytes([tag, len(value)]) + value
        return bytes(out)


def decode(data: bytes) -> Message:
    """Octets to message. Raises GsupError; elements that we do not know are kept, not refused."""
    if not data:
        raise GsupError("an empty message")
    imsi: str | None = None
    ies = []
    at = 1
    while at < len(data):
        end = at + 2 + data[at + 1] if at + 1 < len(data) else len(data) + 1
        if end > len(data):
            raise GsupError(f"element 0x{data[at]:02x} is cut short")
        value = data[at + 2 : end]
        if data[at] == Ie.IMSI:
            imsi = decode_digits(value)
        else:
            ies.append((data[at], value))
        at = end
    if not imsi:
        raise GsupError("a message without an IMSI")
    return Message(data[0], imsi, tuple(ies))


def encode_digits(digits: str) -> bytes:
    """Decimal digits as TBCD (TS 29.002 clause 17.7.8): two an octet, the first one low, an odd end filled with 0xf."""
    return bytes.fromhex("".join(f"{(digits[i + 1 : i + 2] or 'f')}{digits[i]}" for i in range(0, len(digits), 2)))


def decode_digits(tbcd: bytes) -> str:
    """TBCD to decimal digits. Raises GsupError for anything that is not a decimal digit or the last filler."""
    digits = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in tbcd)
    digits = digits[:-1] if digits.endswith("f") else digits
    if not digits.isdigit():
        raise GsupError(f"{tbcd.hex()} is not TBCD")
    return digits


def encode_name(name: str) -> bytes:
    """An IPA name as osmo-hlr compares it: with its terminating NUL."""
    return name.encode(errors="surrogateescape") + b"\0"


def _name(value: bytes | None) -> str | None:
    return None if value is None else value.rstrip(b"\0").decode(errors="surrogateescape")


def _octet(value: bytes | None) -> int | None:
    return value[0] if value is not None and len(value) == 1 else None
