"""China Mobile OneMO ML302, ML305, ML307. Source: ML307 AT command manual."""

from .generic import iccid

PARSE = {"+MCCID": iccid}
ICCID = ("AT+MCCID", "AT+ICCID?")
CLOCK = None  # whether it shows UTC or local time depends on the firmware
