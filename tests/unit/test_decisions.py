"""What takes two persons: asked for by one, decided by another, and by no detour done by one alone."""

from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from simbond_agent import claims
from simbond_verifier import fleet
from simbond_verifier.decisions import Decisions, about_card, about_rule, about_withheld
from simbond_verifier.lifecycle import Event
from simbond_verifier.policy import Policy, TwoPersons
from simbond_verifier.reasons import Reason
from simbond_verifier.refusal import Conflict, NotFound, Refusal
from simbond_verifier.store import cards, gate, proposals, signs
from simbond_verifier.store.proposals import Kind, Order, Outcome
from simbond_verifier.store.schema import event
from simbond_verifier.store.signs import Told
from support.attester import ICCID, Attester
from support.verifier import Desk
from support.verifier import desk as make_desk

NEW_IMEI = "353456060000024"
OTHER = ("89860012345678904447", "460001234560002")
STRICT = Policy(two_persons=TwoPersons(resume=True, retire=True, rebind=True, release=True))
LENIENT = Policy(two_persons=TwoPersons(release=False))


class Desks:
    """Two or more persons at one desk."""

    def __init__(self, desk: Desk, policy: Policy = STRICT) -> None:
        self.desk = desk
        self.decisions = Decisions(desk.scenarios, policy)

    def order(self, actor: str, kind: Kind, iccid: str = ICCID, **detail: Any) -> int | None:
        def unit(connection: Any, now: float) -> int | None:
            wish = about_card(connection, kind, iccid, reason="because", **detail)
            return self.decisions.take(connection, wish, actor=actor, now=now)

        found: int | None = self.desk.do(unit)
        return found

    def approve(self, actor: str, number: int) -> None:
        self.desk.do(self.decisions.approve, number, words="yes", actor=actor)

    def shown(self, number: int) -> dict[str, Any]:
        with self.desk.database.read() as connection:
            return proposals.show(connection, number)

    def events(self) -> list[Any]:
        with self.desk.database.read() as connection:
            return list(connection.execute(select(event).order_by(event.c.id)))


@pytest.fixture(name="desks")
def _desks(desk: Desk) -> Desks:
    desk.bind(Attester())
    return Desks(desk)


def suspended(desks: Desks) -> Desks:
    desks.desk.do(fleet.suspend, ICCID, reason="fraud", actor="vera")
    return desks


def refused(code: str, *call: Any) -> None:
    with pytest.raises(Refusal) as e:
        call[0](*call[1:])
    assert e.value.code == code


def test_another_person_approves_and_it_is_done(desks: Desks) -> None:
    number = suspended(desks).order("olga", Kind.RESUME, reverify=False)
    assert number is not None
    assert desks.desk.card(ICCID)["state"] == "suspended"
    desks.approve("oleg", number)
    assert desks.desk.card(ICCID)["state"] == "bound"
    shown = desks.shown(number)
    assert (shown["outcome"], shown["asked_by"], shown["decided_by"]) == ("approved", "olga", "oleg")
    asked, approved, lifted = desks.desk.history(ICCID)[-3:]
    assert [line["kind"] for line in (asked, approved, lifted)] == ["decision-asked", "decision-approved", "lift"]
    assert lifted["actor"] == "oleg"
    assert lifted["detail"] == {"reason": "because", "decision": number, "asked_by": "olga"}


def test_nobody_decides_over_what_they_asked_for(desks: Desks) -> None:
    number = desks.order("olga", Kind.RETIRE)
    assert number is not None
    refused("same-person", desks.approve, "olga", number)
    with pytest.raises(Conflict):
        desks.desk.do(proposals.refuse, number, words="", actor="olga")
    assert desks.shown(number)["outcome"] == "open"


def test_who_asked_may_withdraw_and_nobody_else(desks: Desks) -> None:
    number = desks.order("olga", Kind.RETIRE)
    assert number is not None
    with pytest.raises(Conflict) as e:
        desks.desk.do(proposals.withdraw, number, actor="oleg")
    assert e.value.code == "not-asker"
    desks.desk.do(proposals.withdraw, number, actor="olga")
    refused("decision-closed", desks.approve, "oleg", number)
    assert desks.desk.history(ICCID)[-1]["kind"] == "decision-withdrawn"


