"""The embedded target: what network equipment is told is what was written to disk."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simbond_verifier.enforcement import Access, Target, TargetError, UnknownSubscriber
from simbond_verifier.enforcement.embedded import Embedded
from support.attester import ICCID, IMSI
from support.verifier import Desk
from support.verifier import desk as make_desk
from support.workers import group_commit


def play(desk: Desk, story: Callable[[Embedded], Any], **options: Any) -> None:
    async def run() -> None:
        async with group_commit(desk.database, **options) as writer:
            target: Target = (embedded := Embedded(desk.database, writer, clock=lambda: desk.now))
            await story(embedded)
            await target.close()

    asyncio.run(run())


def test_barred_and_allowed_again(desk: Desk) -> None:
    async def story(target: Embedded) -> None:
        assert await target.state(IMSI) is Access.ALLOWED, "an imported card is let in"
        for _ in range(2):
            assert (await target.suspend(IMSI)).complete
            assert await target.state(IMSI) is Access.BARRED
        for _ in range(2):
            assert (await target.resume(IMSI)).complete
            assert await target.state(IMSI) is Access.ALLOWED

    desk.stock((ICCID, IMSI))
    play(desk, story)


def test_a_bar_outlives_the_process(tmp_path: Path) -> None:
    async def read(target: Embedded) -> None:
        assert await target.state(IMSI) is Access.BARRED

    with make_desk(tmp_path) as desk:
        desk.stock((ICCID, IMSI))
        play(desk, lambda target: target.suspend(IMSI))
    with make_desk(tmp_path) as desk:
        play(desk, read)


def test_a_bar_is_one_cards(desk: Desk) -> None:
    async def story(target: Embedded) -> None:
        await target.suspend(IMSI)
        assert await target.state("460001234560002") is Access.ALLOWED

    desk.stock((ICCID, IMSI), ("89860012345678904447", "460001234560002"))
    play(desk, story)


@pytest.mark.parametrize(
    "imsi", ["", "46000", "46000123456789x", "4600012345678901", "４６０００１２３４５６", "46000; --"]
)
@pytest.mark.parametrize("call", ["suspend", "resume", "state"])
def test_what_is_no_imsi_is_refused(desk: Desk, call: str, imsi: str) -> None:
    async def story(target: Embedded) -> None:
        with pytest.raises(ValueError, match="not an IMSI"):
            await getattr(target, call)(imsi)

    play(desk, story)


def test_a_card_that_was_never_imported_is_unknown(desk: Desk) -> None:
    async def story(target: Embedded) -> None:
        with pytest.raises(UnknownSubscriber, match="460009999999999"):
            await target.state("460009999999999")

    play(desk, story)


def test_a_database_that_takes_nothing_is_a_target_that_is_away(desk: Desk) -> None:
    async def story(target: Embedded) -> None:
        for call in (target.suspend, target.resume):
            with pytest.raises(TargetError, match="not written"):
                await call(IMSI)

    desk.stock((ICCID, IMSI))
    play(desk, story, waiting=0)
