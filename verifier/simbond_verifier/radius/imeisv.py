"""3GPP-IMEISV (TS 29.061 clause 16.4.7.2) in the forms that gateways send. Pure: better none than a wrong one."""

from simbond_agent import identity

_PACKED_OCTETS = 8
_ALLOCATED = ("01", "35", "86", "91", "99")  # reporting bodies that allocate today, as for simbond_agent.identity.imei


def read(value: bytes) -> str | None:
    """14 to 16 digits, or None for what is no IMEI. value: digits as text, as the standard has it; or the eight octets
    of TBCD (TS 29.274 clause 8.10) or BCD that some gateways pass on as they got them."""
    text = value.rstrip(b"\0").decode("ascii", "replace")
    if len(value) == _PACKED_OCTETS and not text.isdigit():
        return _packed(value)
    found: str | None = identity.imeisv(text) or identity.imei(text)
    return found


def _packed(value: bytes) -> str | None:
    """Both orders of nibbles are in use. Only the reporting body tells them apart; where it does not, nothing does."""
    swapped = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in value)
    candidates = [text for text in (swapped, value.hex()) if text.startswith(_ALLOCATED)]
    if len(candidates) != 1:
        return None
    digits = candidates[0].rstrip("f")
    found: str | None = identity.imeisv(digits) or identity.imei(digits)
    return found
