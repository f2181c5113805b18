"""A station's folder: what it vouches for is on its disk first, and once, and no two units are the same one."""

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from simbond_tools.factory.errors import FactoryError, Stop
from simbond_tools.factory.station import Station, create
from simbond_verifier import endorsement, station
from support.attester import Attester

FAR = 40 * 86400


def device(number: int, **more: object) -> Attester:
    own = {"imei": f"8612340500{number:04}0", "iccid": f"898600123456789{number:05}"}
    return Attester(**(own | more))  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create(tmp_path / "s", "line-1", days=30)
    return tmp_path / "s"


def entries(folder: Path) -> list[endorsement.Entry]:
    messages, rest = endorsement.split((folder / "station.log").read_bytes())
    assert rest == b""
    begin = endorsement.start(station.read((folder / "station.crt").read_bytes()).der)
    return endorsement.read_chain(begin, messages)


def stopped(made: Station, request: bytes, **more: str) -> str:
    before = len(made)
    with pytest.raises(Stop) as refused:
        made.endorse(request, **more)
    assert len(made) == before
    return refused.value.code


def test_a_key_is_its_owners_alone(folder: Path) -> None:
    assert stat.S_IMODE((folder / "station.key").stat().st_mode) == 0o600
    (folder / "station.key").chmod(0o644)
    with pytest.raises(FactoryError, match="chmod 600"):
        Station(folder)


def test_what_it_vouched_for_is_on_the_disk(folder: Path) -> None:
    with Station(folder) as made:
        done = made.endorse(device(1).enrolment(), order="PO-1", label="meter 1", imei2="35824005111111")
        assert (done.seq, done.new) == (1, True)
        (entry,) = entries(folder)
    assert (entry.order, entry.label, entry.imei2) == ("PO-1", "meter 1", "35824005111111")
    endorsement.verify(entry, made.certificate.point)


def test_the_same_unit_is_not_put_there_twice_not_after_a_restart_either(folder: Path) -> None:
    unit = device(1)
    with Station(folder) as made:
        made.endorse(unit.enrolment(), label="first")
        again = made.endorse(unit.enrolment(), label="second")
        assert (again.seq, again.new, again.label) == (1, False, "first")
    with Station(folder) as made:
        assert made.endorse(unit.enrolment()).new is False
        assert made.endorse(device(2).enrolment()).seq == 2
    assert len(entries(folder)) == 2


@pytest.mark.parametrize("restart", [False, True])
def test_what_another_unit_has_stops_a_unit(folder: Path, restart: bool) -> None:
    first = device(1)
    made = Station(folder)
    made.endorse(first.enrolment())
    if restart:
        made.close()
        made = Station(folder)
    with made:
        assert stopped(made, device(2, imei=first.imei).enrolment()) == "imei-duplicate"
        assert stopped(made, device(2, iccid=first.iccid).enrolment()) == "iccid-seen"
        assert stopped(made, replace(first, iccid=device(3).iccid).enrolment()) == "key-known"
        assert stopped(made, b"\x00") == "request"
        assert stopped(made, device(2).enrolment(), label="a\nb") == "label"


def test_what_was_used_elsewhere_stops_a_unit(folder: Path) -> None:
    with Station(folder) as made:
        made.also_seen([("86123405000001", None), (None, device(2).iccid)], "last week's log")
        assert stopped(made, device(1).enrolment()) == "imei-duplicate"
        with pytest.raises(Stop, match="last week's log"):
            made.endorse(device(2).enrolment())


def test_ports_at_the_same_moment_do_not_take_one_imei_twice(folder: Path) -> None:
    twins = [device(1, iccid=device(n).iccid) for n in range(8)]
    outcomes: list[str] = []
    with Station(folder) as made:
        start = threading.Barrier(len(twins))

        def work(request: bytes) -> None:
            start.wait()
            try:
                outcomes.append(str(made.endorse(request).new))
            except Stop as e:
                outcomes.append(e.code)

        threads = [threading.Thread(target=work, args=(twin.enrolment(),)) for twin in twins]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(outcomes) == ["True"] + ["imei-duplicate"] * 7
    assert len(entries(folder)) == 1


