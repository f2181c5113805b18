"""Power cuts at every step on the medium: whatever the agent stores comes up valid, and keeps what it promised."""

import itertools
import random
from collections.abc import Callable
from copy import deepcopy

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from simbond_agent.keystore import Keystore
from simbond_agent.spool import Spool
from support.flash import MEDIA, CoarseFat, Flash, Littlefs, PosixMicroPython, PowerCut

CAPACITY = 3
CARDS = [(f"8986001234567890000{n}", "861234050000013", eid) for n, eid in enumerate([None, "8903302", None])]


class Device:
    """A device on its medium, and what the world outside was told; only the latter outlives a power cut.

    key: the one that the verifier takes. identities: any of them may have been acknowledged last. rings: any of them
    may be what is in the spool.
    """

    def __init__(self, flash: Flash) -> None:
        self.flash = flash
        self.bootcount = 0
        self.key: bytes | None = None
        self.identities = [(None, None, None)]
        self.rings: list[list[bytes]] = [[]]
        self.made = 0

    def after(self, flash: Flash) -> "Device":
        """The same device after a power cut that left flash."""
        device = Device(flash)
        for name in ("bootcount", "key", "identities", "rings", "made"):
            setattr(device, name, deepcopy(getattr(self, name)))
        return device

    def boot(self) -> None:
        with self.flash.mounted():
            self.keystore = Keystore("/simbond")
            self.spool = Spool("/simbond/spool", CAPACITY)
            assert self.keystore.bootcount > self.bootcount
            self.bootcount = self.keystore.bootcount
            identity = (self.keystore.iccid, self.keystore.imei, self.keystore.eid)
            assert identity in self.identities
            self.identities = [identity]
            if self.key is None:
                self.key = self.keystore.private_key  # a technician enrols it
            if self.keystore.private_key != self.key:  # the answer to the rotation was lost
                assert self.keystore.has_next
                assert self.keystore.next_key() == self.key
        self.look()

    def look(self) -> None:
        """Finds out what is in the spool, on a copy, and whether that may be so."""
        ring = []
        with self.flash.copy().mounted():
            spool = Spool("/simbond/spool", CAPACITY)
            while (entry := spool.oldest()) is not None:
                ring.append(entry)
                spool.drop()
        assert ring in self.rings
        assert len(self.spool) == len(ring)
        self.rings = [ring]

    def acknowledge(self, iccid: str, imei: str, eid: str | None) -> None:
        self.identities.append((iccid, imei, eid))
        with self.flash.mounted():
            self.keystore.acknowledge(iccid, imei, eid)
        self.identities = [(iccid, imei, eid)]

    def put(self) -> None:
        (ring,) = self.rings
        entry = random.Random(self.made).randbytes(20)
        self.made += 1
        kept = ring[-(CAPACITY - 1) :]
        self.rings = [ring, kept, [*kept, entry]]
        with self.flash.mounted():
            self.spool.put(entry)
        self.rings = [[*kept, entry]]
        self.look()

    def deliver(self) -> None:
        (ring,) = self.rings
        self.rings = [ring, ring[1:]]
        with self.flash.mounted():
            assert self.spool.oldest() == (ring[0] if ring else None)
            if ring:
                self.spool.drop()
        self.rings = [ring[1:]]

    def rotate(self) -> None:
        with self.flash.mounted():
            self.key = self.keystore.next_key()  # and the verifier takes it
            self.keystore.adopt_next()
            assert self.keystore.private_key == self.key
            assert not self.keystore.has_next


def live(device: Device) -> None:
    """A whole life: every kind of write, each from more than one state of the files."""
    device.boot()
    device.boot()
    device.acknowledge(*CARDS[0])
    device.put()
    device.deliver()
    for _ in range(CAPACITY + 2):
        device.put()
    device.rotate()
    device.boot()
    device.acknowledge(*CARDS[1])
    device.deliver()
    device.put()
    device.rotate()
    device.acknowledge(*CARDS[2])
    device.boot()


def go_on(device: Device) -> None:
    """What a device does after a power cut: it comes up, and everything works."""
    device.boot()
    device.put()
    device.rotate()
    device.boot()


def cuts(start: Callable[[], Device], use: Callable[[Device], None]):
    """Every Device that a power cut may leave while use works on a new one from start()."""
    for steps in itertools.count():
        device = start()
        device.flash.cut_after(steps)
        try:
            use(device)
        except PowerCut:
            yield from map(device.after, device.flash.survivors())
        else:
            return


@pytest.mark.parametrize("medium", MEDIA)
def test_one_power_cut_anywhere_in_a_life(medium):
    found = 0
    for device in cuts(lambda: Device(medium()), live):
        go_on(device)
        found += 1
    assert found > 40


@pytest.mark.parametrize("medium", [Littlefs, CoarseFat, PosixMicroPython])
def test_a_second_power_cut_while_it_comes_up_again(medium):
    for once in cuts(lambda: Device(medium()), live):
        for twice in cuts(lambda once=once: once.after(once.flash.copy()), Device.boot):
            twice.boot()


class Lives(RuleBasedStateMachine):
    """Any life, with power cuts and full disks wherever they like."""

    @initialize(medium=st.sampled_from(MEDIA))
    def made(self, medium):
        self.device = Device(medium())
        self.up = False

    @rule(full=st.booleans())
    def disk(self, full):
        self.device.flash.full = full

    @rule()
    def reset(self):
        self.up = False

    @rule(
        action=st.sampled_from(
            [
                Device.put,
                Device.deliver,
                Device.rotate,
                *(lambda device, card=card: device.acknowledge(*card) for card in CARDS),
            ]
        ),
        cut=st.none() | st.integers(0, 120),
        survivor=st.integers(0, 50),
    )
    def act(self, action, cut, survivor):
        self.device.flash.cut_after(cut)
        try:
            if not self.up:
                self.device.boot()
                self.up = True
            action(self.device)
        except PowerCut:
            left = self.device.flash.survivors()
            self.device = self.device.after(left[survivor % len(left)])
            self.up = False
        except OSError:
            assert self.device.flash.full
            if self.up:
                self.device.look()
        self.device.flash.cut_after(None)


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
