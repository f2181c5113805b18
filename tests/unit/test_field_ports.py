"""In which order ports are asked, and which are left alone."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from simbond_tools.field import ports
from simbond_tools.field.ports import Rank, candidates, devices


@dataclass
class Listed:
    device: str
    vid: int | None = None
    pid: int | None = None
    location: str | None = None
    description: str | None = "n/a"
    hwid: str | None = "n/a"


def quectel(interface: int) -> Listed:
    return Listed(f"/dev/ttyUSB{interface}", 0x2C7C, 0x0125, f"1-1.3:1.{interface}")


def urls(*listed: Listed) -> list[str]:
    return [candidate.url for candidate in candidates(listed)]


def test_the_interface_that_speaks_at_comes_first_and_diagnostics_last() -> None:
    found = candidates([quectel(i) for i in (0, 1, 2, 3)])
    assert [candidate.url[-1] for candidate in found] == ["2", "3", "0", "1"]
    assert [candidate.rank for candidate in found] == [Rank.AT, Rank.AT, Rank.NOT_AT, Rank.NOT_AT]
    assert found[0].name == "Quectel EC25, EG25"


def test_a_modem_comes_before_a_board_before_an_adapter_before_the_unknown() -> None:
    adapter = Listed("/dev/ttyUSB9", 0x1A86, 0x7523)
    board = Listed("/dev/ttyACM0", 0x2E8A, 0x0005)
    modem = Listed("/dev/ttyACM1", 0x1E0E, 0x1234, "2-1:1.0")
    unknown = Listed("/dev/ttyACM2", 0x1234, 0x5678)
    uart = Listed("/dev/ttyAMA0")
    assert urls(uart, unknown, adapter, board, modem) == [p.device for p in (modem, board, adapter, unknown, uart)]


def test_windows_names_the_interface_in_the_location() -> None:
    at = Listed("COM9", 0x1E0E, 0x9001, "1-4:x.2", hwid="USB VID:PID=1E0E:9001 SER= LOCATION=1-4:x.2")
    nmea = Listed("COM3", 0x1E0E, 0x9001, "1-4:x.1")
    assert urls(nmea, at) == ["COM9", "COM3"]


def test_a_mac_does_not_name_it_and_all_ports_of_a_modem_are_asked() -> None:
    assert candidates([Listed("/dev/cu.usbserial-1", 0x2C7C, 0x0125, "20-1")])[0].rank is Rank.MODEM


@pytest.mark.parametrize(
    "virtual",
    [
        Listed("/dev/rfcomm0"),
        Listed("/dev/ttyGS0"),
        Listed("/dev/tnt3"),
        Listed("COM5", description="com0com - serial port emulator CNCA0 (COM5)", hwid="COM0COM\\PORT\\CNCA0"),
        Listed("COM7", description="Standard Serial over Bluetooth link (COM7)", hwid="BTHENUM\\{00001101}"),
        Listed("/dev/cu.Bluetooth-Incoming-Port"),
    ],
)
def test_a_virtual_port_is_left_out(virtual: Listed) -> None:
    assert urls(virtual) == []


def test_a_uart_without_hardware_and_the_system_s_console_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "_SYS", tmp_path)
    for name, kind in (("ttyS0", "4"), ("ttyS1", "0"), ("ttyS2", "4")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "type").write_text(kind + "\n")
    (tmp_path / "console").mkdir()
    (tmp_path / "console" / "active").write_text("tty0 ttyS2\n")
    assert urls(*(Listed(f"/dev/ttyS{i}") for i in (0, 1, 2))) == ["/dev/ttyS0"]


def test_only_where_speed_means_something_it_is_searched() -> None:
    speeds = {c.url: c.has_speed for c in candidates([quectel(2), Listed("/dev/ttyUSB9", 0x0403, 0x6001)])}
    assert speeds == {"/dev/ttyUSB2": False, "/dev/ttyUSB9": True}


def test_the_table_contradicts_itself_nowhere() -> None:
    for key, device in devices().items():
        assert all(len(part) == 4 and int(part, 16) >= 0 for part in key.split(":")), key
        assert not set(device.at) & set(device.other), key
        assert device.kind == "modem" or not device.at, key
