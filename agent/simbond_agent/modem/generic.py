"""3GPP TS 27.007 and what most modules add to it; the defaults of every other dialect.

A dialect is a module with PARSE (reply name -> function(command, rows) -> dict) and, where it differs from here,
ICCID, CELL, CLOCK, SETUP_MORE, IDENTITY_MORE, SIM_URC, ALSO (further prefixes that belong to a reply) and LTE_M (starts
of the models that know no LTE but LTE-M and NB-IoT). command is "AT..." for a reply and the bare name ("+CREG") for a
URC; rows are what stands behind that name, and the lines that have none.
"""

from .. import identity
from ..at import name_of
from ..cell import (
    act,
    csq_dbm,
    fields,
    hexadecimal,
    plmn,
    put,
    registration,
    rsrp_dbm,
    rsrq_db,
    rxlev_dbm,
    ss_rsrp_dbm,
    ss_rsrq_db,
)

SETUP = ("ATE0", "AT+CMEE=1", "AT+CREG=2", "AT+CGREG=2", "AT+CEREG=2", "AT+C5GREG=2", "AT+COPS=3,2")
SETUP_MORE = ()
IDENTITY_MORE = ()
ICCID = ("AT+CCID",)  # asked in this order until one answers
EF_ICCID = "AT+CRSM=176,12258,0,0,10"
CELL = ()
REGISTRATION = ("AT+CEREG?", "AT+C5GREG?", "AT+CGREG?", "AT+CREG?")
CLOCK = ("AT+CCLK?", True)  # and whether it shows local time; None where the manual leaves that open
SIM_URC = {
    "+CPIN:READY": "inserted",
    "+CPIN:SIMPIN": "inserted",
    "+CPIN:NOTREADY": "removed",
    "+CPIN:NOTINSERTED": "removed",
    "+CPIN:SIMREMOVED": "removed",
}

# TS 27.007 clause 9.2; what is not here (PUK, device locks, failures) has no word among the SIM states.
_SIM_OF_ERROR = {
    "10": "absent",
    "SIM NOT INSERTED": "absent",
    "11": "pin",
    "SIM PIN REQUIRED": "pin",
    "14": "busy",
    "SIM BUSY": "busy",
}
_SIM_OF_CPIN = {
    "READY": "ready",
    "SIM PIN": "pin",
    "NOT INSERTED": "absent",
    "SIM NOT INSERTED": "absent",
    "NOT READY": "busy",
    "SIM BUSY": "busy",
}


def error(final):
    """error ("cme:" or "cms:" and the code or text as sent, or "error") and, where it says so, sim."""
    if ":" not in final:
        return {"error": "error"}
    what = final[final.find(":") + 1 :].strip()
    kind = final[1:4].lower()
    return put({"error": kind + ":" + what}, sim=_SIM_OF_ERROR.get(what.upper()) if kind == "cme" else None)


def only(check, rows):
    """The one value that check accepts in the first fields of rows; None when there are none, or two that differ.

    None also when a row is damaged, or a piece of a number that a URC has torn apart: a whole one is not to be had.
    """
    found = None
    for row in rows:
        first = fields(row)[0]
        value = check(first)
        if row.count('"') & 1 or (value and found and value != found) or (not value and _is_damaged(first)):
            return None
        found = value or found
    return found


def _is_damaged(text):
    for c in text:
        if not " " <= c <= "~":
            return True
    return len(text) < 14 and hexadecimal(text) is not None


def iccid(command, rows):
    """<ICCID>[,<EID>]; the name may stand in front of it without a mark. Anything else behind it says that two lines
    have become one.
    """
    rows = [r[6:].strip() if r[:6].upper() == "ICCID:" else r for r in rows]
    behind = [r.split(",", 1)[1] for r in rows if "," in r]
    found = only(identity.eid, behind)
    if not found and "".join(behind).strip(' ",'):
        return {}
    return put({}, iccid=only(identity.iccid, rows), eid=found)


def eid(command, rows):
    return put({}, eid=only(identity.eid, rows))


