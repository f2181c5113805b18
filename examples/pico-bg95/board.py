"""A Raspberry Pi Pico with a BG95 on UART 0, which also carries the Evidence: the Pico has no network of its own."""

from machine import UART, WDT, Pin, Timer
from settings import *  # noqa: F403

# BG95 Series Hardware Design: low for 500 to 1000 ms switches on, for 650 to 1500 ms off. So this does nothing to a
# module that is on already.
_ON_MS = 550

_power_key = Pin(2, Pin.OUT, value=0)  # through a transistor: high pulls PWRKEY low
_timer = Timer(-1)
_wdt = WDT(timeout=8_000)  # the RP2040's own limit is 8.3 s


def at_stream():
    """Called at the start, and again after the modem failed."""
    _power_key.on()
    _timer.init(mode=Timer.ONE_SHOT, period=_ON_MS, callback=lambda _: _power_key.off())
    return UART(0, 115200, tx=Pin(0), rx=Pin(1), rxbuf=1024)


def watchdog():
    _wdt.feed()
