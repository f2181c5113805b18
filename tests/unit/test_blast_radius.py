"""What keeps the verifier from cutting off too much by itself: blast radius, kill switch, and a person who is asked."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from simbond_verifier import fleet
from simbond_verifier.decisions import AT_ONCE, Decisions, about_rule
from simbond_verifier.enforcement.embedded import Embedded
from simbond_verifier.lifecycle import Event
from simbond_verifier.metrics import Metrics
from simbond_verifier.policy import BlastRadius, Policy, TwoPersons
from simbond_verifier.reasons import Reason
from simbond_verifier.refusal import Conflict, NotFound
from simbond_verifier.store import cards, gate, notices, signs, tokens
from simbond_verifier.store.proposals import Kind, Order
from simbond_verifier.store.signs import Told
from simbond_verifier.workers.outbox import Outbox
from support.attester import Attester
from support.verifier import NOW, Desk
from support.workers import at_work, group_commit, settled, until

pytestmark = pytest.mark.usefixtures("store")

WINDOW_S = 3600


def policy(number: int, share: float = 0.001, **two: bool) -> Policy:
    return Policy(
        blast_radius=BlastRadius(window_s=WINDOW_S, number=number, share=share),
        two_persons=TwoPersons(**({"release": False} | two)),
    )


def fill(desk: Desk, number: int) -> list[str]:
    """Bound cards, and their ICCIDs."""
    meters = [
        Attester(imei=f"86123405{n:06}0", iccid=f"898600123456789{n:05}", imsi=f"4600012345{n:05}")
        for n in range(1, number + 1)
    ]
    for meter in meters:
        desk.bind(meter)
    return [str(meter.iccid) for meter in meters]


def cut_off(
    desk: Desk, iccid: str, rule: Reason = Reason.CLONE, *, by: Policy, what: Event = Event.SUSPEND
) -> tuple[str, str]:
    """What becomes of a card that a rule would cut off."""
    with desk.database.write() as connection:
        about = cards.by_iccid(connection, iccid)
        assert about is not None
        after = signs.enforce(connection, about, what, [rule], by, Told(desk.now, "feed"))
    return after.status.state.value, after.status.access.value


def waiting(desk: Desk) -> list[gate.Withheld]:
    with desk.database.read() as connection:
        return gate.waiting(connection, limit=1000)


def switch(desk: Desk, on: bool) -> None:
    desk.do(gate.set_kill_switch, on, reason="test", actor="olga")


def test_the_number_stops_the_rule_and_only_that_one(desk: Desk) -> None:
    iccids = fill(desk, 5)
    few = policy(2)
    done = [cut_off(desk, iccid, by=few) for iccid in iccids[:4]]
    assert done == [("suspended", "barred")] * 2 + [("warned", "allowed")] * 2
    assert cut_off(desk, iccids[4], Reason.IMEI_MISMATCH, by=few) == ("suspended", "barred")
    with desk.database.read() as connection:
        assert [(r["rule"], r["enforced"]) for r in gate.stopped(connection)] == [("clone", 2)]
    assert [(w.rule, w.what) for w in waiting(desk)] == [(Reason.CLONE, Event.SUSPEND)] * 2
    assert [access for _, access, _ in desk.commands()] == ["barred"] * 3


def test_the_share_lets_a_large_fleet_do_more(desk: Desk) -> None:
    iccids = fill(desk, 10)
    done = [cut_off(desk, iccid, by=policy(1, share=0.4))[0] for iccid in iccids[:6]]
    assert done == ["suspended"] * 4 + ["warned"] * 2


def test_what_was_long_ago_does_not_count(desk: Desk) -> None:
    iccids = fill(desk, 4)
    for iccid in iccids:
        assert cut_off(desk, iccid, by=policy(1))[0] == "suspended"
        desk.now += WINDOW_S


def test_a_stopped_rule_stays_stopped_until_a_person_starts_it(desk: Desk) -> None:
    iccids = fill(desk, 4)
    few = policy(1)
    for iccid in iccids[:2]:
        cut_off(desk, iccid, by=few)
    desk.now += 10 * WINDOW_S
    assert cut_off(desk, iccids[2], by=few) == ("warned", "allowed")
    desk.do(gate.start_again, Reason.CLONE, reason="looked at it", actor="olga")
    assert cut_off(desk, iccids[3], by=few) == ("suspended", "barred")
    with pytest.raises(NotFound):
        desk.do(gate.start_again, Reason.CLONE, reason="again", actor="olga")


def test_all_rules_together_have_a_limit_too(desk: Desk) -> None:
    """One card by each rule is below every rule's own limit."""
    iccids = fill(desk, 6)
    rules = [Reason.CLONE, Reason.PHONE, Reason.TAMPER, Reason.ROAMING, Reason.SILENT]
    few = Policy(blast_radius=BlastRadius(number=2, share=0.001, total_number=3, total_share=0.4))
    done = [cut_off(desk, iccid, rule, by=few)[0] for iccid, rule in zip(iccids, rules, strict=False)]

    assert done == ["suspended"] * 3 + ["warned"] * 2
    with desk.database.read() as connection:
        switch_ = gate.kill_switch(connection)
        assert gate.stopped(connection) == [], "no rule did too much by itself"
    assert switch_ is not None
    assert (switch_["actor"], switch_["reason"]) == ("verifier", "all rules together cut off 3 cards within 3600 s")
    assert {found.rule for found in waiting(desk)} == {Reason.ROAMING, Reason.SILENT}
    switch(desk, False)
    assert cut_off(desk, iccids[5], Reason.PHONE, by=few)[0] == "suspended", "a person has looked: it begins anew"


