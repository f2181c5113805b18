"""A Raspberry Pi Pico with a SIM7600 on UART 0, which also carries the Evidence: the Pico has no network of its own."""

from machine import UART, WDT, Pin, Timer
from settings import *  # noqa: F403

# SIM7600 Series Hardware Design: low for 100 ms or more switches on, for 2.5 s or more off. So this does nothing to a
# module that is on already.
_ON_MS = 500

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
