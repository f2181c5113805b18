"""Damaged files in a technician's folder: each is told, or passed over, and none ends in a fault of simbond's own."""

from pathlib import Path

import pytest

from simbond_tools.onsite import pins, results, swap_file
from simbond_tools.onsite.errors import FolderUnusable
from simbond_tools.onsite.swap import begin
from support.attester import Attester
from support.work_orders import Office

DAMAGED = (b"", b"\xff\xfe", b"\0" * 4096, b"[" * 100_000, b'{"keys": [7]}', b'{"keys": ["00"]}', b"null")


@pytest.mark.parametrize("octets", DAMAGED)
def test_keys_that_cannot_be_read_are_no_keys(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / pins.FILE).write_bytes(octets)
    with pytest.raises(FolderUnusable, match="damaged"):
        pins.read(tmp_path)


@pytest.mark.parametrize("octets", DAMAGED)
def test_a_swap_whose_file_cannot_be_read_begins_anew(tmp_path: Path, octets: bytes) -> None:
    order = Office().order(Attester())
    swap_file.write(tmp_path, order, begin(order))
    (file,) = (tmp_path / "swaps").iterdir()
    file.write_bytes(octets)
    assert swap_file.read(tmp_path, order) == begin(order)


def test_what_is_no_file_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "results" / "1-0123456789abcdef.txt").mkdir(parents=True)
    assert results.pending(tmp_path) == []