def test_a_restriction_counts_and_is_withheld_too(desk: Desk) -> None:
    iccids = fill(desk, 2)
    few = policy(1)
    assert cut_off(desk, iccids[0], by=few, what=Event.RESTRICT) == ("warned", "restricted")
    assert cut_off(desk, iccids[1], by=few, what=Event.RESTRICT) == ("warned", "allowed")


def test_a_person_suspends_whatever_is_stopped(desk: Desk) -> None:
    (iccid,) = fill(desk, 1)
    switch(desk, True)
    desk.do(fleet.suspend, iccid, reason="court order", actor="olga")
    assert desk.card(iccid)["access"] == "barred"


def test_kill_switch_on_and_nothing_is_cut_off_off_again_and_it_is(desk: Desk) -> None:
    iccids = fill(desk, 3)
    plain = policy(100)
    switch(desk, True)
    for iccid, rule in zip(iccids[:2], (Reason.CLONE, Reason.IMEI_MISMATCH), strict=True):
        assert cut_off(desk, iccid, rule, by=plain) == ("warned", "allowed")
    assert desk.commands() == []
    switch(desk, False)
    assert cut_off(desk, iccids[2], by=plain) == ("suspended", "barred")
    assert desk.card(iccids[0])["access"] == "allowed", "what was withheld waits for a person"


def test_an_expired_check_is_withheld_as_a_suspension(desk: Desk) -> None:
    (iccid,) = fill(desk, 1)
    switch(desk, True)
    cut_off(desk, iccid, Reason.CHECK_EXPIRED, by=policy(9))
    (found,) = waiting(desk)
    assert found.what is Event.SUSPEND


def test_release_carries_out_and_dismiss_does_not(desk: Desk) -> None:
    iccids = fill(desk, 2)
    switch(desk, True)
    for iccid in iccids:
        cut_off(desk, iccid, by=policy(9))
    first, second = waiting(desk)
    desk.do(gate.release, first.id, reason="they are stolen", actor="olga")
    desk.do(gate.dismiss, second.id, reason="a test bench", actor="olga")
    assert (desk.card(iccids[0])["state"], desk.card(iccids[1])["state"]) == ("suspended", "warned")
    line = desk.history(iccids[0])[-1]
    assert (line["kind"], line["actor"], line["reasons"]) == ("suspend", "olga", ["clone"])
    assert line["detail"] == {"reason": "they are stolen", "withheld_at": NOW}
    assert desk.history(iccids[1])[-1]["kind"] == "dismissed"
    for found in (first, second):
        with pytest.raises(Conflict) as e:
            desk.do(gate.release, found.id, reason="r", actor="olga")
        assert e.value.code == "withheld-decided"


