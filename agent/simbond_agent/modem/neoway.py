"""Neoway N27, N51, N58, N706, N720. Sources: N51 and N58 AT Commands Manuals; $MYCCID is of the power meters' set."""

from .generic import iccid

PARSE = {"$MYCCID": iccid}
ICCID = ("AT+CCID", "AT$MYCCID")
