"""The rules of detection: each fires on what it is about, and on nothing near it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_verifier.detection import RULES, look
from simbond_verifier.detection.absence import Quiet, never_used, silent, sleeping, traffic_unattested
from simbond_verifier.detection.equipment import foreign_imei, is_foreign
from simbond_verifier.detection.facts import Facts, View
from simbond_verifier.detection.fork import Behind, fork, is_behind
from simbond_verifier.detection.frequency import often_warned
from simbond_verifier.detection.travel import travel
from simbond_verifier.observation import Observation, Place, Use
from simbond_verifier.places import country, distance_km
from simbond_verifier.reasons import Reason
from simbond_verifier.scenario import Scenario, parse

OWN = "86123405000001"
PHONE = "35345606000002"
SHANGHAI = Place("46000", 7, 8, 31.23, 121.47)
LAGOS = Place("62130", 9, 10, 6.45, 3.39)
DAY = 86400
NOW = 1_800_000_000.0

imeis = st.text("0123456789", min_size=14, max_size=14)
tails = st.text("0123456789", max_size=2)
points = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


def scenario(text: str = "") -> Scenario:
    return parse(f'id = 1\nname = "x"\n{text}', "test")


def facts(text: str = "", *, before: View | None = None, **more: Any) -> Facts:
    seen = Observation("460001234560001", NOW, "feed", **{n: more.pop(n) for n in list(more) if n in _SEEN})
    return Facts(seen, scenario(text), before or View(), **({"imeis": frozenset({OWN})} | more))


_SEEN = Observation._fields
AREA = '[area]\nplmn = ["46000"]\ntac = [7]\ncells = [[7, 8]]\ncircles = [[31.2, 121.5, 50]]'
POOL = '[binding]\nmode = "pool"\n[models]\ntac = ["86123405"]'

FIRES: list[tuple[Reason, Facts]] = [
    (Reason.NETWORK_IMEI_DIFFERS, facts(imei=PHONE)),
    (Reason.NETWORK_IMEI_DIFFERS, facts(POOL, imei=PHONE)),
    (Reason.MODEL_NOT_ALLOWED, facts('[models]\ntac = ["86123405"]', imei=PHONE)),
    (Reason.MODEL_NOT_ALLOWED, facts('[models]\ntac = ["86123405"]', imei=PHONE, imeis=frozenset())),
    (Reason.PHONE, facts(imei=PHONE, phones=frozenset({PHONE[:8]}))),
    (Reason.MANY_CARDS, facts(imei=PHONE, sharing=5)),
    (Reason.MANY_CARDS, facts(imei=PHONE, sharing=5, imeis=frozenset())),
    (Reason.MANY_CARDS, facts(POOL, imei=OWN[:8] + "000077", sharing=5)),
    (Reason.OUT_OF_AREA, facts(AREA, place=Place("46001"))),
    (Reason.OUT_OF_AREA, facts(AREA, place=Place(area=6))),
    (Reason.OUT_OF_AREA, facts(AREA, place=Place(area=7, cell=9))),
    (Reason.OUT_OF_AREA, facts(AREA, place=Place(lat=30.5, lon=121.5))),
    (Reason.ROAMING, facts('[network]\nhome = ["460"]', place=LAGOS)),
    (Reason.ROAMING, facts('[network]\nhome = ["46000"]', place=Place("46001"))),
    (Reason.IMPOSSIBLE_TRAVEL, facts(place=LAGOS, before=View(place=SHANGHAI, place_at=NOW - 6 * 3600))),
    (Reason.IMPOSSIBLE_TRAVEL, facts(place=Place("62130"), before=View(place=Place("46000"), place_at=NOW - 500))),
    (Reason.USE_NOT_ALLOWED, facts('[functions]\nuses = ["data"]', use=Use.VOICE)),
    (Reason.APN_NOT_ALLOWED, facts('[functions]\napn = ["cmiot"]', apn="cmnet")),
]
DOES_NOT: list[tuple[Reason, Facts]] = [
    (Reason.NETWORK_IMEI_DIFFERS, facts(imei=OWN + "42")),
    (Reason.NETWORK_IMEI_DIFFERS, facts(imei=PHONE, imeis=frozenset({OWN, PHONE}))),
    (Reason.NETWORK_IMEI_DIFFERS, facts(imei=PHONE, imeis=frozenset())),
    (Reason.NETWORK_IMEI_DIFFERS, facts(POOL, imei="86123405999999")),
    (Reason.NETWORK_IMEI_DIFFERS, facts(imei=None)),
    (Reason.NETWORK_IMEI_DIFFERS, facts(imei=PHONE, before=View(imei=OWN, imei_at=NOW + 1))),
    (Reason.MODEL_NOT_ALLOWED, facts(imei=PHONE)),
    (Reason.PHONE, facts(imei=OWN, phones=frozenset({PHONE[:8]}))),
    (Reason.PHONE, facts(f'[models]\ntac = ["{PHONE[:8]}"]', imei=PHONE, phones=frozenset({PHONE[:8]}))),
    (Reason.MANY_CARDS, facts(imei=PHONE, sharing=4)),
    (Reason.MANY_CARDS, facts("[network]\ncards_per_imei = 9", imei=PHONE, sharing=9)),
    (Reason.MANY_CARDS, facts(imei=OWN, sharing=5)),
    (Reason.OUT_OF_AREA, facts(AREA, place=SHANGHAI)),
    (Reason.OUT_OF_AREA, facts(AREA, place=Place(cell=9))),
    (Reason.OUT_OF_AREA, facts(place=LAGOS)),
    (Reason.OUT_OF_AREA, facts(AREA, place=LAGOS, before=View(place=SHANGHAI, place_at=NOW + 1))),
    (Reason.ROAMING, facts(place=LAGOS)),
    (Reason.ROAMING, facts('[network]\nhome = ["460"]', place=Place("46011"))),
    (Reason.IMPOSSIBLE_TRAVEL, facts(place=LAGOS, before=View(place=SHANGHAI, place_at=NOW - 24 * 3600))),
    (Reason.IMPOSSIBLE_TRAVEL, facts(place=LAGOS)),
    (Reason.IMPOSSIBLE_TRAVEL, facts(place=Place("46100"), before=View(place=Place("46000"), place_at=NOW - 5))),
    (Reason.IMPOSSIBLE_TRAVEL, facts(place=Place("62130"), before=View(place=Place("46000"), place_at=NOW - 600))),
    (Reason.USE_NOT_ALLOWED, facts('[functions]\nuses = ["data", "sms"]', use=Use.SMS)),
    (Reason.USE_NOT_ALLOWED, facts(use=Use.VOICE)),
    (Reason.APN_NOT_ALLOWED, facts('[functions]\napn = ["CMIOT"]', apn="cmiot.mnc000.mcc460.gprs")),
    (Reason.APN_NOT_ALLOWED, facts(apn="cmnet")),
]


@pytest.mark.parametrize(("reason", "seen"), FIRES)
def test_a_rule_fires(reason: Reason, seen: Facts) -> None:
    found = RULES[reason](seen)

    assert found is not None
    assert [sign.reason for sign in found] == [reason]
    assert found[0].facts, "it says what was seen"
    assert reason not in look(seen).ended


@pytest.mark.parametrize(("reason", "seen"), DOES_NOT)
def test_a_rule_does_not_fire(reason: Reason, seen: Facts) -> None:
    assert not RULES[reason](seen)


def test_every_rule_is_tried_both_ways() -> None:
    assert {reason for reason, _ in FIRES} == {reason for reason, _ in DOES_NOT} == set(RULES)


def test_what_an_observation_does_not_tell_ends_nothing() -> None:
    assert look(facts()) == ((), ())
    assert Reason.NETWORK_IMEI_DIFFERS in look(facts(imei=OWN)).ended


@given(imeis, tails, tails)
def test_only_fourteen_digits_count(imei: str, tail: str, other: str) -> None:
    assert not is_foreign(imei + tail, scenario(), {imei})
    assert is_foreign(imei + tail, scenario(), {"x"}) == is_foreign(imei + other, scenario(), {"x"})


@given(imeis, imeis, tails)
def test_another_device_is_never_missed(bound: str, seen: str, tail: str) -> None:
    found = foreign_imei(facts(imei=seen + tail, imeis=frozenset({bound})))
    assert bool(found) == (bound != seen)


@given(points, points)
def test_distance_is_a_distance(a: tuple[float, float], b: tuple[float, float]) -> None:
    assert distance_km(a, a) == pytest.approx(0, abs=1e-6)
    assert distance_km(a, b) == pytest.approx(distance_km(b, a), abs=1e-6)
    assert 0 <= distance_km(a, b) <= 20016


def test_distance_and_country() -> None:
    assert distance_km((31.23, 121.47), (39.90, 116.40)) == pytest.approx(1068, abs=5)  # Shanghai, Beijing
    assert country("46000") == country("46111") != country("62130")


@given(points, points, st.floats(0, 30 * DAY), st.floats(0, 30 * DAY))
def test_more_time_never_makes_travel_impossible(
    a: tuple[float, float], b: tuple[float, float], seconds: float, more: float
) -> None:
    def found(past: float) -> bool:
        before = View(place=Place(lat=a[0], lon=a[1]), place_at=NOW - past)
        return bool(travel(facts(place=Place(lat=b[0], lon=b[1]), before=before)))

    assert not (found(seconds + more) and not found(seconds))
    if distance_km(a, b) < 50:
        assert not found(0.0)


SLOW = scenario("[reporting]\ninterval_s = 3600\ntolerance_s = 600")
DUE = 3 * 3600 + 600


def quiet(for_s: float, *, traffic_ago: float | None = None, listens_ago: float = 1e9, bound_ago: float = 2e8) -> Quiet:
    traffic_at = None if traffic_ago is None else NOW - traffic_ago
    return Quiet(NOW, NOW - bound_ago, NOW - for_s, traffic_at, NOW - listens_ago)


def test_silence() -> None:
    assert [sign.reason for sign in silent(quiet(DUE + 1), SLOW)] == [Reason.SILENT]
    assert silent(quiet(DUE), SLOW) == [], "three intervals and the tolerance"
    assert silent(quiet(DUE + 1, listens_ago=DUE), SLOW) == [], "nobody listened"
    assert silent(quiet(DUE + 1, bound_ago=DUE), SLOW) == [], "bound since"
    assert silent(quiet(DUE + 1, traffic_ago=0), SLOW) == [], "not silent but unattested"


def test_traffic_without_attestation() -> None:
    after = 3600 + 600 + 3600
    assert [s.reason for s in traffic_unattested(quiet(after + 1, traffic_ago=0), SLOW)] == [Reason.TRAFFIC_UNATTESTED]
    assert traffic_unattested(quiet(after, traffic_ago=0), SLOW) == []
    assert traffic_unattested(quiet(DAY), SLOW) == []
    assert traffic_unattested(quiet(DAY, traffic_ago=DAY - after), SLOW) == []
    assert traffic_unattested(quiet(DAY, traffic_ago=0, listens_ago=after), SLOW) == []


def test_cards_that_are_not_used() -> None:
    unused = Quiet(NOW, NOW - 90 * DAY - 1, None, None)
    assert [sign.reason for sign in never_used(unused, SLOW)] == [Reason.NEVER_USED]
    assert never_used(unused._replace(bound_at=NOW - 90 * DAY), SLOW) == []
    assert never_used(unused._replace(traffic_at=NOW - DAY), SLOW) == []
    assert never_used(unused._replace(attested_at=NOW - 91 * DAY), SLOW) != [], "with another card, before this one"
    asleep = quiet(90 * DAY + 1)
    assert [sign.reason for sign in sleeping(asleep, SLOW)] == [Reason.SLEEPING]
    assert sleeping(quiet(90 * DAY), SLOW) == []
    assert sleeping(asleep._replace(traffic_at=NOW - DAY), SLOW) == []
    assert sleeping(unused, SLOW) == []


def test_often_warned() -> None:
    assert [sign.reason for sign in often_warned(5, SLOW)] == [Reason.OFTEN_WARNED]
    assert often_warned(4, SLOW) == []


def test_a_fork_takes_two_lines_that_both_go_on() -> None:
    earlier, now = Behind(100.0, (3, 1)), Behind(300.0, (3, 9))
    assert [sign.reason for sign in fork(earlier, now, 200.0)] == [Reason.CLONE]
    assert fork(None, now, 200.0) == []
    assert fork(earlier, now, 100.0) == []
    assert fork(earlier, now, 50.0) == []


@given(st.tuples(st.integers(0, 99), st.integers(0, 99)), st.tuples(st.integers(0, 99), st.integers(0, 99)))
def test_only_a_lower_counter_is_behind(counter: tuple[int, int], known: tuple[int, int]) -> None:
    assert is_behind(counter, known, 200.0, 100.0) == (counter < known)
    assert not is_behind(counter, known, 100.0, 100.0), "made before the other came"
    assert not is_behind(counter, known, 200.0, None)
