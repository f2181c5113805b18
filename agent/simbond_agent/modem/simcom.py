"""SIMCom SIM800, SIM7000, SIM7070/7080, SIM7500/7600, A76xx, SIM8200.

Sources: SIM7500_SIM7600 Series AT Command Manual, SIM7070_SIM7080_SIM7090 Series AT Command Manual,
SIM82XX_SIM83XX Series AT Command Manual.
"""

from ..cell import area, cell_id, fields, number, plain, plmn, put
from .generic import detected, iccid

_RATS = {
    "GSM": "GSM",
    "EDGE": "GSM",
    "WCDMA": "UMTS",
    "TDS": "UMTS",
    "LTE": "LTE",
    "LTE CAT-M1": "LTE-M",
    "LTE NB-IOT": "NB-IoT",
    "NR5G_SA": "NR",
}


def _scale(rsrp):
    # SIM7600 and SIM8200 give tenths, SIM7000 and SIM7080 whole dBm; no RSRP is below -156 dBm, and none above -44.
    value = number(rsrp)
    return 10 if value is not None and value < -200 else 1


def cpsi(command, rows):
    """<mode>,<operation>,<mcc>-<mnc>,<lac or tac>,<cell>,...: the area is hex behind 0x, the cell decimal.

    LTE goes on: <pci>,<band>,<earfcn>,<dl_bw>,<ul_bw>,<rsrq>,<rsrp>,<rssi>,<rssnr>. NR: <pci>,<band>,<arfcn>,<rsrp>,
    <rsrq>,<snr>. GSM: <arfcn>,<rxlev>. With EN-DC a second line NR5G_NSA has no identity: the first, LTE, counts.
    """
    for row in rows:
        f = fields(row)
        rat = _RATS.get(f[0].upper())
        if not rat or len(f) < 5 or f[1] != "Online":
            continue
        out = put({"rat": rat}, plmn=plmn(f[2]), cell_id=cell_id(f[4], 10))
        put(out, **{"lac" if rat in ("GSM", "UMTS") else "tac": area(f[3])})
        f += [""] * (13 - len(f))
        if rat == "GSM":
            return put(out, rssi_dbm=plain(f[6]))
        if rat == "UMTS":
            return out
        if rat == "NR":
            scale = _scale(f[8])
            return put(out, rsrp_dbm=plain(f[8], scale), rsrq_db=plain(f[9], scale))
        scale = _scale(f[11])
        return put(out, rsrq_db=plain(f[10], scale), rsrp_dbm=plain(f[11], scale), rssi_dbm=plain(f[12], scale))
    return {}


def simcard(command, rows):
    """The URC +SIMCARD: NOT AVAILABLE"""
    return {"sim": "absent"} if rows == ["NOT AVAILABLE"] else {}


PARSE = {"+CICCID": iccid, "+CPSI": cpsi, "+CSMINS": detected, "+SIMCARD": simcard}
# SIM7000 and SIM7080 know the first, SIM7600 the second, A76xx both.
ICCID = ("AT+CCID", "AT+CICCID")
CELL = ("AT+CPSI?",)
# SIM800 and SIM70xx announce by +CSMINS; SIM7600 and A76xx by +CPIN, once the maker has set +UIMHOTSWAPON.
SETUP_MORE = ("AT+CSMINS=1",)
SIM_URC = {"+SIMCARD:NOTAVAILABLE": "removed", "+CSMINS:1,0": "removed", "+CSMINS:1,1": "inserted"}
LTE_M = ("SIM70", "SIMCOM_SIM70")
