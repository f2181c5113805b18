"""The check digit of an IMEI, ICCID or EID."""

from simbond_agent import identity


def luhn_digit(digits: str) -> str:
    """The check digit that follows `digits` (ISO/IEC 7812-1 annex B; 3GPP TS 23.003 annex B)."""
    return next(digit for digit in "0123456789" if identity.luhn(digits + digit))
