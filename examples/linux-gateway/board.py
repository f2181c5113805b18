"""Board file of a Linux gateway with an LTE modem on USB, for MicroPython's unix port."""

import os

from simbond_agent.posix import open_tty

url = os.getenv("SIMBOND_URL") or "https://verifier.example"
ca = os.getenv("SIMBOND_CA") or "/etc/simbond/ca.der"
state_dir = os.getenv("SIMBOND_STATE_DIR") or "/var/lib/simbond"
scenario = int(os.getenv("SIMBOND_SCENARIO") or 1)


def at_stream():
    # Most modules offer several ports: take one that ModemManager and pppd leave alone.
    return open_tty(os.getenv("SIMBOND_TTY") or "/dev/ttyUSB2")
