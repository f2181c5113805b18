"""Changed rules run over history before anybody switches them on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from simbond_agent import claims
from simbond_verifier import fleet
from simbond_verifier.observation import Observation, Use
from simbond_verifier.policy import BlastRadius, Policy
from simbond_verifier.scenario import Scenarios, parse
from simbond_verifier.shadow import Candidate, Report, run
from simbond_verifier.shadow.report import Outcome
from simbond_verifier.store import observations
from simbond_verifier.store.schema import evidence, metadata, setting
from support.attester import Attester
from support.verifier import SECRET, Desk
from support.verifier import desk as make_desk

SCENARIO = """
id = 1
name = "meter"
"""
ABROAD = claims.pack_cell({"plmn": "62130"})
POLICY = Policy(blast_radius=BlastRadius(number=1000))


def meters(number: int) -> list[Attester]:
    return [Attester(imei=f"86123405{n:06}0", iccid=f"8986001234{n:010}", imsi=f"46000{n:010}") for n in range(number)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with make_desk(tmp_path, SCENARIO) as made:
        with made.database.write() as connection:
            connection.execute(insert(setting).values(name="nonce-secret", value=SECRET))
        yield made


def rules(text: str = "", policy: Policy = POLICY) -> Candidate:
    return Candidate(Scenarios([parse(SCENARIO + text, "test")]), policy)


def shadow(desk: Desk, changed: Candidate, present: Candidate | None = None, **more: Any) -> Report:
    return run(desk.database, present or rules(), changed, **({"since": 0.0, "until": desk.now + 1} | more))


def everything(desk: Desk) -> dict[str, list[Any]]:
    """Every row of every table."""
    with desk.database.read() as connection:
        return {t.name: [tuple(r) for r in connection.execute(select(t))] for t in metadata.sorted_tables}


def attests(desk: Desk, *devices: Attester) -> None:
    for device in devices:
        desk.now += 1
        desk.attest(device)


def sees(desk: Desk, device: Attester, **more: Any) -> None:
    assert device.imsi is not None
    with desk.database.write() as connection:
        seen = Observation(device.imsi, desk.now, "feed", **more)
        observations.take(connection, seen, desk.scenarios, Policy(), desk.now)


@pytest.mark.usefixtures("store")
def test_a_rule_that_would_suspend_half_the_fleet_is_seen_before(desk: Desk) -> None:
    fleet_ = meters(6)
    for device in fleet_:
        desk.bind(device)
    for device in fleet_[:3]:
        device.cell = ABROAD
    attests(desk, *fleet_, *fleet_)
    before = everything(desk)
    report = shadow(desk, rules('[area]\nplmn = ["46000"]\n[ladder]\nout-of-area = "suspend"'))

    assert (report.evidence, report.present.suspended, report.changed.suspended) == (12, 0, 3)
    assert (report.graver, report.milder, report.more) == (3, 0, 0)
    assert [card.iccid for card in report.cards] == [device.iccid for device in fleet_[:3]]
    first = report.cards[0]
    assert first.present is None
    assert first.changed == Outcome("suspended", before["evidence"][0][1], ["out-of-area"], False)
    assert everything(desk) == before, "it changes nothing"


@pytest.mark.usefixtures("store")
def test_the_same_rules_do_what_they_did(desk: Desk) -> None:
    good, bad, moved = meters(3)
    for device in (good, bad, moved):
        desk.bind(device)
    bad.status = claims.TAMPER
    attests(desk, good, bad)
    sees(desk, moved, imei="35345606000002")
    attests(desk, good)
    report = shadow(desk, rules())

    assert report.present == report.changed
    assert (report.present.warned, report.present.rechecked, report.cards) == (1, 1, [])
    happened = [line["kind"] for device in (good, bad, moved) for line in desk.history(device.iccid or "")]
    assert (happened.count("alert"), happened.count("recheck")) == (1, 1)


def test_the_blast_radius_of_a_rule_shows(desk: Desk) -> None:
    fleet_ = meters(4)
    for device in fleet_:
        desk.bind(device)
        device.status = claims.TAMPER
    attests(desk, *fleet_)
    small = Policy(blast_radius=BlastRadius(number=1, share=0.01))
    report = shadow(desk, rules('[ladder]\ntamper = "suspend"', small))

    assert (report.changed.suspended, report.changed.withheld) == (4, 3)
    assert report.changed.rules_stopped == ["tamper"]
    assert report.present.rules_stopped == []


def test_weak_signs_are_confirmed_as_in_earnest(desk: Desk) -> None:
    once, often = meters(2)
    for device in (once, often):
        desk.bind(device)
        device.status = claims.TAMPER
    attests(desk, once, often, often, often)
    report = shadow(desk, rules('[ladder]\ntamper = {step = "suspend", confirm = 3}'))

    assert [(card.iccid, card.changed and card.changed.step) for card in report.cards] == [(often.iccid, "suspended")]
    assert report.changed.warned == 1


def test_a_second_check_that_nobody_answers_runs_out(desk: Desk) -> None:
    (meter,) = meters(1)
    desk.bind(meter)
    meter.status = claims.TAMPER
    attests(desk, meter)
    desk.now += 5000
    report = shadow(desk, rules('[ladder]\ntamper = "recheck"\n[second_check]\ndeadline_s = 600'))

    assert report.changed.suspended == 1
    assert report.cards[0].changed is not None
    assert report.cards[0].changed.reasons[0] == "check-expired"
    in_time = shadow(desk, rules('[ladder]\ntamper = "recheck"\n[second_check]\ndeadline_s = 6000'))
    assert (in_time.changed.suspended, in_time.changed.rechecked) == (0, 1)


def test_what_networks_saw_is_part_of_history(desk: Desk) -> None:
    (meter,) = meters(1)
    desk.bind(meter)
    attests(desk, meter)
    sees(desk, meter, use=Use.VOICE)
    report = shadow(desk, rules('[functions]\nuses = ["data"]\n[ladder]\nuse-not-allowed = "restrict"'))

    assert report.observations == 1
    assert report.changed.restricted == 1


def test_silence_is_part_of_history(desk: Desk) -> None:
    talks, falls_silent = meters(2)
    for device in (talks, falls_silent):
        desk.bind(device)
    attests(desk, talks, falls_silent)
    for _ in range(8):
        desk.now += 3600
        attests(desk, talks)
    report = shadow(desk, rules('[ladder]\nsilent = "suspend"'))

    assert [card.iccid for card in report.cards] == [falls_silent.iccid]
    assert report.cards[0].changed is not None
    assert report.cards[0].changed.reasons == ["silent"]


def test_what_people_decided_is_part_of_history(desk: Desk) -> None:
    meter, other = meters(2)
    desk.bind(meter)
    desk.add(other)
    attests(desk, meter)
    desk.now += 10
    bind = {"scenario": None, "scenarios": desk.scenarios, "actor": "olga"}
    desk.do(fleet.bind, meter.iccid, other.kid.hex(), **bind)
    other.iccid, other.imsi = meter.iccid, meter.imsi
    desk.now += 10
    attests(desk, other)
    report = shadow(desk, rules('[ladder]\ncard-changed = "suspend"'))

    assert report.orders >= 1
    assert report.cards == []


def test_a_rotated_key_counts_on(desk: Desk) -> None:
    (meter,) = meters(1)
    desk.bind(meter)
    desk.now += 4000
    attests(desk, meter)
    after = meter.successor(bootcount=0, uptime=0)
    desk.rotate(meter, after)
    after.status = claims.TAMPER
    attests(desk, after)
    report = shadow(desk, rules('[ladder]\ntamper = "suspend"'))

    assert (report.evidence, report.evidence_lost) == (2, 0)
    assert report.changed.suspended == 1


def test_a_window_begins_with_the_bonds_of_then(desk: Desk) -> None:
    (meter,) = meters(1)
    desk.bind(meter)
    meter.status = claims.TAMPER
    attests(desk, meter)
    desk.now += 1000
    since = desk.now
    meter.status = 0
    attests(desk, meter)
    changed = rules('[ladder]\ntamper = "suspend"')

    assert shadow(desk, changed, since=since).changed.suspended == 0
    assert shadow(desk, changed, until=since).changed.suspended == 1


def test_what_was_deleted_is_said(desk: Desk) -> None:
    (meter,) = meters(1)
    desk.bind(meter)
    meter.status = claims.TAMPER
    attests(desk, meter, meter)
    with desk.database.write() as connection:
        connection.execute(update(evidence).where(evidence.c.id == 1).values(message=None))
        connection.execute(update(setting).values(value=bytes(32)))
    report = shadow(desk, rules('[ladder]\ntamper = "suspend"'))

    assert (report.evidence_deleted, report.evidence_lost) == (1, 1), "the other's nonce is of before a restore"
    assert report.changed.suspended == 0


def test_the_report_names_no_more_cards_than_asked_for(desk: Desk) -> None:
    fleet_ = meters(4)
    for device in fleet_:
        desk.bind(device)
        device.status = claims.TAMPER
    attests(desk, *fleet_)
    report = shadow(desk, rules('[ladder]\ntamper = "suspend"'), limit=1)

    assert (report.graver, len(report.cards), report.more) == (4, 1, 3)
    milder = shadow(desk, rules('[ladder]\ntamper = "ignore"'))
    assert (milder.graver, milder.milder) == (0, 4)


def test_no_history_is_no_finding(desk: Desk) -> None:
    report = shadow(desk, rules())

    assert (report.evidence, report.cards) == (0, [])
