"""Quectel EC2x, EG9x, EP06, EC200, EG800, BG95/BG96, RG5xx/RM5xx and, for +QENG, M95.

Sources: EC2x&EG9x&EM05 AT Commands Manual, BG95&BG77&BG600L AT Commands Manual, RG50xQ&RM5xxQ AT Commands Manual.
"""

from .. import identity
from ..cell import area, cell_id, fields, number, plain, plmn, put
from .generic import detected, eid, iccid, only

_RATS = {
    "GSM": "GSM",
    "GPRS": "GSM",
    "EDGE": "GSM",
    "WCDMA": "UMTS",
    "HSDPA": "UMTS",
    "HSUPA": "UMTS",
    "HSPA+": "UMTS",
    "TDSCDMA": "UMTS",
    "LTE": "LTE",
    "FDD LTE": "LTE",
    "TDD LTE": "LTE",
    "EMTC": "LTE-M",
    "CAT-M": "LTE-M",
    "CAT-M1": "LTE-M",
    "CAT-NB": "NB-IoT",
    "CAT-NB1": "NB-IoT",
    "NBIOT": "NB-IoT",
    "NTN NBIOT": "NB-IoT",
    "NR5G": "NR",
    "NR5G-SA": "NR",
    "FDD NR5G": "NR",
    "TDD NR5G": "NR",
}


def _gsm(f):
    # "GSM",<mcc>,<mnc>,<lac>,<cellid>,<bsic>,<arfcn>,<band>,<rxlev>
    return put({}, plmn=plmn(f[1], f[2]), lac=area(f[3]), cell_id=cell_id(f[4]), rssi_dbm=plain(f[8]))


def _umts(f):
    # "WCDMA",<mcc>,<mnc>,<lac>,<cellid>,<uarfcn>,<psc>,<rac>,<rscp>,<ecio>
    return put({}, plmn=plmn(f[1], f[2]), lac=area(f[3]), cell_id=cell_id(f[4]))


def _lte(f):
    # "LTE",<is_tdd>,<mcc>,<mnc>,<cellid>,<pcid>,<earfcn>,<band>,<ul_bw>,<dl_bw>,<tac>,<rsrp>,<rsrq>,<rssi>
    out = put({}, plmn=plmn(f[2], f[3]), cell_id=cell_id(f[4]), tac=area(f[10]))
    return put(out, rsrp_dbm=plain(f[11]), rsrq_db=plain(f[12]), rssi_dbm=plain(f[13]))


def _nr(f):
    # "NR5G-SA",<duplex>,<mcc>,<mnc>,<cellid>,<pcid>,<tac>,<arfcn>,<band>,<dl_bw>,<rsrp>,<rsrq>
    out = put({}, plmn=plmn(f[2], f[3]), cell_id=cell_id(f[4]), tac=area(f[6]))
    return put(out, rsrp_dbm=plain(f[10]), rsrq_db=plain(f[11]))


_LAYOUT = {"GSM": _gsm, "UMTS": _umts, "LTE": _lte, "LTE-M": _lte, "NB-IoT": _lte, "NR": _nr}


def _m95(f):
    # 0,<mcc>,<mnc>,<lac>,<cellid>,<bcch>,<bsic>,<dbm>
    out = put({}, plmn=plmn(f[1], f[2]), lac=area(f[3]), cell_id=cell_id(f[4]), rssi_dbm=plain(f[7]))
    return put(out, rat="GSM" if out else None)


def qeng(command, rows):
    """"servingcell",<state>[,<rat>,...]; with EN-DC the state stands alone and a line "LTE",... follows."""
    for row in rows:
        f = fields(row)
        if f[0] == "servingcell":
            if f[1:2] == ["SEARCH"]:
                return {"reg": "searching"}
            f = f[2:]
        if not f:
            continue
        rat = _RATS.get(f[0].upper())
        f += [""] * (14 - len(f))
        if rat:
            return put(_LAYOUT[rat](f), rat=rat)
        if f[0] == "0" and f[7] and command[-2:] != "=0":
            return _m95(f)
    return {}


def qnwinfo(command, rows):
    """<Act>,<oper>,<band>,<channel>; with EN-DC a second line for NR. Channel 0: no cell, the rest is old."""
    for row in rows:
        f = fields(row)
        rat = _RATS.get(f[0].upper())
        if rat and len(f) > 3 and number(f[3], 1):
            return put({"rat": rat}, plmn=plmn(f[1]))
    return {}


def qcsq(command, rows):
    """LTE: RSSI, RSRP, SINR, RSRQ; NR: RSRP, SINR, RSRQ; GSM: RSSI; WCDMA: RSSI, RSCP, Ec/Io."""
    for row in rows:
        f = fields(row)
        rat = _RATS.get(f[0].upper())
        if not rat:
            continue
        f += [""] * 4
        if rat == "NR":
            return put({"rat": rat}, rsrp_dbm=plain(f[1]), rsrq_db=plain(f[3]))
        out = put({"rat": rat}, rssi_dbm=plain(f[1]))
        if rat not in ("GSM", "UMTS"):
            put(out, rsrp_dbm=plain(f[2]), rsrq_db=plain(f[4]))
        return out
    return {}


def qesim(command, rows):
    """"eid",<EID>"""
    return eid(command, [fields(row)[-1] for row in rows])


def egmr(command, rows):
    """<IMEI> of slot 1 (item 7) and, on modules with two, of slot 2 (item 10; others have the IMEISV there)."""
    found = only(identity.imei, rows)
    if not found or len(found) != 15 or not identity.luhn(found):
        return {}
    return {"imei2" if command[-3:] == ",10" else "imei": found} if command[-3:] in (",10", "0,7") else {}


PARSE = {
    "+QCCID": iccid,
    "%CCID": iccid,
    "+QENG": qeng,
    "+QNWINFO": qnwinfo,
    "+QCSQ": qcsq,
    "+QESIM": qesim,
    "+QSIMSTAT": detected,
    "+EGMR": egmr,
}
ICCID = ("AT+QCCID",)
CELL = ('AT+QENG="servingcell"',)
# The level of the detect pin (+QSIMDET) is wiring: the board maker sets it once, it survives power-off.
SETUP_MORE = ("AT+QSIMSTAT=1",)
IDENTITY_MORE = ('AT+QESIM="eid"', "AT+EGMR=0,10")
CLOCK = ("AT+QLTS=1", False)
SIM_URC = {"+QSIMSTAT:1,0": "removed", "+QSIMSTAT:1,1": "inserted"}
LTE_M = ("BG7", "BG9")
