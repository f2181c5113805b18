"""MeiG Smart SLM, SRM. The ICCID is that of MeiG's published host drivers; the rest is the generic set."""

PARSE = {}
ICCID = ("AT+ICCID", "AT+CCID")
