"""Sequans Monarch. Source: Monarch AT Commands Reference Manual."""

from ..cell import area, plain, plmn, put
from .generic import iccid
from .labelled import labelled


def sqnmoni(command, rows):
    """[<name>] Cc: Nc: RSRP: CINR: RSRQ: TAC: Id: ...; TAC is decimal, Id the physical cell identity, -1 no value."""
    for row in rows:
        name, v = labelled(row)
        code = plmn(v.get("CC", ""), v.get("NC", ""))
        if code:
            out = put({"plmn": code}, operator=name or None, tac=area(v.get("TAC", ""), 10))
            return put(out, rsrp_dbm=plain(v.get("RSRP", "")), rsrq_db=plain(v.get("RSRQ", "")))
    return {}


PARSE = {"+SQNCCID": iccid, "+SQNMONI": sqnmoni}
ICCID = ("AT+SQNCCID",)
CELL = ("AT+SQNMONI=9",)
IDENTITY_MORE = ICCID  # with the EID behind it
LTE_M = ("",)
