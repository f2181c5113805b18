"""Quectel NB-IoT: BC95, BC28, BC26, BC660K.

Sources: BC95-G&BC68 AT Commands Manual, BC26 AT Commands Manual, BC660K-GL AT Commands Manual.
"""

from ..cell import area, cell_id, fields, plain, put, raw_fields
from .generic import iccid


def qeng(command, rows):
    """0,<earfcn>,<offset>,<pci>,<cellid>,<rsrp>,<rsrq>,<rssi>,<sinr>,<band>,<tac>: cellid and tac are hex strings."""
    for row in rows:
        f = fields(row)
        raw = raw_fields(row)
        if f[0] == "0" and len(f) > 10 and raw[4][:1] == '"':
            out = put({"rat": "NB-IoT"}, cell_id=cell_id(f[4]), rsrp_dbm=plain(f[5]), rsrq_db=plain(f[6]))
            return put(out, rssi_dbm=plain(f[7]), tac=area(f[10]) if raw[10][:1] == '"' else None)
    return {}


_RADIO = {"signal power": "rsrp_dbm", "total power": "rssi_dbm", "rsrq": "rsrq_db"}


def nuestats(command, rows):
    """One "<name>:<value>" a line, in newer firmware behind "NUESTATS:RADIO,"; powers in tenths of dBm.

    CELL: NUESTATS:CELL,<earfcn>,<pci>,<primary>,<rsrp>,<rsrq>,<rssi>,<snr>.
    """
    out = {}
    for row in rows:
        if row[:9] == "NUESTATS:":
            row = row[9:].strip()
        f = fields(row)
        if f[0] == "CELL" and len(f) > 6 and f[3] == "1":
            put(out, rsrp_dbm=plain(f[4], 10), rsrq_db=plain(f[5], 10), rssi_dbm=plain(f[6], 10))
        name, _, value = f[-1].partition(":")
        name = name.strip().lower()
        value = value.strip()
        if name == "cell id":
            put(out, cell_id=cell_id(value, 10))
        elif name in _RADIO:
            put(out, **{_RADIO[name]: plain(value, 10)})
    return out


PARSE = {"+NCCID": iccid, "+QCCID": iccid, "+QENG": qeng, "+NUESTATS": nuestats}
# BC26 and BC660K know the first of each, BC95 and BC28 the second.
ICCID = ("AT+QCCID", "AT+NCCID")
CELL = ("AT+QENG=0", "AT+NUESTATS=RADIO")
IDENTITY_MORE = ("AT+CGSN=2",)
LTE_M = ("BC", "QUECTEL_BC")
CLOCK = None  # BC95 shows UTC behind a zone of its own, BC26 local time
