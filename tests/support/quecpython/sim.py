"""sim: the callback for hot swapping.

https://python.quectel.com/doc/quecpython/API_reference/en/iotlib/sim.html
"""

_callback = None


def setCallback(usrFun):
    """usrFun(1): the card was inserted; usrFun(2): it was removed. Called from a thread of the firmware."""
    global _callback
    _callback = usrFun
    return 0


def _changed(inserted):
    if _callback:
        _callback(1 if inserted else 2)