def test_a_refusal_is_final_and_says_why(desks: Desks) -> None:
    number = desks.order("olga", Kind.RETIRE)
    assert number is not None
    desks.desk.do(proposals.refuse, number, words="still in use", actor="oleg")
    refused("decision-closed", desks.approve, "oleg", number)
    assert desks.shown(number)["words"] == "still in use"
    assert desks.desk.history(ICCID)[-1]["detail"]["words"] == "still in use"


def test_what_nobody_decides_lapses_to_the_second(desks: Desks) -> None:
    number = desks.order("olga", Kind.RETIRE)
    assert number is not None
    desks.desk.now += 86400
    refused("decision-closed", desks.approve, "oleg", number)
    with desks.desk.database.write() as connection:
        assert proposals.due(connection, desks.desk.now)
        assert proposals.expire(connection, desks.desk.now) == 1
        assert not proposals.due(connection, desks.desk.now)
    assert desks.shown(number)["outcome"] == "lapsed"
    assert (desks.desk.history(ICCID)[-1]["kind"], desks.desk.history(ICCID)[-1]["actor"]) == (
        "decision-lapsed",
        "verifier",
    )


def test_asking_again_is_the_same_and_somebody_else_is_told(desks: Desks) -> None:
    number = desks.order("olga", Kind.RETIRE)
    assert desks.order("olga", Kind.RETIRE) == number
    refused("decision-open", desks.order, "oleg", Kind.RETIRE)


def test_what_is_not_there_cannot_be_decided(desks: Desks) -> None:
    refused("decision-unknown", desks.approve, "oleg", 77)
    with desks.desk.database.read() as connection, pytest.raises(NotFound):
        proposals.show(connection, 77)


def test_what_became_impossible_stays_open(desks: Desks) -> None:
    number = suspended(desks).order("olga", Kind.RESUME, reverify=False)
    assert number is not None
    desks.approve("oleg", desks.order("olga", Kind.RETIRE) or 0)
    refused("state", desks.approve, "oleg", number)
    assert desks.shown(number)["outcome"] == "open"


def test_the_list_is_by_outcome_and_in_pages(desks: Desks) -> None:
    first, second = desks.order("olga", Kind.RETIRE), desks.order("olga", Kind.UNBIND)
    assert first is not None
    desks.desk.do(proposals.withdraw, first, actor="olga")
    with desks.desk.database.read() as connection:
        found = proposals.list_all(connection, outcome=Outcome.OPEN, after=0, limit=9)
        assert [f["id"] for f in found] == [second]
        assert len(proposals.list_all(connection, outcome=None, after=first, limit=9)) == 1


def test_by_default_one_person_resumes_retires_and_moves(desk: Desk) -> None:
    desk.bind(Attester())
    desk.add(spare := Attester(imei=NEW_IMEI))
    desks = Desks(desk, Policy())
    assert desks.order("olga", Kind.BIND, kid=spare.kid.hex(), scenario=None, force=False) is None
    suspended(desks)
    assert desks.order("olga", Kind.RESUME, reverify=False) is None
    assert desks.order("olga", Kind.RETIRE) is None
    assert desk.card(ICCID)["state"] == "retired"


def test_swaps_and_moves_beyond_the_quota_always_take_two(desk: Desk) -> None:
    desk.bind(Attester())
    desk.add(spare := Attester(imei=NEW_IMEI))
    desks = Desks(desk, LENIENT)
    assert desks.order("olga", Kind.SWAP, kid=spare.kid.hex(), force=False) is not None
    assert desks.order("olga", Kind.BIND, kid=spare.kid.hex(), scenario=None, force=True) is not None


def test_a_suspension_is_not_lifted_by_taking_the_card_from_its_device(desks: Desks) -> None:
    """A card that was never bound is resumed without re-verification: one that is unbound must not pass for that."""
    number = suspended(desks).order("olga", Kind.UNBIND)
    desks.approve("oleg", number or 0)
    assert desks.order("olga", Kind.RESUME, reverify=True) is not None
    assert desks.desk.card(ICCID)["access"] == "barred"


# No detour

_KINDS = ["resume", "open", "retire", "unbind", "bind", "swap", "start", "kill-switch-off", "release", "dismiss"]
_acts = st.lists(
    st.tuples(
        st.sampled_from([*_KINDS, "approve", "approve", "withdraw", "suspend", "attest", "attest-spare", "wait"]),
        st.sampled_from(["olga", "oleg"]),
        st.integers(0, 3),
    ),
    max_size=14,
)
_TAKES_TWO = {"lift", "retire", "unbind", "swap-opened", "rule-started", "kill-switch-off"}


