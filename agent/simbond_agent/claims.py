"""Labels and octet forms of the simbond evidence profile, version 1 (docs/evidence.md).

The one place that knows them: the agent builds with it under MicroPython, the verifier reads with it under CPython.
"""

from binascii import hexlify

PROFILE = "tag:simbond.dev,2026:evidence-1"

# Registered claims: RFC 8392 (CWT), RFC 8747 (cnf), RFC 9711 (EAT).
IAT = 6
CNF = 8
NONCE = 10
UPTIME = 261
EAT_PROFILE = 265
BOOTCOUNT = 267
# Private use (RFC 8392 section 9.1: below -65536).
BINDING = -70001
NEXT_KEY = -70003

# Positions in the BINDING array.
IMEI = 0
ICCID = 1
IMSI = 2
CELL = 3
SCENARIO = 4
STATUS = 5

# STATUS bits 0-1: what protects the signing key.
KEY_SOFTWARE = 0
KEY_ENCRYPTED_FLASH = 1
KEY_SECURE_ELEMENT = 2
KEY_SIM = 3
# STATUS flags.
SIM_CHANGED = 4
IMEI_CHANGED = 8
TRAY_EMPTY = 16
TAMPER = 32
ICCID_MISMATCH = 64
# Beside SIM_CHANGED or IMEI_CHANGED: another profile of the same eUICC, or the module's other IMEI; nothing was moved.
SAME_HARDWARE = 128

RATS = ("GSM", "UMTS", "LTE", "LTE-M", "NB-IoT", "NR")
_RAT_UNKNOWN = 15

NONCE_OCTETS = 8
KID_OCTETS = 8
MAX_OCTETS = 1024

_HEX = "0123456789ABCDEF"


def pack_digits(digits, octets):
    """Digits (hex letters allowed) as BCD, first digit in the high nibble, padded with F: "123", 2 -> 12 3F.

    Raises ValueError when they do not fit or are no digits.
    """
    if len(digits) > 2 * octets:
        raise ValueError("too many digits")
    out = bytearray(octets)
    for i in range(2 * octets):
        nibble = _HEX.find(digits[i].upper()) if i < len(digits) else 15
        if nibble < 0:
            raise ValueError("not a digit")
        out[i >> 1] |= nibble if i & 1 else nibble << 4
    return bytes(out)


def unpack_digits(octets):
    """The inverse of pack_digits: trailing F filler dropped, letters upper-case."""
    return hexlify(octets).decode().upper().rstrip("F")


def _pack_plmn(plmn):
    # TS 24.008 clause 10.5.1.13: MCC2|MCC1, MNC3|MCC3, MNC2|MNC1; a two-digit MNC has F for its third digit.
    if not plmn:
        return b"\xff\xff\xff"
    if len(plmn) not in (5, 6):
        raise ValueError("PLMN has 5 or 6 digits")
    d = [int(c) for c in plmn]
    if len(d) == 5:
        d.append(15)
    return bytes((d[1] << 4 | d[0], d[5] << 4 | d[2], d[4] << 4 | d[3]))


def _unpack_plmn(octets):
    a, b, c = octets
    nibbles = (a & 15, a >> 4, b & 15, c & 15, c >> 4, b >> 4)
    digits = nibbles[:5] if nibbles[5] == 15 else nibbles
    if max(digits) > 9:
        return None
    return "".join([str(n) for n in digits])


def pack_cell(cell):
    """The serving cell as octets: PLMN 3, TAC or LAC 2, RAT 4 bits, cell identity 28 bits, received power 1.

    NR has a TAC of 3 octets and a cell identity of 36 bits. What is unknown is all ones. cell: a dict with any of
    rat (one of RATS), plmn (5 or 6 digits), tac or lac, cell_id, rsrp_dbm (RSRP; RSCP or RxLev where there is none).
    None when neither PLMN nor area nor cell identity is known. Raises ValueError when a value does not fit.
    """
    plmn = cell.get("plmn")
    area = cell.get("tac", cell.get("lac"))
    ci = cell.get("cell_id")
    if plmn is None and area is None and ci is None:
        return None
    rat = cell.get("rat")
    rat = RATS.index(rat) if rat in RATS else _RAT_UNKNOWN
    size, bits = (3, 36) if rat == 5 else (2, 28)
    area = (1 << 8 * size) - 1 if area is None else area
    ci = (1 << bits) - 1 if ci is None else ci
    if not 0 <= area < 1 << 8 * size or not 0 <= ci < 1 << bits:
        raise ValueError("cell does not fit its RAT")
    power = cell.get("rsrp_dbm")
    power = 255 if power is None or not -254 <= power <= 0 else int(0.5 - power)
    return (
        _pack_plmn(plmn)
        + area.to_bytes(size, "big")
        + (rat << bits | ci).to_bytes((bits + 4) // 8, "big")
        + bytes((power,))
    )


def unpack_cell(octets):
    """The inverse of pack_cell: a dict without the keys that are unknown. Raises ValueError on any other length."""
    if len(octets) not in (10, 12):
        raise ValueError("a cell has 10 or 12 octets")
    size, bits = (3, 36) if len(octets) == 12 else (2, 28)
    area = int.from_bytes(octets[3 : 3 + size], "big")
    word = int.from_bytes(octets[3 + size : -1], "big")
    rat, ci = word >> bits, word & ((1 << bits) - 1)
    if (rat == 5) != (size == 3) or (rat >= len(RATS) and rat != _RAT_UNKNOWN):
        raise ValueError("unknown RAT")
    cell = {}
    if octets[:3] != b"\xff\xff\xff":
        plmn = _unpack_plmn(octets[:3])
        if plmn is None:
            raise ValueError("PLMN is not decimal")
        cell["plmn"] = plmn
    if rat != _RAT_UNKNOWN:
        cell["rat"] = RATS[rat]
    if area != (1 << 8 * size) - 1:
        cell["lac" if rat in (0, 1) else "tac"] = area
    if ci != (1 << bits) - 1:
        cell["cell_id"] = ci
    if octets[-1] != 255:
        cell["rsrp_dbm"] = -octets[-1]
    return cell
