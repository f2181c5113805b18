"""How a device maker tests firmware's modem code in CI: a fixture, the tray, a fault. Run it with pytest.

pytest examples/emulator_pytest.py
"""

from collections.abc import Iterator

import pytest
import serial

from simbond_tools.emulator import Card, Fault, Modem

CARD = Card(iccid="89860000001234567897", imsi="460001234567890")


def read_iccid(port: str, attempts: int = 3) -> str | None:
    """Stands for the code under test: the ICCID, or None without a card; asks again if the modem stays silent."""
    with serial.Serial(port, timeout=0.5) as modem:
        for _ in range(attempts):
            modem.write(b"AT+QCCID\r")
            reply = modem.read_until(b"OK\r\n")
            if b"+QCCID: " in reply:
                return reply.split(b"+QCCID: ")[1].split(b"\r")[0].decode().rstrip("F")
            if b"ERROR" in reply:
                return None
    raise TimeoutError("the modem does not answer")


@pytest.fixture
def modem() -> Iterator[Modem]:
    with Modem("quectel-ec25", card=CARD) as modem:
        yield modem


def test_card_is_read(modem: Modem) -> None:
    assert read_iccid(modem.port) == CARD.iccid


def test_card_is_pulled(modem: Modem) -> None:
    modem.remove()
    assert read_iccid(modem.port) is None


def test_one_lost_reply_is_survived(modem: Modem) -> None:
    modem.fault(Fault.SILENCE)
    assert read_iccid(modem.port) == CARD.iccid


def test_a_dead_modem_is_reported(modem: Modem) -> None:
    modem.fault(Fault.SILENCE, count=None)
    with pytest.raises(TimeoutError):
        read_iccid(modem.port)
