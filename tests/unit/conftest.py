from collections.abc import Iterator
from pathlib import Path

import pytest

from support.verifier import Desk, desk


@pytest.fixture(name="desk")
def _desk(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made
