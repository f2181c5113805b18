"""Telit ME910, LE910, LM960, HE910, GE/GM8xx.

Sources: ME910C1 AT Commands Reference Guide 80529ST10815A, LM960 AT Commands Reference Guide 80568ST10869A, HE910 AT
Commands Reference Guide 80378ST10091A.
"""

from .. import identity
from ..cell import area, cell_id, fields, hexadecimal, plain, plmn, put, raw_fields
from .generic import iccid
from .labelled import labelled


def qss(command, rows):
    """<mode>,<status>, as a URC <status> alone: 0 no card, 1 inserted, 2 PIN unlocked, 3 ready."""
    states = [fields(row)[-1] for row in rows]
    return put({}, sim={"0": "absent", "3": "ready"}.get(states[-1]) if states else None)


def rfsts(command, rows):
    """The layout depends on the RAT and is told by where the IMSI stands; the cell identity is in front of it.

    GSM: <plmn>,<arfcn>,<rssi>,<lac>,<rac>,<txpwr>,<mm>,<rr>,<nom>,<cid>,<imsi>,<name>
    WCDMA: <plmn>,<uarfcn>,<psc>,<ecio>,<rscp>,<rssi>,<lac>,<rac>,<txpwr>,<drx>,<mm>,<rrc>,<nom>,<bler>,<cid>,
    <imsi>,<name>
    LTE: <plmn>,<earfcn>,<rsrp>,<rssi>,<rsrq>,<tac>,<rac>,<txpwr>,<drx>,<mm>,<rrc>,<cid>,<imsi>,<name>, where ME910
    has no <rac>
    """
    found = [row for row in rows if row.count(",") > 9]
    for row in found if len(found) == 1 else ():  # of two it is not known which is ours
        f = fields(row)
        raw = raw_fields(row)
        places = [i for i in range(8, len(f)) if raw[i][:1] == '"' or identity.imsi(f[i])]
        if not places:
            break
        i = places[0]
        out = put({}, imsi=identity.imsi(f[i]), plmn=plmn(f[0]))
        if "plmn" not in out:
            return out
        put(out, cell_id=cell_id(f[i - 1]), operator=f[i + 1] or None if len(f) > i + 1 else None)
        if i == 10:
            return put(out, rat="GSM", rssi_dbm=plain(f[2]), lac=area(f[3]))
        if i == 15:
            return put(out, rat="UMTS", rssi_dbm=plain(f[5]), lac=area(f[6]))
        if i in (11, 12):
            put(out, rat="LTE" if i == 12 else None, tac=area(f[5]))
            return put(out, rsrp_dbm=plain(f[2]), rssi_dbm=plain(f[3]), rsrq_db=plain(f[4]))
    return {}


def servinfo(command, rows):
    """LTE: <earfcn>,<dbm>,<name>,<plmn>,<cell>,<tac>,<drx>,<sd>,<rsrp>; WCDMA the same with <psc>,<lac> and <rscp>, and
    <nom> behind it; GSM: <arfcn>,<dbm>,<name>,<plmn>,<bsic>,<lac>,<ta>,<gprs>[,<pbarfcn>,<nom>,<rac>,<pat>].
    """
    for row in rows:
        f = fields(row)
        code = plmn(f[3]) if len(f) > 7 else None
        if code is None:
            continue
        out = put({"plmn": code}, rssi_dbm=plain(f[1]), operator=f[2] or None)
        power = plain(f[8]) if len(f) > 8 else None
        if power is None:
            return put(out, rat="GSM", lac=area(f[5]))
        if len(f) > 9:
            return put(out, rat="UMTS", lac=area(f[5]))
        # Some firmware gives the physical cell identity instead: that has 503 for its highest.
        cell = f[4] if (hexadecimal(f[4]) or 0) > 0x503 else ""
        return put(out, rat="LTE", tac=area(f[5]), cell_id=cell_id(cell), rsrp_dbm=power)
    return {}


def moni(command, rows):
    """The serving cell comes first. Without TAC or LAC beside it, Id is the physical cell identity."""
    if not rows:
        return {}
    name, v = labelled(rows[0])
    out = put({}, plmn=plmn(v["CC"], v["NC"]) if "CC" in v and "NC" in v else None)
    put(out, rsrp_dbm=plain(v.get("RSRP", "")), rsrq_db=plain(v.get("RSRQ", "")))
    put(out, rssi_dbm=plain(v.get("PWR", "").lower().replace("dbm", "")))
    put(out, tac=area(v.get("TAC", "")), lac=area(v.get("LAC", "")))
    if "TAC" in v or "LAC" in v:
        put(out, cell_id=cell_id(v.get("ID", "")))
    if out and name:
        out["operator"] = name
    return put(out, rat="GSM" if "BSIC" in v else "UMTS" if "RSCP" in v else None)


PARSE = {"#CCID": iccid, "#QSS": qss, "#RFSTS": rfsts, "#SERVINFO": servinfo, "#MONI": moni}
ICCID = ("AT#CCID",)
CELL = ("AT#RFSTS",)
SETUP_MORE = ("AT#QSS=1",)
SIM_URC = {"#QSS:0": "removed", "#QSS:1": "inserted", "#QSS:3": "inserted"}
LTE_M = ("ME910", "ME310", "ML865")
