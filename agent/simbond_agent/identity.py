"""Identities of card and device in the one form that is compared and signed. Better none than a wrong one."""


def luhn(digits):
    """True when the last digit is the check digit of the rest (ISO/IEC 7812-1 annex B; 3GPP TS 23.003 annex B)."""
    total = 0
    for i in range(len(digits)):
        d = ord(digits[-1 - i]) - 48
        if i & 1:
            d += d - 9 * (d > 4)
        total += d
    return total % 10 == 0


def _decimal(text):
    # str.isdigit says yes to superscripts on CPython.
    return bool(text) and not text.strip("0123456789")


def _bare(text):
    return text.replace('"', "").replace(" ", "")


def iccid(text):
    """19 or 20 digits (ITU-T E.118), or None. text: as printed, or nibble-swapped as EF_ICCID holds it (3GPP TS 31.102
    clause 4.2.2); the filler F at the end is dropped, letters inside are some operators' digits and become upper-case.
    """
    text = _bare(text).upper()
    if text[:2] == "98":
        if len(text) & 1:
            return None
        text = "".join([text[i + 1] + text[i] for i in range(0, len(text), 2)])
    text = text.rstrip("F")
    # Issuer identification: 89 for telecommunication, then a country code; no letters there.
    if not 19 <= len(text) <= 20 or text[:2] != "89" or not _decimal(text[:5]):
        return None
    if text.strip("0123456789ABCDEF"):
        return None
    if text[2:] == text[2] * (len(text) - 2):
        return None
    return text


def imei(text):
    """15 digits, or 14 without the check digit (3GPP TS 23.003 clause 6.2.1), or None.

    The check digit is not required to be right: modules in the field have wrong ones, and it is not signed. Without it
    the reporting body must be one that allocates today, or the number may be one of 15 digits that lost its first.
    """
    text = _bare(text)
    if len(text) not in (14, 15) or not _equipment(text):
        return None
    if len(text) == 14 and text[:2] not in ("01", "35", "86", "91", "99"):
        return None
    return text


def imeisv(text):
    """16 digits: IMEI without check digit, then the software version (3GPP TS 23.003 clause 6.2.2), or None."""
    text = _bare(text)
    if len(text) != 16 or not _equipment(text):
        return None
    return text


def _equipment(text):
    # A module that was never programmed reports zeros, or one digit all over.
    return _decimal(text) and text[:8] != "00000000" and text != text[0] * len(text)


def imsi(text):
    """15 digits beginning with a country code (3GPP TS 23.003 clause 2.2), or None.

    The standard allows fewer, but then none could be told from one that lost a digit on the line.
    """
    text = _bare(text)
    if len(text) != 15 or not _decimal(text):
        return None
    # 001 is the test network; the zones 0 and 1 hold no other country (ITU-T E.212).
    if (text[0] in "01" and text[:3] != "001") or text == text[0] * len(text):
        return None
    return text


def eid(text):
    """32 digits beginning with 89 (GSMA SGP.29), or None."""
    text = _bare(text)
    if len(text) != 32 or text[:2] != "89" or not _decimal(text):
        return None
    return text
