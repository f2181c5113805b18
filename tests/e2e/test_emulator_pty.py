"""Emulated modems on real pseudo-terminals."""

import gc
import os
import select
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from simbond_tools.emulator import Bench, Card, Cell, EmulatorError, Modem, swap
from simbond_tools.emulator.pty_port import PENDING_LIMIT

CARD = Card(iccid="8988300000001234567", imsi="001010123456789")
OTHER = Card(iccid="89883000000076543219", imsi="262990987654321")
PATIENCE = 60.0


class Host:
    """The far end: a serial port, and a reader that waits for what it expects and not a moment by the clock."""

    def __init__(self, port: str) -> None:
        self.serial = serial.Serial(port, timeout=0.05)
        self.seen = b""

    def ask(self, command: str, until: bytes = b"OK\r\n") -> bytes:
        self.serial.write(command.encode() + b"\r")
        return self.until(until)

    def until(self, end: bytes) -> bytes:
        """Everything up to and with `end`."""
        deadline = time.monotonic() + PATIENCE
        while end not in self.seen:
            assert time.monotonic() < deadline, f"no {end!r} in {self.seen!r}"
            self.seen += self.serial.read(4096)
        cut = self.seen.index(end) + len(end)
        head, self.seen = self.seen[:cut], self.seen[cut:]
        return head


@pytest.fixture
def modem() -> Iterator[Modem]:
    with Modem("quectel-bg95", card=CARD, sim_busy_s=0.05, boot_s=0.05) as modem:
        yield modem


@pytest.fixture
def host(modem: Modem) -> Iterator[Host]:
    host = Host(modem.port)
    yield host
    host.serial.close()


def test_echo_and_reply_as_on_a_real_port(host: Host) -> None:
    assert host.ask("AT+CGMM") == b"AT+CGMM\r\r\nBG95-M3\r\n\r\nOK\r\n"
    assert host.ask("ATE0") == b"ATE0\r\r\nOK\r\n"
    assert host.ask("AT+CGMM") == b"\r\nBG95-M3\r\n\r\nOK\r\n"


def test_a_plain_file_reads_nothing_instead_of_blocking(modem: Modem) -> None:
    fd = os.open(modem.port, os.O_RDWR | os.O_NOCTTY)
    try:
        assert os.read(fd, 100) == b""
        os.write(fd, b"ATE0\r")
        seen = b""
        deadline = time.monotonic() + PATIENCE
        while not seen.endswith(b"OK\r\n") and time.monotonic() < deadline:
            select.select([fd], [], [], 1)
            seen += os.read(fd, 100)
        assert seen == b"ATE0\r\r\nOK\r\n"
    finally:
        os.close(fd)


def test_host_may_come_and_go(modem: Modem) -> None:
    for _ in range(3):
        host = Host(modem.port)
        assert b"+CSQ: 23,99" in host.ask("AT+CSQ")
        host.serial.close()


def test_tray(modem: Modem, host: Host) -> None:
    host.ask("ATE0;+QSIMSTAT=1;+CEREG=1")
    assert modem.remove() == CARD
    host.until(b"+CPIN: NOT READY\r\n\r\n+QSIMSTAT: 1,0\r\n\r\n+CEREG: 0\r\n")
    assert (modem.card, modem.sim, modem.registration) == (None, "empty", "none")
    assert b"+CME ERROR: 10\r\n" in host.ask("AT+CPIN?", b"10\r\n")
    modem.insert(OTHER)
    host.until(b"+QSIMSTAT: 1,1\r\n")
    host.until(b"+CPIN: READY\r\n")
    host.until(b"+CEREG: 5\r\n")
    assert b"\r\n262990987654321\r\n" in host.ask("AT+CIMI")
    assert (modem.card, modem.sim, modem.registration) == (OTHER, "ready", "roaming")


def test_swap_between_two_running_modems(modem: Modem, host: Host) -> None:
    with Modem("simcom-sim7600", card=OTHER, sim_busy_s=0.05) as second:
        far = Host(second.port)
        far.ask("AT+UIMHOTSWAPON=1")
        swap(modem, second)
        host.until(b"+CPIN: NOT READY\r\n")
        host.until(b"+CPIN: READY\r\n")
        far.until(b"+SIMCARD: NOT AVAILABLE\r\n")
        far.until(b"+CPIN: READY\r\n")
        assert b"+QCCID: 89883000000076543219\r\n" in host.ask("AT+QCCID")
        assert b"+ICCID: 8988300000001234567\r\n" in far.ask("AT+CICCID")
        far.serial.close()