@pytest.mark.parametrize("tail", ["torn", "zeros", "both"])
def test_a_power_cut_at_any_octet_loses_nothing_that_was_acknowledged(folder: Path, tail: str) -> None:
    units = [device(n) for n in range(3)]
    with Station(folder) as made:
        for unit in units[:2]:
            made.endorse(unit.enrolment())
        kept = (folder / "station.log").stat().st_size
        made.endorse(units[2].enrolment())
    whole = (folder / "station.log").read_bytes()
    sizes = [kept] if tail == "zeros" else [*range(kept, len(whole), 9), len(whole) - 1]
    for size in sizes:
        zeros = b"" if tail == "torn" else bytes(len(whole) - size)
        (folder / "station.log").write_bytes(whole[:size] + zeros)
        with Station(folder) as made:
            assert (len(made), made.torn) == (2, size - kept + len(zeros))
            assert made.endorse(units[1].enrolment()).new is False
            assert made.endorse(units[2].enrolment()).seq == 3
        assert len(entries(folder)) == 3


def test_a_log_that_was_changed_is_not_gone_on_with(folder: Path) -> None:
    with Station(folder) as made:
        for number in range(3):
            made.endorse(device(number).enrolment())
    whole = (folder / "station.log").read_bytes()
    messages, _rest = endorsement.split(whole)
    for changed in (messages[0] + messages[2], messages[1] + messages[2], whole + b"\xff", whole + messages[0]):
        (folder / "station.log").write_bytes(changed)
        with pytest.raises(FactoryError, match="damaged") as refused:
            Station(folder)
        assert refused.value.code == "log-broken"
        assert (folder / "station.log").read_bytes() == changed
    (folder / "station.log").unlink()
    with pytest.raises(FactoryError, match="No such file"):
        Station(folder)


def test_a_full_disk_vouches_for_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Station(folder) as made:
        made.endorse(device(1).enrolment())

        def full(file: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("simbond_verifier.disk.settle", full)
            with pytest.raises(FactoryError, match="No space left"):
                made.endorse(device(2).enrolment())
        assert len(made) == len(entries(folder)) == 1
        assert made.endorse(device(2).enrolment()).seq == 2


def test_one_program_works_with_a_station(folder: Path) -> None:
    with Station(folder), pytest.raises(FactoryError, match="Another program"):
        Station(folder)
    Station(folder).close()


def test_it_works_by_a_clock_that_can_be_right(folder: Path) -> None:
    now = time.time()
    with Station(folder, clock=lambda: now) as made:
        made.endorse(device(1).enrolment())
        now -= 60
        assert made.endorse(device(2).enrolment()).new
        now -= 3600
        with pytest.raises(FactoryError, match="clock"):
            made.endorse(device(3).enrolment())
        now += FAR
        with pytest.raises(FactoryError, match="certificate"):
            made.endorse(device(3).enrolment())
    assert [entry.at for entry in entries(folder)] == [int(now - FAR + 3660)] * 2


def test_a_passphrase_keeps_the_key(tmp_path: Path) -> None:
    create(tmp_path / "s", "line-1", passphrase="open sesame")
    with pytest.raises(FactoryError, match="needs its passphrase"):
        Station(tmp_path / "s")
    with pytest.raises(FactoryError, match="wrong"):
        Station(tmp_path / "s", passphrase="wrong")
    Station(tmp_path / "s", passphrase="open sesame").close()


def test_what_is_no_station_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FactoryError, match="simbond stations create"):
        Station(tmp_path / "nothing")
    with pytest.raises(FactoryError, match="already"):
        create(folder, "line-1")
    with pytest.raises(FactoryError, match="no name"):
        create(tmp_path / "other", "line 1")
    create(tmp_path / "other", "line-2")
    (folder / "station.crt").write_bytes((tmp_path / "other" / "station.crt").read_bytes())
    with pytest.raises(FactoryError, match="another key"):
        Station(folder)


_WORKER = """\
import sys
from pathlib import Path
from simbond_tools.factory.station import Station
requests = [bytes.fromhex(line) for line in sys.stdin]
with Station(Path(sys.argv[1])) as made:
    for request in requests:
        print(made.endorse(request).seq, flush=True)
"""


def test_kill_9_at_any_moment_loses_nothing_acknowledged_and_vouches_for_nothing_twice(folder: Path) -> None:
    units = [device(number) for number in range(300)]
    requests = "\n".join(unit.enrolment().hex() for unit in units).encode()
    for acknowledged_before_the_kill in (1, 7, 40, 90):
        worker = subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(requests)
        worker.stdin.close()
        said = [int(worker.stdout.readline()) for _line in range(acknowledged_before_the_kill)]
        os.kill(worker.pid, signal.SIGKILL)
        said += [int(line) for line in worker.stdout if line.endswith(b"\n")]
        worker.wait()
        worker.stdout.close()
        with Station(folder) as made:
            assert len(made) >= max(said)
    found = entries(folder)
    kids = [endorsement.recall_unit(entry.request).kid for entry in found]
    assert kids == [unit.kid for unit in units[: len(found)]]
