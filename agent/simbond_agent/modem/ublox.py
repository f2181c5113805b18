"""u-blox SARA-R4, SARA-R5, LARA-R6, LENA-R8, TOBY-L2.

Sources: SARA-R5 series AT commands manual UBX-19047455, SARA-R4 series AT commands manual UBX-17003787.
"""

from ..cell import area, cell_id, fields, plain, plmn, put, rsrp_dbm, rsrq_db, rxlev_dbm

_GSM, _UMTS, _LTE = "2", "3", "4"


def _plain_line(row):
    """+RSRP: <pci>,<earfcn>,<value>, of +UCGED=5; the serving cell comes first."""
    return plain(fields(row)[2]) if row.count(",") > 1 else None


def ucged(command, rows):
    """<mode>; then <rat>,<svc>,<mcc>,<mnc>; then a line whose layout depends on <rat>.

    <rat> above 4 is LTE in a flavour that the manuals number differently from series to series.
    """
    out = {}
    rat = None
    for row in rows:
        f = fields(row)
        if row[:6] == "+RSRP:":
            out.setdefault("rsrp_dbm", _plain_line(row))
        elif row[:6] == "+RSRQ:":
            out.setdefault("rsrq_db", _plain_line(row))
        elif len(f) == 4 and rat is None:
            rat = f[0]
            put(out, plmn=plmn(f[2], f[3]), rat={_GSM: "GSM", _UMTS: "UMTS", _LTE: "LTE"}.get(rat))
        elif rat == _GSM and len(f) > 6:
            # <arfcn>,<band1900>,<cell>,<bsic>,<lac>,<rac>,<rxlev>
            return put(out, cell_id=cell_id(f[2]), lac=area(f[4]), rssi_dbm=rxlev_dbm(f[6]))
        elif rat == _UMTS and len(f) > 3:
            # <uarfcn>,<band>,<cell>,<lac>
            return put(out, cell_id=cell_id(f[2]), lac=area(f[3]))
        elif rat and len(f) > 11:
            # <earfcn>,<band>,<ul_bw>,<dl_bw>,<tac>,<cell>,<pci>,<mTmsi>,<mmeGrId>,<mmeCode>,<rsrp>,<rsrq>
            put(out, tac=area(f[4]), cell_id=cell_id(f[5]))
            return put(out, rsrp_dbm=rsrp_dbm(f[10]), rsrq_db=rsrq_db(f[11]))
    return put({}, **out)


def uusimstat(command, rows):
    """The URC +UUSIMSTAT: <state>"""
    return put({}, sim={"0": "absent", "1": "pin", "6": "ready"}.get(fields(rows[0])[0]) if rows else None)


PARSE = {"+UCGED": ucged, "+UUSIMSTAT": uusimstat}
ALSO = {"+UCGED": ("+RSRP", "+RSRQ")}
CELL = ("AT+UCGED?",)
# +USIMSTAT bit 0: states 0 to 6 of the card; bit 2: REFRESH, as an eSIM says that its profile is another.
SETUP_MORE = ("AT+UCGED=2", "AT+USIMSTAT=5")
SIM_URC = {
    "+UUSIMSTAT:0": "removed",
    "+UUSIMSTAT:1": "inserted",
    "+UUSIMSTAT:6": "inserted",
    "+UUSIMSTAT:9": "inserted",
}
LTE_M = ("SARA-R4", "SARA-R5")
