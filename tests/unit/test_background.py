"""Work that can wait: how much of it goes into one unit, and that what devices send goes first between two."""

import asyncio
from typing import Any

import pytest

from simbond_verifier.workers import background
from simbond_verifier.workers.background import give_way, in_time


class Writer:
    """One that has so much work at each look, and none after that."""

    def __init__(self, *waiting: int) -> None:
        self.looks = list(waiting)

    @property
    def waiting(self) -> int:
        return self.looks.pop(0) if self.looks else 0


def gives_way(writer: Any, **options: float) -> None:
    asyncio.run(give_way(writer, **options))


@pytest.mark.parametrize(("unit_s", "fits"), [(0, [1]), (3600, [1, 2, 3])])
def test_a_unit_takes_what_there_is_time_for_and_one_in_any_case(
    monkeypatch: pytest.MonkeyPatch, unit_s: float, fits: list[int]
) -> None:
    monkeypatch.setattr(background, "_UNIT_S", unit_s)
    assert list(in_time([1, 2, 3])) == fits
    assert list(in_time([])) == []


def test_it_waits_until_the_writer_has_nothing_else_to_do() -> None:
    writer = Writer(7, 3, 0, 5)
    gives_way(writer, longest_s=3600)
    assert writer.looks == [5]


def test_a_writer_that_always_has_work_does_not_hold_it_up_for_ever() -> None:
    writer = Writer(*[1] * 1000)
    gives_way(writer, longest_s=0.02)
    assert writer.looks
