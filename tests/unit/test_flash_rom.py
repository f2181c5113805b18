"""Where the agent goes: into a board's ROMFS partition, or among its files."""

from dataclasses import replace

import pytest

from simbond_tools.flash.board import BoardError
from simbond_tools.flash.contents import Agent
from simbond_tools.flash.files import Full
from simbond_tools.flash.plan import Present
from simbond_tools.flash.rom import Rom, check, is_for
from simbond_tools.flash.survey import IN_ROM, Survey, Unfit
from support.parrot import Parrot

COMPILED = Agent({"simbond_agent/agent.mpy": b"M"}, b"image")
SOURCE = Agent({"simbond_agent/agent.py": b"pass"}, why="no mpy-cross")
LARGE = Survey("1.25.0", "a board", 6, "/", "/lib", 180_000)
SMALL = replace(LARGE, heap=50_000)
OURS = {IN_ROM: None, f"{IN_ROM}/agent.mpy": Present.of(b"M")}


def partition(octets: int) -> Rom:
    """Of a board that gives this size, in octets."""
    return Rom(Parrot(str(octets)))


@pytest.mark.parametrize(
    ("survey", "size", "agent", "mounted", "asked", "goes_there"),
    [
        (SMALL, 65536, COMPILED, {}, None, True),
        (LARGE, 65536, COMPILED, {}, None, False),
        (LARGE, 65536, COMPILED, OURS, None, True),  # where it is it stays
        (LARGE, 65536, COMPILED, {}, True, True),
        (SMALL, 65536, COMPILED, OURS, False, False),
        (SMALL, 0, COMPILED, {}, None, False),
        (SMALL, 65536, SOURCE, {}, None, False),
    ],
)
def test_the_heap_decides_unless_somebody_does(survey, size, agent, mounted, asked, goes_there):
    assert is_for(survey, partition(size), agent, mounted, asked) is goes_there


@pytest.mark.parametrize(("size", "agent", "says"), [(0, COMPILED, "freeze"), (65536, SOURCE, "no mpy-cross")])
def test_what_is_asked_for_and_cannot_be_is_refused(size, agent, says):
    with pytest.raises(Unfit, match=says):
        is_for(LARGE, partition(size), agent, {}, True)


def test_an_image_fits_in_whole_pieces():
    check(bytes(1024), partition(1024), {}, replace=False)
    with pytest.raises(Full, match="1024"):
        check(bytes(1025), partition(1024), {}, replace=False)


def test_files_of_others_are_given_up_by_word_only():
    mounted = {**OURS, "/rom/lib": None, "/rom/lib/display.mpy": Present.of(b"M")}
    with pytest.raises(Unfit, match=r"display\.mpy"):
        check(b"", partition(1024), mounted, replace=False)
    check(b"", partition(1024), mounted, replace=True)
    check(b"", partition(1024), OURS, replace=False)


@pytest.mark.parametrize("said", ["", "x", "'a'", "None"])
def test_nonsense_for_a_size_is_told_in_the_boards_words(said):
    with pytest.raises(BoardError):
        Rom(Parrot(said))
