"""Sierra Wireless EM74xx, EM91xx, MC87xx. Source: AirPrime EM74xx/MC74xx AT Command Reference 4118047."""

from ..cell import area, cell_id, plain, plmn, put
from .generic import iccid

_RATS = {"LTE": "LTE", "WCDMA": "UMTS", "UMTS": "UMTS", "GSM": "GSM", "NR5G": "NR"}


def _value(text, label):
    """The word behind the label in a screen of "label: value" columns; "" when it is not there."""
    i = text.find(label)
    words = text[i + len(label) :].split() if i >= 0 else ()
    return words[0] if words else ""


def gstatus(command, rows):
    """A screen of columns. With several receivers it names one RSRP each and none for the cell: that is left out."""
    text = "\n".join(rows)
    rat = _RATS.get(_value(text, "System mode:"))
    out = put({}, rat=rat)
    if rat == "NR":
        put(out, tac=area(_value(text, "NR5G TAC:")), cell_id=cell_id(_value(text, "NR5G Cell ID:")))
        put(out, rsrp_dbm=plain(_value(text, "NR5G RSRP (dBm):")), rsrq_db=plain(_value(text, "NR5G RSRQ (dB):")))
    elif rat == "LTE":
        put(out, tac=area(_value(text, "TAC:")), cell_id=cell_id(_value(text, "Cell ID:")))
        put(out, rsrq_db=plain(_value(text, "RSRQ (dB):")))
        if text.count("RSRP (dBm):") == 1:
            put(out, rsrp_dbm=plain(_value(text, "RSRP (dBm):")), rssi_dbm=plain(_value(text, "RSSI (dBm):")))
    return out


def lteinfo(command, rows):
    """A table: the row below "Serving:" has the columns that its head names; TAC decimal, CID hex."""
    for i in range(len(rows) - 1):
        if rows[i].startswith("Serving:"):
            cell = dict(zip(rows[i].split()[1:], rows[i + 1].split()))  # noqa: B905 (MicroPython has no strict=)
            out = put({"rat": "LTE"}, plmn=plmn(cell.get("MCC", ""), cell.get("MNC", "")))
            put(out, tac=area(cell.get("TAC", ""), 10), cell_id=cell_id(cell.get("CID", "")))
            put(out, rsrp_dbm=plain(cell.get("RSRP", "")), rsrq_db=plain(cell.get("RSRQ", "")))
            return put(out, rssi_dbm=plain(cell.get("RSSI", "")))
    return {}


PARSE = {"!ICCID": iccid, "!GSTATUS": gstatus, "!LTEINFO": lteinfo}
ICCID = ("AT!ICCID?", "AT+CCID")  # the second on HL78xx
IDENTITY_MORE = ("AT+CCID",)  # with the EID behind it
CELL = ("AT!LTEINFO?", "AT!GSTATUS?")
