"""A card moves from a meter's modem into another one while both run. Needs nothing but `pip install 'simbond[serial]'`.

python examples/emulator_swap.py
"""

import serial

from simbond_tools.emulator import Card, Modem, swap


def ask(port: serial.Serial, command: str) -> str:
    """One command; the reply up to its final result, on one line."""
    port.write(command.encode() + b"\r")
    reply = b""
    while not reply.endswith((b"OK\r\n", b"ERROR\r\n", b"ERROR: 10\r\n")):
        octet = port.read(1)
        if not octet:
            raise TimeoutError(f"no reply to {command}")
        reply += octet
    return " ".join(reply.decode().split())


def main() -> None:
    card = Card(iccid="89860000001234567897", imsi="460001234567890")
    meter = Modem("quectel-bg95", imei="00499901064001", card=card)
    stranger = Modem("simcom-sim7600", imei="00499901064002")
    with (
        meter,
        stranger,
        serial.Serial(meter.port, timeout=5) as meter_port,
        serial.Serial(stranger.port, timeout=5) as stranger_port,
    ):
        for port in (meter_port, stranger_port):
            ask(port, "ATE0;+CMEE=1")
        print("meter:   ", ask(meter_port, "AT+QCCID"))
        print("stranger:", ask(stranger_port, "AT+CPIN?"))
        swap(meter, stranger)
        print("the meter's modem says", meter_port.read_until(b"NOT READY\r\n").decode().strip())
        stranger_port.read_until(b"PB DONE\r\n")
        print("meter:   ", ask(meter_port, "AT+CPIN?"))
        print("stranger:", ask(stranger_port, "AT+CICCID"))


if __name__ == "__main__":
    main()
