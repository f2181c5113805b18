"""A strange modem of the field as a test: its transcript is replayed, and read with the agent's own code.

pytest examples/transcript_pytest.py

The transcript was recorded by: simbond probe --port /dev/ttyUSB2 --transcript strange_modem.jsonl
"""

from pathlib import Path

from simbond_tools.emulator import ReplayedModem
from simbond_tools.field.line import open_line
from simbond_tools.field.modem import ModemOnLine
from simbond_tools.field.reading import read_modem

TRANSCRIPT = Path(__file__).with_name("strange_modem.jsonl")


def test_the_strange_modem_is_understood() -> None:
    with ReplayedModem(TRANSCRIPT) as replayed, open_line(replayed.port) as line, ModemOnLine(line) as modem:
        read = read_modem(modem)

    assert read["dialect"] == "generic"  # nobody has heard of its maker
    assert read["identity"] == {
        "imei": "865409060000012",
        "sim": "ready",
        "iccid": "89860400000000000122",
        "imsi": "460040000000001",
    }
    assert read["cell"] == {
        "rat": "LTE",
        "plmn": "46004",
        "tac": 6699,
        "cell_id": 1715004,
        "rssi_dbm": -93,
        "reg": "home",
    }
    assert read["signal"] == "fair"
