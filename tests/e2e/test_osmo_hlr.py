"""Suspension as the network sees it: a real osmo-hlr, and an SGSN and an MSC that serve its cards."""

import asyncio
import itertools
import os
import signal
import time

import pytest

from simbond_tools.gsup_peer import OnCancel, ServingNode
from simbond_tools.hlr import HlrError, PrivateHlr
from simbond_verifier.enforcement import Access, TargetError, UnknownSubscriber, from_url
from simbond_verifier.enforcement.gsup import CancelType, Domain
from simbond_verifier.enforcement.osmo_hlr import OsmoHlr
from support import needs

GPRS_NOT_ALLOWED = 7
PLMN_NOT_ALLOWED = 11
IMSI_UNKNOWN = 2

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def hlr():
    needs.program("osmo-hlr", package="osmo-hlr")
    with PrivateHlr() as running:
        yield running


@pytest.fixture
def imsi(hlr):
    """A subscriber of its own for every test."""
    number = next(_numbers)
    hlr.add_subscriber(f"90170{number:010d}", f"4670{number:06d}")
    return f"90170{number:010d}"


def sgsn(hlr, **options):
    return ServingNode(hlr.host, "sgsn-1", Domain.PS, **options)


def msc(hlr, **options):
    return ServingNode(hlr.host, "msc-1", Domain.CS, **options)


def play(hlr, story, *, cancel_wait=60.0, timeout=30.0, **options):
    """Run `story(target)` with a target that points at the HLR and is patient, since this machine may be busy."""

    async def run():
        target = OsmoHlr(hlr.host, cancel_wait=cancel_wait, timeout=timeout, **options)
        try:
            return await story(target)
        finally:
            await target.close()

    return asyncio.run(run())


async def imei_of(target, imsi):
    seen = await target.sighting(imsi)
    return seen and seen.imei


def test_an_online_card_goes_offline_and_comes_back(hlr, imsi):
    async def story(target):
        async with sgsn(hlr) as ps, msc(hlr) as cs:
            assert (await ps.update_location(imsi)).accepted
            assert (await cs.update_location(imsi)).accepted
            assert await target.state(imsi) is Access.ALLOWED

            outcome = await target.suspend(imsi)

            assert outcome.complete
            assert "'sgsn-1' (PS) confirmed" in outcome.detail
            assert "'msc-1' (CS) confirmed" in outcome.detail
            for node in (ps, cs):
                cancelled = node.cancelled.get_nowait()
                assert (cancelled.imsi, cancelled.domain) == (imsi, node.domain)
                assert cancelled.cancel_type == CancelType.SUBSCRIPTION_WITHDRAWN
                assert imsi not in node.serving
                assert node.cancelled.empty()
            assert (await ps.update_location(imsi)).cause == GPRS_NOT_ALLOWED
            assert (await cs.update_location(imsi)).cause == PLMN_NOT_ALLOWED
            assert await target.state(imsi) is Access.BARRED

            await target.resume(imsi)

            assert await target.state(imsi) is Access.ALLOWED
            assert (await ps.update_location(imsi)).accepted
            assert (await cs.update_location(imsi)).accepted

    play(hlr, story)


@pytest.mark.parametrize("serving", [(), ("ps",), ("cs",)])
def test_only_nodes_that_serve_the_card_are_told(hlr, imsi, serving):
    async def story(target):
        async with sgsn(hlr) as ps, msc(hlr) as cs:
            nodes = {"ps": ps, "cs": cs}
            for name in serving:
                await nodes[name].update_location(imsi)
            outcome = await target.suspend(imsi)
            assert outcome.complete
            assert {name for name, node in nodes.items() if not node.cancelled.empty()} == set(serving)
            assert outcome.detail.count("LocationCancel") == len(serving)
            assert (await ps.update_location(imsi)).cause == GPRS_NOT_ALLOWED
            assert (await cs.update_location(imsi)).cause == PLMN_NOT_ALLOWED

    play(hlr, story)


def test_repeating_changes_nothing(hlr, imsi):
    async def story(target):
        for call, access in ((target.suspend, Access.BARRED), (target.resume, Access.ALLOWED)):
            await call(imsi)
            await call(imsi)
            assert await target.state(imsi) is access

    play(hlr, story)


@pytest.mark.parametrize(
    ("on_cancel", "cancel_wait", "said"),
    [
        (OnCancel.TO_HLR, 0.1, "(PS) sent"),
        (OnCancel.SILENT, 0.1, "(PS) sent"),
        (OnCancel.REFUSE, 10, "(PS) refused"),
    ],
)
def test_the_bar_counts_whatever_the_node_answers(hlr, imsi, on_cancel, cancel_wait, said):
    async def story(target):
        async with sgsn(hlr, on_cancel=on_cancel) as ps:
            await ps.update_location(imsi)
            outcome = await target.suspend(imsi)
            assert outcome.complete
            assert said in outcome.detail
            assert not ps.cancelled.empty()
            assert await target.state(imsi) is Access.BARRED

    play(hlr, story, cancel_wait=cancel_wait)


def test_a_node_that_is_away_is_said_and_told_at_the_next_call(hlr, imsi):
    async def story(target):
        async with sgsn(hlr) as ps:
            await ps.update_location(imsi)
        outcome = await target.suspend(imsi)
        assert not outcome.complete
        assert "'sgsn-1' (PS) not connected" in outcome.detail
        assert await target.state(imsi) is Access.BARRED
        async with sgsn(hlr) as ps:
            await ps.update_location(imsi)  # refused, but now the HLR knows the way to the node
            assert (await target.suspend(imsi)).complete
            assert not ps.cancelled.empty()

    play(hlr, story)


