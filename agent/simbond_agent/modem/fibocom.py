"""Fibocom L610, L716, FM150/FM160, FM350, FG650.

Sources: L610 AT Commands User Manual, FM350-GL AT Commands User Manual, FG650 AT Commands User Manual.
"""

from ..cell import area, cell_id, fields, plmn, put, rsrp_dbm, rsrq_db, ss_rsrp_dbm, ss_rsrq_db

_RATS = {"1": "GSM", "2": "UMTS", "4": "LTE", "5": "LTE-M", "6": "NB-IoT", "9": "NR"}


def gtccinfo(command, rows):
    """A line a cell: <serving>,<rat>,<mcc>,<mnc>,<lac or tac>,<cell>,...,<rsrp>,<rsrq> with <serving> 1; area and cell
    are hex, LTE and NR have 14 fields. Lines such as "LTE service cell:" stand between.
    """
    for row in rows:
        f = fields(row)
        rat = _RATS.get(f[1]) if len(f) > 5 and f[0] == "1" else None
        if rat is None or not f[2]:
            continue  # with EN-DC the NR row has no identity
        out = put({"rat": rat}, plmn=plmn(f[2], f[3]), cell_id=cell_id(f[5]))
        if rat in ("GSM", "UMTS"):
            return put(out, lac=area(f[4]))
        put(out, tac=area(f[4]))
        if len(f) < 14:
            return out
        if rat == "NR":
            return put(out, rsrp_dbm=ss_rsrp_dbm(f[12]), rsrq_db=ss_rsrq_db(f[13]))
        return put(out, rsrp_dbm=rsrp_dbm(f[12]), rsrq_db=rsrq_db(f[13]))
    return {}


def sim(command, rows):
    """The URC "+SIM: Removed", "+SIM: Inserted"."""
    return {"sim": "absent"} if "REMOVED" in [row.upper() for row in rows] else {}


def drop(command, rows):
    """The URC "+SIM DROP"."""
    return {"sim": "absent"}


PARSE = {"+GTCCINFO": gtccinfo, "+SIM": sim, "+SIM DROP": drop}
ICCID = ("AT+CCID", "AT+ICCID")  # L610 knows the first, FM350 the second
CELL = ("AT+GTCCINFO?",)
SIM_URC = {"+SIM:REMOVED": "removed", "+SIMDROP": "removed", "+SIM:INSERTED": "inserted"}
