"""The check digit of an IMEI, ICCID or EID."""

from simbond_agent import identity

_UNCHECKED = 14
"""Digits of an IMEI before its check digit (3GPP TS 23.003 clause 6.2.1)."""


def luhn_digit(digits: str) -> str:
    """The check digit that follows `digits` (ISO/IEC 7812-1 annex B; 3GPP TS 23.003 annex B)."""
    return next(digit for digit in "0123456789" if identity.luhn(digits + digit))


def whole_imei(imei: str) -> str:
    """An IMEI as it is printed on the module, with the check digit that Evidence and registers leave out."""
    return imei + luhn_digit(imei) if len(imei) == _UNCHECKED else imei
