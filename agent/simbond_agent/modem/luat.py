"""AirM2M (Luat) Air724, Air780E. Source: Air780E AT command manual."""

PARSE = {}
ICCID = ("AT+ICCID",)
SIM_URC = {"+CPIN:SIMREMOVED0": "removed", "+CPIN:SIMREMOVED1": "removed"}
