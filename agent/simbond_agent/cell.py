"""The serving cell in plain units: fields, coded values and registration lines of 3GPP TS 27.007."""

# <AcT>, TS 27.007 clause 7.3. 12 (NG-RAN) says nothing about the radio; 13 is EN-DC, whose anchor is LTE.
_ACT = ("GSM", "GSM", "UMTS", "GSM", "UMTS", "UMTS", "UMTS", "LTE", "GSM", "NB-IoT", "LTE", "NR", None, "LTE")
# <stat>, TS 27.007 clause 7.2; 4 (unknown), 8 (emergency only) and 11 (RLOS) have no word here.
_REG = ("none", "home", "searching", "denied", None, "roaming", "home", "roaming", None, "home", "roaming", None)


def fields(text):
    """Comma-separated fields without quotes and outer spaces; a comma in quotes separates nothing."""
    return [f[1:-1] if f[:1] == '"' == f[-1:] and len(f) > 1 else f.strip('"') for f in raw_fields(text)]


def raw_fields(text):
    """The same with the quotes left on: for the few places where they carry meaning."""
    out = []
    quoted = False
    start = 0
    for i in range(len(text)):
        c = text[i]
        if c == '"':
            quoted = not quoted
        elif c == "," and not quoted:
            out.append(text[start:i].strip())
            start = i + 1
    out.append(text[start:].strip())
    return out


def number(text, low=-32767, high=1 << 36):
    """The decimal number in text, int or float, or None when it is none or outside low..high."""
    for c in text:
        if c not in "+-.0123456789":
            return None
    try:
        value = float(text) if "." in text else int(text)
    except ValueError:
        return None
    return value if low <= value <= high else None


def hexadecimal(text):
    """The hexadecimal number in text ("0x" allowed) or None."""
    if text[:2] in ("0x", "0X"):
        text = text[2:]
    if not text:
        return None
    for c in text:
        if c not in "0123456789abcdefABCDEF":
            return None
    return int(text, 16)


def area(text, base=16):
    """TAC or LAC, or None for a placeholder (0, FFFE, FFFF and their 24-bit forms; TS 24.008 clause 10.5.1.3)."""
    value = hexadecimal(text) if base == 16 else number(text)
    if not value or value in (0xFFFE, 0xFFFF) or not 0 < value < 0xFFFFFE:
        return None
    return value


def cell_id(text, base=16):
    """Cell identity of up to 36 bits, or None for a placeholder (0, or all ones in the width of any network)."""
    value = hexadecimal(text) if base == 16 else number(text)
    if not value or not 0 < value < 0xFFFFFFFFF or value in (0xFFFF, 0xFFFFFFF, 0xFFFFFFFF):
        return None
    return value


def plmn(mcc, mnc=None):
    """MCC and MNC, or both in one text ("310 260", "310-260", "310260"), as 5 or 6 digits; None when they are no PLMN.

    An MNC of one digit has lost its zeros; how many cannot be known.
    """
    text = mcc.replace(" ", "").replace("-", "") if mnc is None else mcc + mnc
    if len(text) not in (5, 6) or (mnc is not None and len(mcc) != 3):
        return None
    for c in text:
        if not "0" <= c <= "9":
            return None
    return None if text[:3] == "000" else text


def act(text):
    """RAT of an <AcT> number, or None."""
    value = number(text, 0, len(_ACT) - 1) if 0 < len(text) < 3 else None
    return None if value is None else _ACT[value]


def put(out, **values):
    """Adds those values that are known."""
    for key, value in values.items():
        if value is not None:
            out[key] = value
    return out


def coded(text, top, offset, step=1):
    """An index of 0..top as index * step + offset: the lower edge of its bin. None for anything else (99, 255)."""
    value = number(text, 0, top)
    return None if value is None else value * step + offset


def csq_dbm(text):
    """RSSI of +CSQ <rssi>, TS 27.007 clause 8.5."""
    return coded(text, 31, -113, 2)


def rxlev_dbm(text):
    """RxLev, TS 45.008 clause 8.1.4."""
    return coded(text, 63, -111)


def rsrp_dbm(text):
    """RSRP, TS 36.133 clause 9.1.4."""
    return coded(text, 97, -141)


def rsrq_db(text):
    """RSRQ, TS 36.133 clause 9.1.7."""
    return coded(text, 34, -20, 0.5)


def ss_rsrp_dbm(text):
    """SS-RSRP, TS 38.133 clause 10.1.6."""
    return coded(text, 126, -157)


def ss_rsrq_db(text):
    """SS-RSRQ, TS 38.133 clause 10.1.11."""
    return coded(text, 126, -43.5, 0.5)


def plain(text, scale=1):
    """A level in dBm or dB that is below zero, as measured ones are; None for placeholders, codes and x or -."""
    value = number(text, -200 * scale, -0.01)
    if value is None or value == -1:
        return None
    return value if scale == 1 else value / scale


def registration(name, text, reply):
    """What a +CREG, +CGREG, +CEREG or +C5GREG line says (TS 27.007 clauses 7.2, 10.1.20, 10.1.22, 10.1.47).

    text: behind the colon. reply: it stands in the reply to the read command, where <n> comes first; None of its URCs
    does, and a URC in between is told by its form. Returns reg, rat, lac or tac, cell_id as far as they are known; no
    location while not registered: what stands there then is old, or a cell that is only tried. A quote that is missing
    says that something was lost, so no location either.
    """
    f = raw_fields(text)
    solicited = len(f) > 1 and _is_stat(f[1]) and (reply or (len(f) > 2 and f[2][:1] == '"'))
    if solicited:
        f = f[1:]
    elif reply:
        return {}
    if not _is_stat(f[0]):
        return {}
    stat = int(f[0])
    out = put({}, reg=_REG[stat])
    if stat in (0, 2, 3, 4) or text.count('"') & 1:
        return out
    f = [x.strip('"').strip() for x in f[1:]] + ["", "", ""]
    if _is_rac(f[1]) and len(f[2]) > 2:
        f.pop(1)  # some put the RAC where the cell identity belongs
    rat = act(f[2])
    evolved = name in ("+CEREG", "+C5GREG") if rat is None else rat not in ("GSM", "UMTS")
    put(out, rat=rat, cell_id=cell_id(f[1]))
    return put(out, tac=area(f[0])) if evolved else put(out, lac=area(f[0]))


def _is_stat(text):
    return 0 < len(text) < 4 and number(text, 0, 11) is not None


def _is_rac(text):
    return 0 < len(text) < 3 and hexadecimal(text) is not None
