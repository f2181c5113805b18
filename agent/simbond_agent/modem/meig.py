"""MeiG Smart SLM, SRM. Source: public host drivers (no manual was found); the cell is the generic set's."""

PARSE = {}
ICCID = ("AT+ICCID", "AT+CCID")