def test_swap_moves_one_card_into_an_empty_tray(modem: Modem) -> None:
    with Modem("generic") as second:
        swap(second, modem)
        assert (modem.card, second.card) == (None, CARD)
        modem.close()
        second.remove()
        with pytest.raises(EmulatorError, match="both trays are empty"):
            swap(second, modem)
        with pytest.raises(EmulatorError, match="itself"):
            swap(second, second)


def test_swaps_from_both_sides_at_once_do_not_lock_up(modem: Modem) -> None:
    with Modem("generic", card=OTHER) as second:
        pairs = [(modem, second), (second, modem)]
        threads = [threading.Thread(target=lambda p=pair: [swap(*p) for _ in range(50)]) for pair in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in threads)
        assert {modem.card, second.card} == {CARD, OTHER}


def test_move_and_lies(modem: Modem, host: Host) -> None:
    host.ask("AT+CEREG=2")
    modem.move(tac=0x00C8, cell_id=0x00ABCDE)
    host.until(b'+CEREG: 1,"00C8","000ABCDE",8\r\n')
    modem.move(Cell(rat="NB-IoT", plmn="26299"))
    host.until(b'+CEREG: 5,"1A2B","001A2B3C",9\r\n')
    modem.lose_cell()
    host.until(b"+CEREG: 2\r\n")
    assert modem.cell is None
    modem.imei = "00499901064001"
    assert b"004999010640018" in host.ask("AT+CGSN")
    modem.urc("+CMTI: 3")
    host.until(b"\r\n+CMTI: 3\r\n")


def test_two_modems_may_claim_one_imei(modem: Modem) -> None:
    with Modem("quectel-bg95", imei=modem.imei) as clone:
        assert clone.imei == modem.imei
        assert clone.port != modem.port


def test_bytewise_reply_is_seen_in_single_bytes(modem: Modem, host: Host) -> None:
    host.ask("ATE0")
    modem.fault("bytewise", value=0.001)
    host.ask("AT+CSQ")
    answer = [chunk.data for chunk in modem.transcript if chunk.sender == "modem"][-21:]
    assert all(len(data) == 1 for data in answer)
    assert b"".join(answer).endswith(b"+CSQ: 23,99\r\n\r\nOK\r\n")


def test_reset_while_a_host_waits(modem: Modem, host: Host) -> None:
    modem.fault("garbage")
    modem.reset()
    host.until(b"\r\nAPP RDY\r\n")
    host.until(b"+CPIN: READY\r\n")


def test_late_reply_of_a_command_that_was_given_up(modem: Modem, host: Host) -> None:
    host.ask("ATE0")
    modem.fault("slow", value=0.2)
    host.serial.write(b"AT+CGMM\r")
    assert host.ask("AT+CGMR", b"BG95M3LAR02A04\r\n\r\nOK\r\n").startswith(b"\r\nBG95-M3\r\n\r\nOK\r\n")


