"""Intel XMM platform: Fibocom L8xx. Source: XMM7360 AT command guide; the values are those of +CESQ behind <n>."""

from .generic import cesq


def xcesq(command, rows):
    """<n>,<rxlev>,<ber>,<rscp>,<ecno>,<rsrq>,<rsrp>,<rssnr>"""
    # Behind <rsrp> +CESQ has NR values, this has the signal to noise ratio.
    return cesq(command, [",".join(row.split(",")[1:7]) for row in rows])


PARSE = {"+XCESQ": xcesq}
CELL = ("AT+XCESQ?",)
