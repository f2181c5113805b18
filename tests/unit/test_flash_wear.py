"""docs/flash.md says how often flash is written; here it is counted."""

from pathlib import Path

import pytest

from simbond_agent.keystore import Keystore
from simbond_agent.spool import Spool
from support.cards import CARD, OTHER_CARD
from support.flash import Littlefs

PAGE = (Path(__file__).parents[2] / "docs" / "flash.md").read_text()
IMEI = "861234050000013"
EVIDENCE = bytes(160)


def table(heading: str) -> dict[str, tuple[int, ...]]:
    """The rows of the table that begins with heading: what stands first, and the numbers behind it."""
    rows = {}
    for line in PAGE.partition(f"| {heading} | Files written |")[2].splitlines()[2:]:
        if not line:
            break
        what, *numbers = (cell.strip() for cell in line.strip("|").split("|"))
        rows[what] = tuple(map(int, numbers))
    return rows


class Device:
    """A device with its memory and its flash, which counts."""

    def __init__(self):
        self.flash = Littlefs()

    def boot(self) -> None:
        self.keystore = Keystore("/simbond")
        self.spool = Spool("/simbond/spool")

    def delivered(self, card=CARD) -> None:
        while self.spool.oldest():
            self.spool.drop()
        self.keystore.acknowledge(card.iccid, IMEI)

    def put_by(self) -> None:
        self.spool.put(EVIDENCE)

    def rotate(self) -> None:
        self.keystore.next_key()
        self.keystore.adopt_next()

    def count(self, do, *kinds: str) -> tuple[int, ...]:
        self.flash.counts.clear()
        do()
        return tuple(self.flash.counts[kind] for kind in kinds)


@pytest.fixture
def device():
    device = Device()
    with device.flash.mounted():
        yield device


def test_by_event(device):
    counted = {}

    def count(what, do):
        counted[what] = device.count(do, "write", "rename", "remove")

    count("first start", device.boot)
    count("later start", device.boot)
    device.delivered()
    count("attestation delivered", device.delivered)
    count("another card or IMEI taken by the verifier", lambda: device.delivered(OTHER_CARD))
    count("attestation put by", device.put_by)
    count("attestation delivered that was put by", lambda: device.delivered(OTHER_CARD))
    for _ in range(16):
        device.put_by()
    count("attestation put by, ring full", device.put_by)
    count("key rotated", device.rotate)
    assert counted == table("What")


def test_by_day(device):
    def days(number: int, attestations: int, starts: int, network: bool):
        for _ in range(number):
            for n in range(attestations):
                if n < starts:
                    device.boot()
                if network:
                    device.delivered()
                else:
                    device.put_by()
        device.delivered()

    def a_day(number: int, **life) -> tuple[int, ...]:
        written, removed = device.count(lambda: days(number, **life), "write", "remove")
        return -(-written // number), -(-removed // number)

    device.boot()
    device.delivered()
    assert table("Device") == {
        "always on, one an hour": a_day(1, attestations=24, starts=0, network=True),
        "off between 4 attestations a day, each a start": a_day(1, attestations=4, starts=4, network=True),
        "asleep with its memory kept, 4 a day": a_day(1, attestations=4, starts=0, network=True),
        "always on, one an hour, a week without network, and back": a_day(7, attestations=24, starts=0, network=False),
        "off between 4 a day, a week without network, and back": a_day(7, attestations=4, starts=4, network=False),
    }
