"""What networks see comes in some at a time: a long report holds no device up, and is answered in its order."""

import asyncio

import pytest
from sqlalchemy import Connection, func, select

from simbond_verifier.observation import Observation, Place
from simbond_verifier.observer import Observer
from simbond_verifier.policy import Policy
from simbond_verifier.store.observations import Outcome
from simbond_verifier.store.schema import observation
from simbond_verifier.workers import background
from support.attester import IMSI, Attester
from support.verifier import Desk
from support.workers import group_commit

pytestmark = pytest.mark.usefixtures("store")


def test_others_have_their_turn_within_a_long_report(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_UNIT_S", 0.0)  # a machine on which every observation takes its time
    desk.bind(Attester())
    report = [
        Observation(imsi, desk.now + n, "feed", None, Place(), None, None)
        for n, imsi in enumerate([IMSI, "460009999999999", IMSI, IMSI, "no IMSI", IMSI])
    ]
    desk.now += len(report)
    meanwhile: list[int] = []

    def device(connection: Connection) -> None:
        meanwhile.append(connection.execute(select(func.count()).select_from(observation)).scalar_one())

    async def story() -> list[Outcome]:
        async with group_commit(desk.database) as writer:
            observer = Observer(writer, desk.scenarios, Policy(), lambda: None, lambda: desk.now)
            seen = asyncio.create_task(observer.take(*report))
            await asyncio.sleep(0)
            await writer.submit(device)
            return [one.outcome for one in await seen]

    taken, unknown, refused = Outcome.TAKEN, Outcome.UNKNOWN, Outcome.REFUSED
    assert asyncio.run(story()) == [taken, unknown, taken, taken, refused, taken]
    assert meanwhile == [1]