def _imei(text):
    return identity.imei(text[4:].lstrip(": ") if text[:4].upper() == "IMEI" else text)


def cgsn(command, rows):
    # <snt>: 0 serial number, 1 IMEI, 2 IMEISV, 3 SVN (clause 5.4); without it most give the IMEI.
    snt = command[command.find("=") + 1 :].strip() if "=" in command else ""
    out = {}
    if snt in ("", "1"):
        found = only(_imei, rows)
        if found and len(found) >= 14 + len(snt):  # for <snt> 1 all fifteen digits are laid down
            out["imei"] = found
    if snt in ("", "2"):
        put(out, imeisv=only(identity.imeisv, rows))
    if len(out) == 2 and out["imei"][:14] != out["imeisv"][:14]:
        return {}  # two modems' answers
    return out


def cimi(command, rows):
    return put({}, imsi=only(identity.imsi, rows))


def ati(command, rows):
    # Fourteen digits would be half a line here: nobody prints an IMEI for people without its check digit.
    found = only(_imei, [r for r in rows if r[:5].upper() == "IMEI:"])
    return {"imei": found} if found and len(found) == 15 else {}


def crsm(command, rows):
    """READ BINARY of EF_ICCID (12258 = 2FE2); clause 8.18, TS 31.102 clause 4.2.2."""
    arguments = fields(command[command.find("=") + 1 :])
    if arguments[:2] != ["176", "12258"]:
        return {}
    # SW1: 144 done, 145 done and a proactive command waits, 159 done by a 2G card.
    done = [f[2] for f in [fields(r) for r in rows] if len(f) > 2 and f[0] in ("144", "145", "159")]
    return put({}, iccid=only(identity.iccid, [d for d in done if len(d) == 20]))


def cpin(command, rows):
    out = {}
    for row in rows:
        state = row.strip('" ').upper()
        put(out, sim="absent" if state.startswith("SIM REMOVED") else _SIM_OF_CPIN.get(state))
    return out


def detected(command, rows):
    """<mode>,<status>, as a URC of some <status> alone: 0 no card. A card that is in need not be ready."""
    return {"sim": "absent"} if rows and fields(rows[-1])[-1] == "0" else {}


def creg(command, rows):
    out = {}
    reply = command[:2] == "AT"
    for row in rows:
        out = registration(name_of(command), row, reply) or out
    return out


def cops(command, rows):
    out = {}
    for row in rows:
        f = fields(row) + [""]
        if len(f) < 4 or not f[2] or f[0][:1] == "(":
            continue
        if f[1] == "2":
            put(out, plmn=plmn(f[2]))
        elif f[1] == "0" or "operator" not in out:
            out["operator"] = f[2]
        put(out, rat=act(f[3]))
    return out


def csq(command, rows):
    out = {}
    for row in rows:
        put(out, rssi_dbm=csq_dbm(fields(row)[0]))
    return out


def cesq(command, rows):
    """<rxlev>,<ber>,<rscp>,<ecno>,<rsrq>,<rsrp>[,<ss_rsrq>,<ss_rsrp>,<ss_sinr>], clause 8.69."""
    out = {}
    for row in rows:
        f = fields(row)
        if len(f) < 6:
            continue
        put(out, rsrp_dbm=rsrp_dbm(f[5]), rsrq_db=rsrq_db(f[4]))
        if not out and len(f) > 7:
            put(out, rsrp_dbm=ss_rsrp_dbm(f[7]), rsrq_db=ss_rsrq_db(f[6]))
        if not out:
            put(out, rssi_dbm=rxlev_dbm(f[0]))
    return out


PARSE = {
    "+CGSN": cgsn,
    "+GSN": cgsn,
    "+CIMI": cimi,
    "+CCID": iccid,
    "+ICCID": iccid,
    "+CRSM": crsm,
    "+CPIN": cpin,
    "+CREG": creg,
    "+CGREG": creg,
    "+CEREG": creg,
    "+C5GREG": creg,
    "+COPS": cops,
    "+CSQ": csq,
    "+CESQ": cesq,
    "I": ati,
}