@pytest.fixture(name="scene", scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Attester, Attester]:
    """A card that is suspended, another one that a stopped rule would suspend, a spare device, and the kill switch."""
    folder = tmp_path_factory.mktemp("scene")
    meter, spare = Attester(), Attester(imei=NEW_IMEI, iccid=None, imsi=None, status=claims.TRAY_EMPTY)
    with make_desk(folder) as desk:
        desk.bind(meter)
        desk.bind(Attester(imei="861234050000047", iccid=OTHER[0], imsi=OTHER[1]))
        desk.add(spare)
        with desk.database.write() as connection:
            gate.set_kill_switch(connection, True, reason="test", actor="vera", now=desk.now)
            about = cards.by_iccid(connection, OTHER[0])
            assert about is not None
            told = Told(desk.now, "feed")
            signs.enforce(connection, about, Event.SUSPEND, [Reason.SILENT], STRICT, told)
            connection.execute(gate.breaker.insert().values(rule=Reason.SILENT, tripped_at=desk.now, enforced=1))
        desk.do(fleet.suspend, ICCID, reason="fraud", actor="vera")
    return folder / "test.db", meter, spare


def _act(desks: Desks, scene: tuple[Path, Attester, Attester], what: str, actor: str, which: int) -> None:
    desk, (_, meter, spare) = desks.desk, scene
    card_orders: dict[str, tuple[Kind, dict[str, Any]]] = {
        "resume": (Kind.RESUME, {"reverify": False}),
        "open": (Kind.RESUME, {"reverify": True}),
        "retire": (Kind.RETIRE, {}),
        "unbind": (Kind.UNBIND, {}),
        "bind": (Kind.BIND, {"kid": spare.kid.hex(), "scenario": None, "force": False}),
        "swap": (Kind.SWAP, {"kid": spare.kid.hex(), "force": False}),
    }
    if what in card_orders:
        kind, detail = card_orders[what]
        desks.order(actor, kind, **detail)
        return

    def take(connection: Any, now: float) -> int | None:
        wishes = {
            "start": lambda: Order(Kind.START_RULE, "r", detail={"rule": "silent"}),
            "kill-switch-off": lambda: Order(Kind.START_ALL, "r"),
            "release": lambda: about_withheld(connection, Kind.RELEASE, 1, reason="r"),
            "dismiss": lambda: about_rule(connection, Kind.DISMISS_ALL, Reason.SILENT, reason="r"),
        }
        return desks.decisions.take(connection, wishes[what](), actor=actor, now=now)

    if what == "approve":
        desks.approve(actor, which + 1)
    elif what == "withdraw":
        desk.do(proposals.withdraw, which + 1, actor=actor)
    elif what == "suspend":
        desk.do(fleet.suspend, ICCID, reason="r", actor=actor)
    elif what == "attest":
        desk.attest(meter)
    elif what == "attest-spare":
        spare.iccid, spare.imsi, spare.status = meter.iccid, meter.imsi, 0
        desk.attest(spare)
    elif what != "wait":
        desk.do(take)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=_acts, alone=st.booleans())
def test_no_sequence_of_decisions_lets_one_person_do_what_takes_two(
    tmp_path_factory: pytest.TempPathFactory, scene: tuple[Path, Attester, Attester], acts: Any, alone: bool
) -> None:
    folder = tmp_path_factory.mktemp("detour")
    copyfile(scene[0], folder / "test.db")
    with make_desk(folder) as desk:
        desks = Desks(desk)
        before = len(desks.events())
        for what, actor, which in acts:
            desk.now += 60
            try:
                _act(desks, scene, what, "olga" if alone else actor, which)
            except Refusal:
                continue
        new = desks.events()[before:]
        with desk.database.read() as connection:
            spare_id = fleet.lookup.find_device(connection, scene[2].kid.hex())["id"]
        for row in new:
            moved = row.kind == "bind" and row.device_id == spare_id and row.actor != "verifier"
            released = row.kind == "suspend" and "withheld_at" in row.detail
            if row.kind in _TAKES_TWO or moved or released:
                assert row.detail["asked_by"] != row.actor
                assert not alone
        if alone:
            with desk.database.read() as connection:
                assert gate.kill_switch(connection) is not None
                assert [rule["rule"] for rule in gate.stopped(connection)] == ["silent"]
            assert desk.card(OTHER[0])["access"] == "allowed"
            device = desk.card(ICCID)["device"]
            assert device["kid"] == scene[1].kid.hex()
