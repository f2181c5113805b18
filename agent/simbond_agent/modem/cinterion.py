"""Cinterion (Gemalto, Thales) EHS, ELS, PLS, TX62. Source: ELS61-E AT Command Set; PLS62-W AT Command Set."""

from ..cell import area, cell_id, fields, plain, plmn, put
from .generic import detected, iccid


def smoni(command, rows):
    """2G,<arfcn>,<rssi>,<mcc>,<mnc>,<lac>,<cell>,...
    3G,<uarfcn>,<psc>,<ecn0>,<rscp>,<mcc>,<mnc>,<lac>,<cell>,...
    4G,<earfcn>,<band>,<dl_bw>,<ul_bw>,<mode>,<mcc>,<mnc>,<tac>,<cell>,<pci>,<tx_power>,<rsrp>,<rsrq>,...
    """
    for row in rows:
        f = fields(row)
        if "SEARCH" in f[:3]:
            return {"reg": "searching"}
        f += [""] * (14 - len(f))
        if f[0] == "2G":
            out = put({"rat": "GSM"}, plmn=plmn(f[3], f[4]), rssi_dbm=plain(f[2]))
            return put(out, lac=area(f[5]), cell_id=cell_id(f[6]))
        if f[0] == "3G":
            return put({"rat": "UMTS"}, plmn=plmn(f[5], f[6]), lac=area(f[7]), cell_id=cell_id(f[8]))
        if f[0] == "4G":
            out = put({"rat": "LTE"}, plmn=plmn(f[6], f[7]), tac=area(f[8]), cell_id=cell_id(f[9]))
            return put(out, rsrp_dbm=plain(f[12]), rsrq_db=plain(f[13]))
    return {}


PARSE = {"^SMONI": smoni, "^SCID": iccid, "^SCKS": detected}
ICCID = ("AT+CCID", "AT^SCID")
CELL = ("AT^SMONI",)
SETUP_MORE = ("AT^SCKS=1",)
SIM_URC = {"^SCKS:0": "removed", "^SCKS:1": "inserted"}
