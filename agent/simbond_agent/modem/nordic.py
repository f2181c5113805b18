"""Nordic nRF9160, nRF9161, nRF9151. Source: nRF91x1 AT Commands Reference Guide."""

from ..cell import act, area, cell_id, fields, plmn, put, registration, rsrp_dbm
from .generic import iccid


def xmonitor(command, rows):
    """<reg_status>[,<full>,<short>,<plmn>,<tac>,<AcT>,<band>,<cell>,<pci>,<earfcn>,<rsrp>,<snr>,...]; tac, cell hex."""
    for row in rows:
        f = fields(row)
        out = registration("+CEREG", f[0], False)
        if out.get("reg") not in ("home", "roaming") or len(f) < 11:
            return out
        rat = act(f[5])
        # These modems know no other E-UTRA than Cat-M1 and NB1/NB2.
        put(out, rat="LTE-M" if rat == "LTE" else rat, operator=f[1] or f[2] or None, plmn=plmn(f[3]))
        return put(out, tac=area(f[4]), cell_id=cell_id(f[7]), rsrp_dbm=rsrp_dbm(f[10]))
    return {}


PARSE = {"%XICCID": iccid, "%XMONITOR": xmonitor}
ICCID = ("AT%XICCID",)
CELL = ("AT%XMONITOR",)
SETUP_MORE = ("AT%XSIM=1",)
IDENTITY_MORE = ("AT+CGSN=2",)
SIM_URC = {"%XSIM:0": "removed", "%XSIM:1": "inserted"}
LTE_M = ("",)
CLOCK = ("AT+CCLK?", False)
