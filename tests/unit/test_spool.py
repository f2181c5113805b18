"""The ring of unsent Evidence: order, bounds, damage, and how little it writes."""

from pathlib import Path

import pytest

from simbond_agent.spool import Spool
from support.flash import Littlefs


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def spool(directory: Path, capacity: int = 4) -> Spool:
    return Spool(str(directory), capacity)


def drain(ring: Spool) -> list[bytes]:
    entries = []
    while (entry := ring.oldest()) is not None:
        entries.append(entry)
        ring.drop()
    return entries


def entries(*numbers: int) -> list[bytes]:
    return [b"evidence %d" % n for n in numbers]


def test_what_flash_does_not_let_go_of_is_not_sent_for_ever(directory, monkeypatch):
    def stuck(_path):
        raise OSError(30)

    ring = spool(directory)
    for entry in entries(1, 2):
        ring.put(entry)
    with monkeypatch.context() as flash:
        flash.setattr("simbond_agent.files.remove", stuck)
        with pytest.raises(OSError, match="30"):
            ring.drop()
        assert ring.oldest() == entries(2)[0]
    assert drain(spool(directory)) == entries(1, 2)


def test_gives_back_in_order_over_restarts(directory):
    for entry in entries(*range(12)):
        spool(directory, 16).put(entry)
    again = spool(directory, 16)
    assert len(again) == 12
    assert drain(again) == entries(*range(12))
    assert len(again) == 0


def test_the_oldest_stays_until_it_is_dropped(directory):
    ring = spool(directory)
    for entry in entries(0, 1):
        ring.put(entry)
    assert ring.oldest() == ring.oldest() == spool(directory).oldest() == entries(0)[0]
    ring.drop()
    assert ring.oldest() == spool(directory).oldest() == entries(1)[0]


def test_empty(directory):
    ring = spool(directory)
    assert ring.oldest() is None
    assert len(ring) == 0


def test_when_full_the_oldest_falls_out_and_is_counted(directory):
    ring = spool(directory)
    for entry in entries(*range(7)):
        ring.put(entry)
    assert (len(ring), ring.dropped) == (4, 3)
    assert len(list(directory.iterdir())) == 4
    assert drain(spool(directory)) == entries(3, 4, 5, 6)


def test_a_smaller_capacity_keeps_the_newest(directory):
    for entry in entries(*range(4)):
        spool(directory).put(entry)
    smaller = spool(directory, 2)
    smaller.put(entries(4)[0])
    assert drain(smaller) == entries(3, 4)


def test_order_goes_on_after_everything_was_delivered(directory):
    ring = spool(directory)
    for entry in entries(0, 1):
        ring.put(entry)
    drain(ring)
    for entry in entries(2, 3):
        ring.put(entry)
    again = spool(directory)
    again.put(entries(4)[0])
    assert drain(again) == entries(2, 3, 4)


@pytest.mark.parametrize("harm", [lambda octets: octets[:5], lambda octets: b"", lambda octets: bytes(len(octets))])
def test_damaged_entries_are_removed_and_counted(directory, harm):
    ring = spool(directory)
    for entry in entries(0, 1, 2):
        ring.put(entry)
    for path in sorted(directory.iterdir())[:2]:
        path.write_bytes(harm(path.read_bytes()))
    again = spool(directory)
    assert (len(again), again.dropped) == (1, 2)
    assert len(list(directory.iterdir())) == 1
    assert drain(again) == entries(2)


def test_an_entry_that_rots_later_is_passed_over(directory):
    ring = spool(directory)
    for entry in entries(0, 1):
        ring.put(entry)
    min(directory.iterdir()).write_bytes(b"rot")
    assert ring.oldest() == entries(1)[0]
    assert (len(ring), ring.dropped) == (1, 1)


def test_what_is_not_its_own_stays(directory):
    directory.mkdir()
    (directory / "notes.txt").write_text("the maker's")
    ring = spool(directory)
    ring.put(entries(0)[0])
    assert drain(ring) == entries(0)
    assert (directory / "notes.txt").exists()


def test_a_full_disk_is_told_and_the_ring_stays(directory):
    disk = Littlefs()
    with disk.mounted():
        ring = Spool("/spool", 4)
        for entry in entries(0, 1):
            ring.put(entry)
        disk.full = True
        with pytest.raises(OSError, match="space"):
            ring.put(entries(2)[0])
        assert ring.oldest() == entries(0)[0]
        disk.full = False
        ring.put(entries(3)[0])
        assert drain(Spool("/spool", 4)) == entries(0, 1, 3)


def test_nothing_is_written_while_everything_is_delivered():
    disk = Littlefs()
    with disk.mounted():
        assert Spool("/spool").oldest() is None
    assert not disk.counts


def test_the_largest_evidence_fits(directory):
    spool(directory).put(bytes(1024))
    assert drain(spool(directory)) == [bytes(1024)]
