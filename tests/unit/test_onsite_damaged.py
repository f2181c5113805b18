"""Damaged files in a technician's folder: each is told, or passed over, and none ends in a fault of simbond's own."""

import os
from pathlib import Path
from typing import Any, cast

import pytest

from simbond_tools.client import Api, ApiProblem
from simbond_tools.onsite import durable, pins, results, swap_file
from simbond_tools.onsite.errors import FolderUnusable
from simbond_tools.onsite.swap import begin
from simbond_tools.onsite.upload import upload
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


def test_a_result_that_was_damaged_keeps_no_other_one_waiting(tmp_path: Path) -> None:
    class Verifier:
        def post_again(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
            if not document["result"].startswith("SB1:"):
                raise ApiProblem(422, {"type": "urn:problem:result-malformed", "detail": "no result"})
            return {"finding": "confirmed", "check_ended": False}

    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "1-0000000000000000.txt").write_bytes(b"\xff\xfe")
    (folder / "2-0000000000000000.txt").write_bytes(b"SB1:000\n")
    handed = upload(tmp_path, cast("Api", Verifier()))
    assert [done.number for done in handed.uploaded] == [2]
    assert [each.code for each in handed.refused] == ["result-malformed"]


@pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
def test_who_was_there_first_does_not_read_what_is_written(tmp_path: Path) -> None:
    """A key, say, in a folder that others may write to."""
    theirs, first, second = (tmp_path / name for name in ("theirs", "first", "second"))
    theirs.write_bytes(b"")
    theirs.chmod(0o666)
    os.link(theirs, tmp_path / "first.part")
    (tmp_path / "second.part").symlink_to(theirs)
    for path in (first, second):
        durable.write(path, b"secret")
        assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"secret", 0o600)
    assert theirs.read_bytes() == b""
