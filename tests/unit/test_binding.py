"""How cards are bound: by use, in pools, several to a device, and how often they may move."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from simbond_agent import claims
from simbond_verifier import fleet
from simbond_verifier.appraisal import Card, Device
from simbond_verifier.binding import Bound, Facts, moves, takes_by_use, within_quota
from simbond_verifier.lifecycle import NEW, Access, State, Status
from simbond_verifier.reasons import Reason, Tier
from simbond_verifier.refusal import Conflict
from simbond_verifier.scenario import InvalidScenario, parse
from simbond_verifier.store.schema import card, network
from support.attester import ICCID, IMSI, Attester
from support.verifier import NOW, SCENARIO, Desk
from support.verifier import desk as make_desk

TAC = "86123405"
SECOND_IMEI = "861234050000047"
FOREIGN_IMEI = "353456060000024"
OTHER = ("89860012345678904447", "460001234560002")


def text(mode: str, more: str = "") -> str:
    return SCENARIO.replace("[ladder]", f'[models]\ntac = ["{TAC}"]\n[binding]\nmode = "{mode}"\n{more}[ladder]')


def saw(desk: Desk, imei: str, at: float) -> None:
    """The network saw the card in a device."""
    with desk.database.write() as connection:
        found = connection.execute(card.select().where(card.c.iccid == ICCID)).one()
        row = insert(network).values(card_id=found.id, imei=imei[:14], imei_at=at, source="feed")
        connection.execute(row)


@pytest.fixture(name="first")
def _first(tmp_path: Path) -> Iterator[Desk]:
    with make_desk(tmp_path, text("first-use", "window_s = 3600\n")) as desk:
        desk.stock((ICCID, IMSI))
        yield desk


@pytest.fixture(name="pool")
def _pool(tmp_path: Path) -> Iterator[Desk]:
    with make_desk(tmp_path, text("pool")) as desk:
        desk.stock((ICCID, IMSI))
        yield desk


def holder(desk: Desk) -> str | None:
    found = desk.card(ICCID)["device"]
    return None if found is None else str(found["kid"])


# First use


def test_the_first_device_that_attests_the_card_has_it(first: Desk) -> None:
    meter = Attester()
    first.add(meter)
    result = first.attest(meter)
    assert (result.tier, result.reasons, result.interval_s) == (Tier.AFFIRMING, (Reason.BOUND_BY_USE,), 3600)
    assert (first.card(ICCID)["state"], holder(first)) == ("bound", meter.kid.hex())
    line = first.history(ICCID)[-1]
    assert (line["kind"], line["actor"], line["reasons"]) == ("bind", "verifier", ["bound-by-use"])
    second = Attester(imei=SECOND_IMEI)
    first.add(second)
    assert first.attest(second).reasons == (Reason.FOREIGN_DEVICE_CLAIM,)
    assert holder(first) == meter.kid.hex()


def test_the_window_ends(first: Desk) -> None:
    meter = Attester()
    first.add(meter)
    first.now += 3600
    assert first.attest(meter).reasons == (Reason.CARD_NOT_BOUND,)


@pytest.mark.parametrize("change", [{"imei": FOREIGN_IMEI}, {"imsi": "460009999999999"}, {"scenario": 2}])
def test_another_model_or_evidence_that_does_not_affirm_gets_no_card(first: Desk, change: dict[str, Any]) -> None:
    meter = Attester(**change)
    first.add(meter)
    assert first.attest(meter).reasons == (Reason.CARD_NOT_BOUND,)
    assert holder(first) is None


def test_a_network_that_saw_the_card_in_another_device_forbids_it(first: Desk) -> None:
    meter = Attester()
    first.add(meter)
    saw(first, SECOND_IMEI, NOW)
    assert first.attest(meter).reasons == (Reason.CARD_NOT_BOUND,)


def test_a_network_that_saw_it_in_this_device_does_not(first: Desk) -> None:
    meter = Attester()
    first.add(meter)
    saw(first, meter.imei, NOW)
    assert first.attest(meter).reasons == (Reason.BOUND_BY_USE,)


def test_a_suspended_card_is_bound_by_nobodys_use(first: Desk) -> None:
    meter = Attester()
    first.add(meter)
    first.do(fleet.suspend, ICCID, reason="stolen from the store", actor="olga")
    assert first.attest(meter).reasons == (Reason.CARD_NOT_BOUND,)


def test_a_device_that_has_a_card_takes_no_second(first: Desk) -> None:
    meter = Attester()
    first.add(meter)
    first.attest(meter)
    first.stock(OTHER)
    meter.iccid, meter.imsi = OTHER
    assert first.attest(meter).reasons == (Reason.CARD_CHANGED, Reason.CARD_NOT_BOUND)


def test_nobody_races_for_a_card_that_an_operator_took_from_its_device(first: Desk) -> None:
    meter, thief = Attester(), Attester(imei=SECOND_IMEI)
    first.add(meter, thief)
    first.attest(meter)
    first.do(fleet.unbind, ICCID, reason="broken", actor="olga")
    assert first.attest(thief).reasons == (Reason.CARD_NOT_BOUND,)


def test_late_evidence_binds_nothing(first: Desk) -> None:
    meter = Attester()
    first.add(meter)
    nonce = first.nonce(meter)
    first.now += 1800
    assert first.attest(meter, nonce).reasons == (Reason.LATE, Reason.CARD_NOT_BOUND)


def test_a_stated_pair_is_bound_by_nobodys_use(desk: Desk) -> None:
    meter = Attester()
    desk.stock((ICCID, IMSI))
    desk.add(meter)
    assert desk.attest(meter).reasons == (Reason.CARD_NOT_BOUND,)


@pytest.mark.parametrize("mode", ["first-use", "pool"])
def test_binding_by_use_takes_a_list_of_models(mode: str) -> None:
    with pytest.raises(InvalidScenario, match=r"models\.tac"):
        parse(SCENARIO + f'[binding]\nmode = "{mode}"\n', "test")


# Pools


def pooled(desk: Desk) -> tuple[Attester, Attester]:
    first, second = Attester(), Attester(imei=SECOND_IMEI, iccid=None, imsi=None, status=claims.TRAY_EMPTY)
    desk.add(first, second)
    assert desk.attest(first).reasons == (Reason.BOUND_BY_USE,)
    return first, second


def claim(desk: Desk, device: Attester) -> tuple[Reason, ...]:
    device.iccid, device.imsi, device.status = ICCID, IMSI, 0
    return desk.attest(device).reasons


def test_a_pool_passes_the_card_on_when_the_device_says_that_it_is_gone(pool: Desk) -> None:
    first, second = pooled(pool)
    first.iccid, first.status = None, claims.TRAY_EMPTY
    pool.attest(first)
    assert claim(pool, second) == (Reason.BOUND_BY_USE,)
    assert (pool.card(ICCID)["state"], holder(pool)) == ("bound", second.kid.hex())


def test_a_claim_alone_takes_it_from_nobody(pool: Desk) -> None:
    first, second = pooled(pool)
    assert claim(pool, second) == (Reason.FOREIGN_DEVICE_CLAIM,)
    assert holder(pool) == first.kid.hex()


def test_nor_an_old_sighting_in_the_claimant(pool: Desk) -> None:
    first, second = pooled(pool)
    saw(pool, second.imei, NOW - 10)
    assert claim(pool, second) == (Reason.FOREIGN_DEVICE_CLAIM,)
    assert holder(pool) == first.kid.hex()


def test_the_network_saw_it_leave(pool: Desk) -> None:
    _, second = pooled(pool)
    pool.now += 10
    saw(pool, second.imei, pool.now - 1)
    assert claim(pool, second) == (Reason.BOUND_BY_USE,)


def test_a_device_that_fell_silent_loses_it_unless_the_network_sees_it_there(pool: Desk) -> None:
    first, second = pooled(pool)
    pool.now += 4201
    saw(pool, first.imei, pool.now - 5)
    claim(pool, second)
    assert holder(pool) == first.kid.hex()


def test_a_pool_keeps_to_its_quota(tmp_path: Path) -> None:
    with make_desk(tmp_path, text("pool", "rebinds = 1\n")) as desk:
        desk.stock((ICCID, IMSI))
        first, second = pooled(desk)
        for leaves, comes, bound in ((first, second, True), (second, first, False)):
            desk.now += 10
            leaves.iccid, leaves.status = None, claims.TRAY_EMPTY
            desk.attest(leaves)
            assert (claim(desk, comes) == (Reason.BOUND_BY_USE,)) is bound


# Several cards in a device, several IMEIs of one


@pytest.fixture(name="esim")
def _esim(tmp_path: Path) -> Iterator[tuple[Desk, Attester]]:
    with make_desk(tmp_path, SCENARIO.replace("[ladder]", '[binding]\nmode = "set"\n[ladder]')) as desk:
        meter = Attester()
        desk.bind(meter)
        desk.stock(OTHER)
        more = {"scenario": None, "scenarios": desk.scenarios, "actor": "olga"}
        desk.do(fleet.bind, OTHER[0], meter.kid.hex(), **more)
        yield desk, meter


def test_either_profile_is_at_home(esim: tuple[Desk, Attester]) -> None:
    desk, meter = esim
    for iccid, imsi in ((ICCID, IMSI), OTHER, (ICCID, IMSI)):
        meter.iccid, meter.imsi = iccid, imsi
        assert desk.attest(meter).reasons == ()
    assert desk.card(ICCID)["state"] == desk.card(OTHER[0])["state"] == "bound"
    with desk.database.read() as connection:
        assert fleet.show_device(connection, meter.kid.hex())["cards"] == [ICCID, OTHER[0]]
        assert len(fleet.list_devices(connection, after="", limit=9)) == 1


def test_an_empty_tray_misses_both(esim: tuple[Desk, Attester]) -> None:
    desk, meter = esim
    meter.iccid, meter.status = None, claims.TRAY_EMPTY
    desk.attest(meter)
    assert desk.card(ICCID)["state"] == desk.card(OTHER[0])["state"] == "warned"


def test_revoking_the_key_is_in_the_history_of_both(esim: tuple[Desk, Attester]) -> None:
    desk, meter = esim
    desk.do(fleet.revoke, meter.kid.hex(), reason="lost", actor="olga")
    assert desk.history(ICCID)[-1]["kind"] == desk.history(OTHER[0])[-1]["kind"] == "key-revoked"


def test_a_set_is_not_suspended_by_silence() -> None:
    with pytest.raises(InvalidScenario, match="suspend_on_silence_s"):
        parse(SCENARIO + '[binding]\nmode = "set"\n[accusation]\nsuspend_on_silence_s = 60\n', "test")


def test_a_device_may_attest_either_of_its_imeis(desk: Desk) -> None:
    meter = Attester()
    desk.bind(meter)
    desk.do(fleet.set_imei2, meter.kid.hex(), SECOND_IMEI, reason="two slots", actor="olga")
    meter.imei = SECOND_IMEI
    assert desk.attest(meter).reasons == ()
    meter.imei = FOREIGN_IMEI
    assert desk.attest(meter).reasons == (Reason.IMEI_MISMATCH,)


def test_a_second_imei_is_nobody_elses(desk: Desk) -> None:
    meter, other = Attester(), Attester(imei=SECOND_IMEI)
    desk.add(meter, other)
    with pytest.raises(Conflict) as e:
        desk.do(fleet.set_imei2, meter.kid.hex(), SECOND_IMEI, reason="r", actor="olga")
    assert e.value.code == "imei-enrolled"
    order: dict[str, Any] = {"imei": None, "label": "", "allow_duplicate_imei": False, "actor": "tim"}
    third = Attester(imei=FOREIGN_IMEI)
    with pytest.raises(Conflict):
        desk.do(fleet.enrol, third.enrolment(), imei2=meter.imei, **order)
    desk.do(fleet.enrol, third.enrolment(), imei2="861234050000062", **order)
    with desk.database.read() as connection:
        assert fleet.show_device(connection, third.kid.hex())["imei2"] == "86123405000006"


# The rules by themselves

_scenario = parse(text("pool", "rebinds = 2\n"), "test")
_device = Device(7, TAC + "000002")
_imeis = st.sampled_from([None, _device.imei, TAC + "000009", FOREIGN_IMEI[:14]])
_facts = st.builds(
    Facts,
    imported_at=st.floats(NOW - 1e6, NOW),
    bound=st.lists(st.builds(Bound, st.floats(NOW - 1e7, NOW), st.integers(1, 3)), max_size=5).map(
        lambda found: tuple(sorted(found))
    ),
    signs=st.frozensets(st.sampled_from([Reason.TRAY_EMPTY, Reason.OUT_OF_AREA, Reason.CLONE]), max_size=2),
    network_imei=_imeis,
    network_imei_at=st.floats(NOW - 1e6, NOW),
    holder_gone=st.booleans(),
    holder_seen_at=st.none() | st.floats(NOW - 1e5, NOW),
    elsewhere=st.booleans(),
)


@given(_facts, st.sampled_from([Status(s, a) for s in State for a in Access]), st.sampled_from([None, 1, 2]))
def test_what_no_facts_make_up_for(facts: Facts, status: Status, device_id: int | None) -> None:
    about = Card(1, ICCID, IMSI, "meter", status, NOW, device_id)
    if not takes_by_use(about, _device, _scenario, facts, NOW):
        return
    assert status.access is Access.ALLOWED
    assert status == NEW or status.state in (State.BOUND, State.WARNED)
    assert not facts.elsewhere
    assert facts.network_imei in (None, _device.imei)
    assert not facts.signs & {Reason.OUT_OF_AREA, Reason.CLONE}
    assert within_quota(facts.bound, _device.id, _scenario, NOW)


@given(st.lists(st.builds(Bound, st.floats(0, 100), st.integers(1, 2)), max_size=8))
def test_moves_count_changes_of_device_and_nothing_else(bound: list[Bound]) -> None:
    bound.sort()
    devices = [b.device_id for b in bound]
    assert moves(bound, -1) == sum(a != b for a, b in pairwise(devices))
    assert moves(bound, 100) == 0
