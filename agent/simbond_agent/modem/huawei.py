"""Huawei ME909, MU/EM series, E-series sticks. Source: ME909s Series LTE Module AT Command Interface Specification."""

from ..cell import coded, fields, put, rsrp_dbm, rsrq_db
from .generic import iccid

_SYS_MODE = {"3": "GSM", "5": "UMTS", "15": "UMTS"}
_RATS = {"GSM": "GSM", "WCDMA": "UMTS", "TD-SCDMA": "UMTS", "LTE": "LTE", "NR": "NR"}
# 1 valid; 2, 3 and 4 are refused by the network, 0 is broken, 240 a card of the module itself.
_SIM = {"1": "ready", "255": "absent"}


def _registered(srv_status, roam_status):
    return {"0": "home", "1": "roaming"}.get(roam_status) if srv_status == "2" else None


def hcsq(command, rows):
    """<sysmode>,<rssi>[,<rsrp>,<sinr>,<rsrq>] as indices; WCDMA has RSCP and Ec/Io instead."""
    out = {}
    for row in rows:
        f = fields(row) + [""] * 4
        rat = _RATS.get(f[0])
        if rat is None:
            continue
        put(out, rat=rat, rssi_dbm=None if rat == "NR" else coded(f[1], 96, -121))
        if rat == "LTE":
            put(out, rsrp_dbm=rsrp_dbm(f[2]), rsrq_db=rsrq_db(f[4]))
    return out


def sysinfo(command, rows):
    """<srv_status>,<srv_domain>,<roam_status>,<sys_mode>,<sim_state>[,<lock_state>,<sys_submode>]"""
    for row in rows:
        f = fields(row)
        if len(f) > 4:
            return put({}, sim=_SIM.get(f[4]), rat=_SYS_MODE.get(f[3]), reg=_registered(f[0], f[2]))
    return {}


def sysinfoex(command, rows):
    """<srv_status>,<srv_domain>,<roam_status>,<sim_state>,<lock_state>,<sysmode>,<sysmode_name>,<submode>,<name>"""
    for row in rows:
        f = fields(row)
        if len(f) > 6:
            return put({}, sim=_SIM.get(f[3]), rat=_RATS.get(f[6]), reg=_registered(f[0], f[2]))
    return {}


def mode(command, rows):
    """The URC ^MODE: <sys_mode>[,<sys_submode>]"""
    return put({}, rat=_SYS_MODE.get(fields(rows[0])[0]) if rows else None)


def simst(command, rows):
    """The URC ^SIMST: <sim_state>[,<lock_state>]"""
    return put({}, sim=_SIM.get(fields(rows[0])[0]) if rows else None)


PARSE = {
    "^ICCID": iccid,
    "^HCSQ": hcsq,
    "^SYSINFO": sysinfo,
    "^SYSINFOEX": sysinfoex,
    "^MODE": mode,
    "^SIMST": simst,
}
ICCID = ("AT^ICCID?",)
CELL = ("AT^HCSQ?",)
SIM_URC = {"^SIMST:1": "inserted", "^SIMST:255": "removed"}
