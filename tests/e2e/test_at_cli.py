"""`simbond at explain`, as typed."""

import json
from pathlib import Path
from typing import Any

from simbond_agent.modem import generic, load
from simbond_tools.at import DIALECTS
from support.server import simbond

QENG = (
    b'\r\n+QENG: "servingcell","NOCONN","eMTC","FDD",001,01,C0FFEE,12,6300,20,3,3,12AB,-101,-11,-72,9,40\r\n\r\nOK\r\n'
)
CELL = {
    "rat": "LTE-M", "plmn": "00101", "cell_id": 12648430, "tac": 4779,
    "rsrp_dbm": -101, "rsrq_db": -11, "rssi_dbm": -72,
}  # fmt: skip


def explained(*arguments: str, reply: bytes) -> Any:
    done = simbond("at", "explain", *arguments, stdin=reply)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found.pop("schema") == "simbond.at.explain.v1"
    return found


def test_a_reply_is_explained() -> None:
    command = 'AT+QENG="servingcell"'

    assert explained("--family", "quectel", "--command", command, reply=QENG) == CELL
    assert explained("--command", command, reply=QENG) == CELL
    assert explained("--json", "--command", command, reply=command.encode() + b"\r" + QENG) == CELL


def test_a_reply_lies_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "reply"
    file.write_bytes(b"\r\n+CME ERROR: SIM not inserted\r\n")

    assert explained(str(file), "--command", "AT+CPIN?", reply=b"") == {
        "error": "cme:SIM not inserted",
        "sim": "absent",
    }


def test_an_unsolicited_line_has_no_command() -> None:
    assert explained("--command", "", reply=b"+QSIMSTAT: 1,0\n") == {"sim": "absent"}


def test_what_is_not_certain_is_not_said() -> None:
    torn = b"\r\n+CCID: 8944999001122334455\r\n+CREG: 1\r\n9\r\n\r\nOK\r\n"

    assert explained("--command", "AT+CCID", reply=torn) == {}


def test_an_unknown_family_is_told_and_worked_out() -> None:
    done = simbond("at", "explain", "--family", "acme", "--command", "AT+CSQ", stdin=b"+CSQ: 17,99\r\nOK\r\n")

    assert (done.returncode, json.loads(done.stdout)["rssi_dbm"]) == (0, -79)
    assert "acme" in done.stderr


def test_every_dialect_is_a_family() -> None:
    for name in DIALECTS:
        command = getattr(load(name), "ICCID", generic.ICCID)[0]
        prefix = command.removeprefix("AT").rstrip("?")
        reply = f"\r\n{prefix}: 89449990011223344559\r\n\r\nOK\r\n".encode()
        assert explained("--family", name.replace("_", "-"), "--command", command, reply=reply) == {
            "iccid": "89449990011223344559"
        }


def test_an_empty_reply_is_a_mistake() -> None:
    done = simbond("at", "explain", "--command", "AT+CSQ", stdin=b"\r\n")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: There is no reply")


def test_a_command_that_is_none_is_a_mistake() -> None:
    done = simbond("at", "explain", "--json", "--command", "CSQ", stdin=b"+CSQ: 17,99\r\n")

    assert (done.returncode, json.loads(done.stdout)["error"]["code"], done.stderr) == (2, "usage", "")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = simbond("at", "explain", str(tmp_path / "none"), "--command", "AT+CSQ")

    assert done.returncode == 7
    assert "Cannot read" in done.stderr


def test_binary_noise_is_no_traceback() -> None:
    assert explained("--command", "AT+CSQ", reply=bytes(range(256)) * 100) == {}
