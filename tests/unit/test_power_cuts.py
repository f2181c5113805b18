"""Power cuts at every step on the medium: whatever the agent stores comes up valid, and keeps what it promised."""

import itertools
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from support.flash import MEDIA, CoarseFat, Flash, Littlefs, PosixMicroPython, PowerCut
from support.life import CARDS, NOTHING, Device, drained, go_on, live

DIRECTORY = "/simbond"


def device_on(flash: Flash, facts: dict[str, object] = NOTHING) -> Device:
    def peek() -> list[int]:
        with flash.copy().mounted():
            return drained(DIRECTORY)

    return Device(DIRECTORY, peek, facts)


def cuts(start: Flash, facts: dict[str, object], use: Callable[[Device], None]) -> Iterator[tuple[Flash, dict]]:
    """Every medium that a power cut may leave while use works on a copy of start, with what was promised by then."""
    for steps in itertools.count():
        flash = start.copy()
        flash.cut_after(steps)
        device = device_on(flash, facts)
        try:
            with flash.mounted():
                use(device)
        except PowerCut:
            for left in flash.survivors():
                yield left, device.facts
        else:
            return


@pytest.mark.parametrize("medium", MEDIA)
def test_one_power_cut_anywhere_in_a_life(medium):
    found = 0
    for flash, facts in cuts(medium(), NOTHING, live):
        with flash.mounted():
            go_on(device_on(flash, facts))
        found += 1
    assert found > 40


@pytest.mark.parametrize("medium", [Littlefs, CoarseFat, PosixMicroPython])
def test_a_second_power_cut_while_it_comes_up_again(medium):
    for once, promised in itertools.islice(cuts(medium(), NOTHING, live), 0, None, 3):
        for flash, facts in cuts(once, promised, Device.boot):
            with flash.mounted():
                device_on(flash, facts).boot()


class Lives(RuleBasedStateMachine):
    """Any life, with power cuts and full disks wherever they like."""

    @initialize(medium=st.sampled_from(MEDIA))
    def made(self, medium):
        self.flash = medium()
        self.device = device_on(self.flash)
        self.up = False

    @rule(full=st.booleans())
    def disk(self, full):
        self.flash.full = full

    @rule()
    def reset(self):
        self.up = False

    @rule(
        action=st.sampled_from([(Device.put,), (Device.deliver,), (Device.rotate,)])
        | st.sampled_from(CARDS).map(lambda card: (Device.acknowledge, card)),
        cut=st.none() | st.integers(0, 300),
        survivor=st.integers(0, 50),
    )
    def act(self, action, cut, survivor):
        do, *arguments = action
        self.flash.cut_after(cut)
        with self.flash.mounted():
            try:
                if not self.up:
                    self.device.boot()
                    self.up = True
                do(self.device, *arguments)
            except PowerCut:
                left = self.flash.survivors()
                self.flash = left[survivor % len(left)]
                self.device = device_on(self.flash, self.device.facts)
                self.up = False
            except OSError:
                assert self.flash.full
                if self.up:
                    self.device.look()
        self.flash.cut_after(None)


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=300, stateful_step_count=30)
