"""An HLR is asked about every bound card, slowly."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from simbond_verifier import fleet
from simbond_verifier.enforcement import Sighting, TargetError
from simbond_verifier.observer import Observer
from simbond_verifier.policy import Policy
from simbond_verifier.store.schema import observation
from simbond_verifier.workers import network_poll
from simbond_verifier.workers.network_poll import NetworkPoll
from support.attester import ICCID, IMEI, IMSI, Attester
from support.verifier import Desk
from support.verifier import desk as make_desk
from support.workers import OnceFull, at_work, group_commit, until

OTHER = Attester(imei="353456060000020", iccid="89860012345678904447", imsi="460001234560002")
FOREIGN = "353456060000038"


class Hlr:
    """Answers by IMSI: a sighting, None, or an error."""

    def __init__(self, **seen: Sighting | Exception | None) -> None:
        self.seen = seen
        self.asked: list[str] = []

    async def sighting(self, imsi: str) -> Sighting | None:
        self.asked.append(imsi)
        found = self.seen.get(f"i{imsi}")
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_poll, "_IDLE_S", 0.01)


def polled(folder: Path, hlr: Hlr, condition: Callable[[Desk], bool], *, full: bool = False) -> tuple[int, int]:
    """Polls two bound cards until the condition holds: how many changes were reported, and observations kept."""
    changes = []

    async def work(desk: Desk) -> None:
        async with group_commit(desk.database) as writer:
            if full:
                writer = OnceFull(desk.database)
                writer.start()
            clock = lambda: desk.now  # noqa: E731
            observer = Observer(writer, desk.scenarios, Policy(), lambda: changes.append(1), clock)
            poll = NetworkPoll(desk.database, observer, hlr, "osmo-hlr", 1000, clock)
            async with at_work(poll.run):
                await until(lambda: condition(desk), "what the network says")
            if full:
                await writer.stop()

    with make_desk(folder) as desk:
        desk.bind(Attester())
        desk.bind(OTHER)
        desk.stock(("89860012345678905550", "460001234560009"))
        desk.now += 60
        asyncio.run(work(desk))
        with desk.database.read() as connection:
            kept = connection.execute(select(func.count()).select_from(observation)).scalar_one()
    return len(changes), kept


def warned(desk: Desk) -> bool:
    return bool(desk.card(ICCID)["state"] == "warned")


def test_a_card_in_a_foreign_device_is_found_and_counted_once(tmp_path: Path) -> None:
    hlr = Hlr(**{f"i{IMSI}": Sighting(FOREIGN, 1_800_000_050.0)})

    assert polled(tmp_path, hlr, lambda desk: warned(desk) and len(hlr.asked) > 6) == (1, 1)
    assert set(hlr.asked) == {IMSI, OTHER.imsi}, "a card in stock is in no device"


def test_without_a_time_the_same_again_says_nothing_new(tmp_path: Path) -> None:
    hlr = Hlr(**{f"i{IMSI}": Sighting(IMEI[:14], None)})

    assert polled(tmp_path, hlr, lambda desk: len(hlr.asked) > 6) == (0, 1)


@pytest.mark.parametrize("full", [False, True])
def test_neither_an_hlr_that_is_away_nor_a_full_disk_ends_it(tmp_path: Path, full: bool) -> None:
    hlr = Hlr(**{f"i{IMSI}": Sighting(FOREIGN, 1_800_000_050.0), f"i{OTHER.imsi}": TargetError("away")})

    assert polled(tmp_path, hlr, warned, full=full)[1] == 1


def test_a_retired_card_is_asked_about_no_more(tmp_path: Path) -> None:
    with make_desk(tmp_path) as desk:
        desk.bind(Attester())
        desk.do(fleet.retire, ICCID, reason="broken", actor="olga")
        with desk.database.read() as connection:
            assert network_poll._behind(0, connection) == []