def test_a_host_that_does_not_read_does_not_stop_the_modem(modem: Modem) -> None:
    fd = os.open(modem.port, os.O_RDWR | os.O_NOCTTY)
    try:
        for _ in range(3):
            for _ in range(PENDING_LIMIT // 100):
                modem.urc("x" * 100)
        modem.remove()
        assert modem.sim == "empty"
    finally:
        os.close(fd)
    host = Host(modem.port)  # opening flushes what nobody read; the modem goes on
    modem.urc("still here")
    host.ask("ATE0")
    host.serial.close()


def test_transcript_has_both_sides_in_order(modem: Modem, host: Host) -> None:
    host.ask("ATE0")
    host.ask("AT+CGMM")
    chunks = modem.transcript
    assert b"".join(c.data for c in chunks if c.sender == "host") == b"ATE0\rAT+CGMM\r"
    assert b"".join(c.data for c in chunks if c.sender == "modem") == b"ATE0\r\r\nOK\r\n\r\nBG95-M3\r\n\r\nOK\r\n"
    assert [c.seconds for c in chunks] == sorted(c.seconds for c in chunks)


def test_start_and_close(tmp_path: Path) -> None:
    gc.collect()  # what earlier tests have left goes now
    before = len(os.listdir("/dev/fd"))
    link = tmp_path / "tty"
    modem = Modem("generic", link=link)
    with pytest.raises(EmulatorError, match="before start"):
        _ = modem.port
    modem.close()  # harmless
    for _ in range(2):
        with modem:
            assert str(link.readlink()) == modem.port
            with pytest.raises(EmulatorError, match="runs already"):
                modem.start()
        assert not link.is_symlink()
    link.write_text("mine")
    with pytest.raises(EmulatorError, match="cannot make the link"):
        modem.start()
    assert link.read_text() == "mine"
    assert len(os.listdir("/dev/fd")) <= before


def test_without_pseudo_terminals_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simbond_tools.emulator.pty_port.pty", None)
    with pytest.raises(EmulatorError, match="needs pseudo-terminals: run it on Linux"):
        Modem("generic").start()


def test_a_killed_emulators_link_is_replaced_and_another_is_not(tmp_path: Path) -> None:
    link = tmp_path / "tty"
    link.symlink_to("/dev/pts/99999")
    with Modem("generic", link=link) as modem:
        assert str(link.readlink()) == modem.port
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EmulatorError, match="cannot make the link"):
        Modem("generic", link=link).start()


CONTROL = [
    ("insert a iccid=8988300000001234567 imsi=001010123456789", {"ok": True, "iccid": CARD.iccid, "sim": "busy"}),
    ("insert a iccid=8988300000001234567 imsi=001010123456789", {"ok": False, "error": "the tray holds card"}),
    ("swap a b", {"ok": True}),
    ("remove a", {"ok": False, "error": "the tray is empty"}),
    ("remove b", {"ok": True, "iccid": CARD.iccid, "imsi": CARD.imsi}),
    ("move a tac=0x1234 rsrp_dbm=-110", {"ok": True, "tac": 0x1234, "rsrp_dbm": -110}),
    ("move a off", {"ok": True, "tac": None, "registration": "none"}),
    ("imei a 00499901064001", {"ok": True, "imei": "004999010640018"}),
    ("fault a silence", {"ok": True, "faults": {"silence": 1}}),
    ("fault a slow 3 1.5", {"ok": True, "faults": {"silence": 1, "slow": 3}}),
    ("fault a echo forever", {"ok": True, "faults": {"silence": 1, "slow": 3, "echo": None}}),
    ("fault a clear", {"ok": True, "faults": {}}),
    ('urc a "+CMTI: 1"', {"ok": True}),
    ("reset a", {"ok": True}),
    ("", {"ok": False, "error": "no command; try help"}),
    ("fly a", {"ok": False, "error": "no command 'fly'; there are insert"}),
    ("remove", {"ok": False, "error": "usage: remove NAME"}),
    ("remove a b", {"ok": False, "error": "usage: remove NAME"}),
    ("remove c", {"ok": False, "error": "no modem 'c'; there are a, b"}),
    ("insert a iccid=8988300000001234567 color=red", {"ok": False, "error": "a card needs iccid"}),
    ("insert a 8988300000001234567 2", {"ok": False, "error": "'8988300000001234567': name=value"}),
    ("move a tac=", {"ok": False, "error": "tac '' is not a number"}),
    ("fault a silence many", {"ok": False, "error": "fault count 'many'"}),
    ("fault a nothing", {"ok": False, "error": "no fault 'nothing'"}),
    ('urc a "open', {"ok": False, "error": "No closing quotation"}),
    ("swap a a", {"ok": False, "error": "a card cannot be swapped with itself"}),
]


def test_control_commands() -> None:
    with Modem("quectel-bg95", sim_busy_s=60) as a, Modem("generic") as b:
        bench = Bench({"a": a, "b": b})
        for line, expected in CONTROL:
            answer = bench.execute(line)
            for key, value in expected.items():
                if key == "error":
                    assert str(answer[key]).startswith(str(value)), line
                else:
                    assert answer[key] == value, line
        assert set(bench.execute("status")["modems"]) == {"a", "b"}
        assert "insert" in bench.execute("help")["commands"]
