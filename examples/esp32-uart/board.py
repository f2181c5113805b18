"""Board file of an ESP32 with a modem on UART 1. The verifier is reached over the ESP32's own network (Wi-Fi, PPP)."""

from machine import UART, WDT

url = "https://verifier.example"
ca = "/ca.der"
state_dir = "/simbond"
scenario = 1

_wdt = WDT(timeout=60_000)  # longer than a name look-up may block


def at_stream():
    return UART(1, 115200, tx=17, rx=16, rxbuf=1024)


def watchdog():
    _wdt.feed()