def test_what_is_released_names_everything_that_spoke_against_the_card(desk: Desk) -> None:
    (iccid,) = fill(desk, 1)
    switch(desk, True)
    with desk.database.write() as connection:
        about = cards.by_iccid(connection, iccid)
        assert about is not None
        reasons = [Reason.CLONE, Reason.OUT_OF_AREA]
        signs.enforce(connection, about, Event.SUSPEND, reasons, policy(9), Told(desk.now, "feed"))
    (found,) = waiting(desk)
    desk.do(gate.release, found.id, reason="it is one", actor="olga")

    with desk.database.read() as connection:
        (told,) = [n.body for n in notices.read(connection) if n.kind == "suspended"]
    assert desk.history(iccid)[-1]["reasons"] == ["clone", "out-of-area"]
    assert [reason["code"] for reason in told["reasons"]] == ["clone", "out-of-area"]


def test_what_is_settled_otherwise_waits_for_nobody(desk: Desk) -> None:
    (iccid,) = fill(desk, 1)
    switch(desk, True)
    cut_off(desk, iccid, by=policy(9))
    desk.do(fleet.suspend, iccid, reason="r", actor="olga")
    assert waiting(desk) == []


def test_a_card_waits_once_for_the_gravest(desk: Desk) -> None:
    (iccid,) = fill(desk, 1)
    switch(desk, True)
    cut_off(desk, iccid, Reason.ROAMING, by=policy(9), what=Event.RESTRICT)
    cut_off(desk, iccid, Reason.CLONE, by=policy(9))
    (found,) = waiting(desk)
    assert (found.rule, found.what) == (Reason.CLONE, Event.SUSPEND)


def test_all_of_a_rule_at_once_a_part_at_a_time_and_no_more_than_was_asked_for(desk: Desk) -> None:
    number = AT_ONCE + 3
    iccids = fill(desk, number + 1)
    switch(desk, True)
    plain = policy(1000, release=True)
    for iccid in iccids[:number]:
        cut_off(desk, iccid, by=plain)
    decisions = Decisions(desk.scenarios, plain)

    def ask(connection: Any, now: float) -> int | None:
        wish = about_rule(connection, Kind.RELEASE_ALL, Reason.CLONE, reason="stolen")
        return decisions.take(connection, wish, actor="olga", now=now)

    asked = desk.do(ask)
    cut_off(desk, iccids[number], by=plain)
    found = desk.do(decisions.approve, asked, words="", actor="oleg")
    assert found.order.detail["cards"] == number
    assert len(waiting(desk)) == 4
    assert not desk.do(decisions.go_on, found.order, actor="oleg")
    assert [w.id for w in waiting(desk)] == [number + 1]
    assert desk.card(iccids[number])["access"] == "allowed"


def test_switching_off_takes_two_and_switching_on_one(desk: Desk) -> None:
    switch(desk, True)
    decisions = Decisions(desk.scenarios, policy(1, release=True))
    asked = desk.do(decisions.take, Order(Kind.START_ALL, "all clear"), actor="olga")
    with desk.database.read() as connection:
        assert gate.kill_switch(connection) is not None
    desk.do(decisions.approve, asked, words="", actor="oleg")
    with desk.database.read() as connection:
        assert gate.kill_switch(connection) is None


def test_nobody_passes_for_the_verifier(desk: Desk) -> None:
    with pytest.raises(Conflict):
        desk.do(tokens.create, "verifier", tokens.Role.ADMIN)


def test_bars_that_wait_in_the_outbox_wait_for_the_kill_switch(desk: Desk) -> None:
    """Not those that a person ordered, and nothing that lets a card in."""
    automatic, ordered, lifted = fill(desk, 3)
    desk.do(fleet.suspend, lifted, reason="r", actor="olga")
    desk.do(fleet.resume, lifted, reason="r", reverify=False, scenarios=desk.scenarios, actor="olga")
    cut_off(desk, automatic, by=policy(9))
    switch(desk, True)
    desk.do(fleet.suspend, ordered, reason="court order", actor="olga")

    def outcome(iccid: str) -> Callable[[], bool]:
        return lambda: desk.card(iccid)["enforcement"]["outcome"] == "confirmed"

    async def story() -> None:
        async with group_commit(desk.database) as writer:
            outbox = Outbox(desk.database, writer, Embedded(desk.database, writer), Metrics(), lambda: desk.now)
            async with at_work(outbox.run):
                await until(outcome(ordered), "the operator's own suspension")
                await until(outcome(lifted), "the lifting")
                await settled()
                assert not outcome(automatic)()
                await writer.submit(
                    lambda c: gate.set_kill_switch(c, False, reason="all clear", actor="olga", now=desk.now)
                )
                outbox.wake()
                await until(outcome(automatic), "what the switch held")

    asyncio.run(story())
