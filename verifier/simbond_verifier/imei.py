"""Which device an IMEI names: its first 14 digits, TAC and serial number (3GPP TS 23.003 clause 6.2)."""

from simbond_agent import identity


def device_number(text: str) -> str | None:
    """The 14 digits of an IMEI as somebody typed it, perhaps with its check digit or software version; None of what is
    no IMEI."""
    digits: str | None = identity.imei(text) or identity.imeisv(text)
    return None if digits is None else digits[:14]