def test_a_card_that_was_purged_and_came_back_is_cancelled(hlr, imsi):
    async def story(target):
        async with sgsn(hlr) as ps:
            await ps.update_location(imsi)
            assert (await ps.purge(imsi)).accepted
            await ps.update_location(imsi)  # osmo-hlr leaves its purged flag set
            await target.suspend(imsi)
            assert not ps.cancelled.empty()

    play(hlr, story)


def test_a_resumption_gives_no_more_than_it_grants(hlr, imsi):
    async def story(target):
        async with sgsn(hlr) as ps, msc(hlr) as cs:
            await target.suspend(imsi)
            await target.resume(imsi)
            assert await target.state(imsi) is Access.ALLOWED
            assert (await ps.update_location(imsi)).accepted
            assert (await cs.update_location(imsi)).cause == PLMN_NOT_ALLOWED

    play(hlr, story, grants=[Domain.PS])


@pytest.mark.parametrize("name", ["suspend", "resume", "state", "sighting"])
def test_unknown_subscriber(hlr, name):
    with pytest.raises(UnknownSubscriber, match="901709999999999"):
        play(hlr, lambda target: getattr(target, name)("901709999999999"))


def test_the_network_view_is_what_check_imei_stored(hlr, imsi):
    async def story(target):
        assert await imei_of(target, imsi) is None
        async with msc(hlr) as cs:
            assert (await cs.check_imei(imsi, "359789012345679")).accepted
            assert await imei_of(target, imsi) == "359789012345679"
            assert (await cs.check_imei(imsi, "490154203237518")).accepted
            assert await imei_of(target, imsi) == "490154203237518"
            before = time.time()
            assert (await cs.update_location(imsi)).accepted
            assert before - 2 <= (await target.sighting(imsi)).at <= time.time() + 2

    play(hlr, story)


def test_a_serving_node_cannot_lie_through_its_name(hlr, imsi):
    async def story(target):
        name = "x\nnam_ps\t1\n    IMEI: 490154203237518"
        async with ServingNode(hlr.host, name, Domain.CS) as node:
            assert (await node.update_location(imsi)).accepted
            await target.suspend(imsi)
            assert await target.state(imsi) is Access.BARRED
            assert await imei_of(target, imsi) is None

    play(hlr, story)


def test_many_cards_at_once(hlr):
    cards = [f"90171{number:010d}" for number in range(100)]
    hlr.add_subscribers([(card, f"4671{number:06d}") for number, card in enumerate(cards)])

    async def story(target):
        async with sgsn(hlr) as ps, msc(hlr) as cs:
            await asyncio.gather(*(node.update_location(card) for card in cards for node in (ps, cs)))
            outcomes = await asyncio.gather(*(target.suspend(card) for card in cards))
            assert all(outcome.complete for outcome in outcomes)
            assert set(await asyncio.gather(*(target.state(card) for card in cards))) == {Access.BARRED}
            for node in (ps, cs):
                assert node.serving == set()
                assert {node.cancelled.get_nowait().imsi for _ in cards} == set(cards)

    play(hlr, story)


def test_restart_of_the_hlr(hlr, imsi):
    async def story(target):
        assert await target.state(imsi) is Access.ALLOWED
        assert await imei_of(target, imsi) is None
        hlr.stop()
        with pytest.raises(HlrError, match="lost the private osmo-hlr"):
            hlr.add_subscriber("901709999999997", "46799999")
        for call in (target.suspend, target.resume, target.state, target.sighting):
            async with asyncio.timeout(25):  # nobody waits for the time-out where nobody listens
                with pytest.raises(TargetError, match=hlr.host):
                    await call(imsi)
        hlr.start()
        async with sgsn(hlr) as ps:
            await ps.update_location(imsi)
            assert (await target.suspend(imsi)).complete
            assert not ps.cancelled.empty()
        assert await target.state(imsi) is Access.BARRED
        assert await imei_of(target, imsi) is None

    play(hlr, story)


def test_an_hlr_that_hangs_and_wakes_up(hlr, imsi):
    async def story(target):
        while not await is_connected(target):  # noqa: ASYNC110 - on a busy machine its second may be over before
            await asyncio.sleep(0.1)
        os.kill(hlr.pid, signal.SIGSTOP)
        try:
            for call in (target.suspend, target.state, target.sighting):
                with pytest.raises(TargetError, match=r"no answer .*within 1 s"):
                    await call(imsi)
        finally:
            os.kill(hlr.pid, signal.SIGCONT)

    async def is_connected(target):
        try:
            return await target.state(imsi) is Access.ALLOWED and await imei_of(target, imsi) is None
        except TargetError:
            return False

    async def later(target):
        await target.resume(imsi)
        assert await target.state(imsi) is Access.ALLOWED
        assert await imei_of(target, imsi) is None

    play(hlr, story, timeout=1.0)
    play(hlr, later)


def test_without_a_subscriber_nobody_attaches(hlr):
    async def story(_target):
        async with sgsn(hlr) as ps:
            assert (await ps.update_location("901709999999998")).cause == IMSI_UNKNOWN

    play(hlr, story)


def test_the_private_hlr_says_what_is_wrong(hlr, imsi, monkeypatch):
    assert from_url(hlr.url).name == "osmo-hlr"
    with pytest.raises(HlrError, match="already exists"):
        hlr.add_subscriber(imsi, "4670000000")
    with pytest.raises(HlrError, match="Invalid IMSI"):
        hlr.add_subscriber("12x", "4670000000")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(HlrError, match="apt-get install osmo-hlr"), PrivateHlr():
        pass
    assert not PrivateHlr.available()
