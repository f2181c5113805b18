from collections.abc import Iterator
from pathlib import Path

import pytest

from support.captures import CAPTURES
from support.verifier import Desk, desk

collect_ignore = [] if CAPTURES.is_dir() else ["test_at_captures.py"]


@pytest.fixture(name="desk")
def _desk(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made
