"""An ESP32 with a modem on UART 1; the verifier is reached over the ESP32's own network."""

import time

from machine import RTC, UART, WDT
from settings import *  # noqa: F403
from settings import wifi

_EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0

_wdt = WDT(timeout=60_000)  # longer than a name look-up may block

if wifi:
    import network

    _station = network.WLAN(network.STA_IF)
    _station.active(True)
    _station.connect(*wifi)  # from then on by itself


def at_stream():
    return UART(1, 115200, tx=17, rx=16, rxbuf=1024)


def watchdog():
    _wdt.feed()


def set_time(seconds):
    """Certificates are valid for a time: the clock is set to what the modem has from its network."""
    year, month, day, hour, minute, second, weekday = time.gmtime(seconds - _EPOCH)[:7]
    RTC().datetime((year, month, day, weekday, hour, minute, second, 0))
