"""PLMN identities as networks send them. Pure."""


def from_octets(value: bytes) -> str | None:
    """Country and network code, 5 or 6 digits, from their three octets (TS 24.008 clause 10.5.1.13); None where a
    digit is none."""
    nibbles = value[:3].hex()
    if len(nibbles) != 6:
        return None
    code = nibbles[1] + nibbles[0] + nibbles[3] + nibbles[5] + nibbles[4]
    third = nibbles[2]
    return from_text(code if third == "f" else code + third)


def from_text(value: str) -> str | None:
    """The same from digits, as in 3GPP-SGSN-MCC-MNC."""
    return value if len(value) in (5, 6) and value.isascii() and value.isdigit() else None
