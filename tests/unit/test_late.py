"""Evidence that waited on the device for a network: it is kept, may warn, and decides nothing."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from simbond_agent import claims
from simbond_verifier import fleet
from simbond_verifier.appraisal import Appraisal, Card, late
from simbond_verifier.envelope import open_envelope
from simbond_verifier.evidence import read_claims
from simbond_verifier.ingest.result import Verified
from simbond_verifier.lifecycle import STATUSES, Access, Event, State, Status, transition
from simbond_verifier.observation import Sign
from simbond_verifier.reasons import Reason, Tier
from simbond_verifier.store.group_commit import GroupCommit
from simbond_verifier.workers.deadlines import Deadlines
from support.attester import ICCID, Attester, Sim
from support.verifier import SCENARIO, Desk
from support.verifier import desk as make_desk

pytestmark = pytest.mark.usefixtures("store")

OTHER_IMEI = "353456060000024"
NONE = bytes(8)


def bound(desk: Desk, **more: Any) -> Attester:
    meter = Attester(**more)
    desk.bind(meter)
    desk.attest(meter)
    return meter


def accuser(desk: Desk, **more: Any) -> Attester:
    device = Attester(imei=OTHER_IMEI, imsi=None, **more)
    desk.add(device)
    return device


def state(desk: Desk) -> str:
    return str(desk.card(ICCID)["state"])


def rows(desk: Desk, query: str) -> list[Any]:
    with desk.database.read() as connection:
        return list(connection.execute(text(query)))


def test_it_is_kept_and_counts_and_affirms_nothing(desk: Desk) -> None:
    meter = bound(desk)
    before = desk.card(ICCID), desk.history(ICCID)
    expired = desk.nonce(meter)
    desk.now += 3600 + 600 + 1
    for nonce in (expired, NONE):
        result = desk.attest(meter, nonce)
        assert (result.tier, result.reasons, result.interval_s) == (Tier.NONE, (Reason.LATE,), 0)
    assert (desk.card(ICCID), desk.history(ICCID)) == before
    assert rows(desk, "SELECT reasons FROM evidence ORDER BY id") == [("",), ("late",), ("late",)]
    assert rows(desk, "SELECT bootcount, uptime FROM device") == [(meter.bootcount, meter.uptime)]


def test_it_counts_once_and_never_after_something_newer(desk: Desk) -> None:
    meter = bound(desk)
    first, second = meter.evidence(NONE), meter.evidence(NONE)
    assert desk.hand_in(second).reasons == (Reason.LATE,)
    assert desk.hand_in(second).reasons == (Reason.REPLAYED,)
    assert desk.hand_in(first).reasons == (Reason.COUNTER_BACK,)


def test_in_one_transaction_it_counts_in_its_place(desk: Desk) -> None:
    meter = bound(desk)
    messages = [meter.evidence(nonce) for nonce in (desk.nonce(meter), NONE, desk.nonce(meter), NONE)]
    items = [Verified(read_claims(open_envelope(message)), message, desk.now) for message in messages]
    with desk.database.write() as connection:
        results = desk.decider.decide(connection, items)
    assert [result.reasons for result in results] == [(), (Reason.LATE,)] * 2
    assert desk.hand_in(messages[-1]).reasons == (Reason.REPLAYED,)


def test_what_is_fresh_counts_after_what_was_late(desk: Desk) -> None:
    meter = bound(desk)
    desk.attest(meter, NONE)
    assert desk.attest(meter).tier is Tier.AFFIRMING


@pytest.mark.parametrize(
    ("sign", "reason"),
    [
        ({"status": claims.TAMPER}, Reason.TAMPER),
        ({"imei": OTHER_IMEI}, Reason.IMEI_MISMATCH),
        ({"iccid": None, "status": claims.TRAY_EMPTY}, Reason.TRAY_EMPTY),
    ],
)
def test_a_sign_in_it_warns_at_most_and_fresh_evidence_ends_that(
    desk: Desk, sign: dict[str, Any], reason: Reason
) -> None:
    """An IMEI that differs suspends in fresh Evidence."""
    meter = bound(desk)
    before = dict(vars(meter))
    for name, value in sign.items():
        setattr(meter, name, value)
    result = desk.attest(meter, NONE)
    assert (result.tier, result.reasons, result.interval_s) == (Tier.WARNING, (Reason.LATE, reason), 0)
    assert state(desk) == "warned"
    for name in sign:
        setattr(meter, name, before[name])
    desk.attest(meter, NONE)
    assert state(desk) == "warned", "a card that was warned stays so"
    desk.attest(meter)
    assert state(desk) == "bound"


def test_good_evidence_that_was_held_back_lifts_nothing(desk: Desk) -> None:
    """A thief records it while the card is in its device, and sends it after the move."""
    meter, foreign = bound(desk), accuser(desk)
    held = [meter.evidence(desk.nonce(meter)) for _ in range(3)]
    meter.iccid, meter.status, meter.uptime = None, claims.TRAY_EMPTY, meter.uptime - 3
    desk.attest(meter)
    desk.attest(foreign)
    assert state(desk) == "suspended"
    desk.now += 86400
    for message in held:
        desk.hand_in(message)
    assert state(desk) == "suspended"


def test_it_is_no_answer_to_a_challenge(tmp_path: Path) -> None:
    with make_desk(tmp_path, SCENARIO + "[accusation]\nsuspend_on_silence_s = 300\n") as desk:
        deadlines = Deadlines(desk.database, GroupCommit(desk.database), desk.scenarios, lambda: None, lambda: desk.now)
        meter, foreign = bound(desk), accuser(desk)
        desk.attest(foreign)
        for _ in range(5):
            desk.now += 30
            assert desk.attest(meter, NONE).interval_s == 0
        desk.now += 150
        with desk.database.write() as connection:
            while deadlines.sweep(connection):
                pass
        assert state(desk) == "suspended"


def test_it_does_not_make_the_networks_sighting_old(desk: Desk) -> None:
    """What counts there is when the bound device last proved that it holds the card."""
    meter = bound(desk)
    before = rows(desk, "SELECT seen_at, holds, absent, tier FROM device")
    desk.now += 100
    desk.attest(meter, NONE)
    meter.iccid, meter.status = None, claims.TRAY_EMPTY
    desk.attest(meter, NONE)
    assert rows(desk, "SELECT seen_at, holds, absent, tier FROM device") == before


def test_a_late_empty_tray_corroborates_nothing(desk: Desk) -> None:
    meter, foreign = bound(desk), accuser(desk)
    meter.iccid, meter.status = None, claims.TRAY_EMPTY
    desk.attest(meter, NONE)
    desk.attest(foreign)
    assert state(desk) == "warned"
    desk.attest(meter, NONE)
    assert state(desk) == "warned"


def test_a_late_claim_accuses_nobody_even_with_the_sims_word(desk: Desk) -> None:
    sim = Sim()
    bound(desk)
    desk.sim_key(ICCID, sim)
    foreign = accuser(desk, sim=sim)
    result = desk.attest(foreign, NONE)
    assert (result.tier, result.reasons) == (Tier.WARNING, (Reason.LATE, Reason.FOREIGN_DEVICE_CLAIM))
    assert state(desk) == "bound"
    assert rows(desk, "SELECT count(*) FROM accusation") == [(0,)]


def test_a_flood_of_it_changes_no_card(desk: Desk) -> None:
    meter, foreign = bound(desk), accuser(desk)
    before = desk.card(ICCID), desk.history(ICCID), desk.commands()
    for _ in range(50):
        desk.attest(foreign, NONE)
        desk.attest(meter, NONE)
    assert (desk.card(ICCID), desk.history(ICCID), desk.commands()) == before


# In every state, whatever it says

verdicts = st.builds(
    Appraisal,
    tier=st.sampled_from(Tier),
    reasons=st.lists(st.sampled_from([Reason.TAMPER, Reason.CARD_SUSPENDED]), max_size=2).map(tuple),
    event=st.none() | st.sampled_from([Event.AFFIRM, Event.ALERT]),
    signs=st.lists(st.sampled_from([Sign(Reason.TAMPER, {}), Sign(Reason.IMEI_MISMATCH, {})]), max_size=2).map(tuple),
    accuses=st.booleans(),
    proved=st.booleans(),
    absent=st.booleans(),
    answers=st.booleans(),
    again=st.booleans(),
)
statuses = st.sampled_from(STATUSES)


@pytest.mark.many_databases
@given(verdicts, statuses)
@example(Appraisal(Tier.CONTRAINDICATED, signs=(Sign(Reason.TAMPER, {}),)), Status(State.REVERIFYING, Access.ALLOWED))
def test_no_late_verdict_moves_a_card_but_to_warned(verdict: Appraisal, status: Status) -> None:
    about = Card(1, ICCID, "460001234567890", "meter", status, 0.0, 1)
    found = late(verdict, about)
    assert found.tier in (Tier.NONE, Tier.WARNING)
    assert found.reasons[0] is Reason.LATE
    assert (found.accuses, found.proved, found.absent, found.answers) == (False,) * 4
    after = status if found.event is None else transition(status, found.event)
    assert after == status or (status.state, after.state) == (State.BOUND, State.WARNED)
    assert found == late(verdict, None)._replace(event=found.event)


STORIES = {
    "bound": (),
    "warned": ("alert",),
    "accused": ("accuse",),
    "suspended": ("suspend",),
    "held": ("hold",),
    "re-verified, barred": ("suspend", "step"),
    "re-verified, open": ("hold", "open"),
    "re-verified and accused": ("hold", "open", "accuse"),
    "retired": ("retire",),
}
said = st.lists(
    st.tuples(
        st.sampled_from(["meter", "foreign"]),
        st.sampled_from([None, ICCID, "89860012345678909990"]),
        st.sampled_from([0, claims.TAMPER, claims.TRAY_EMPTY]),
        st.sampled_from(["", OTHER_IMEI, "861234050000013"]),
        st.sampled_from(["none", "expired"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.many_databases
@pytest.mark.parametrize("story", STORIES)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said)
def test_in_no_state_does_it_lift_suspend_accuse_or_refute(
    tmp_path_factory: pytest.TempPathFactory, story: str, said: list[Any]
) -> None:
    with make_desk(tmp_path_factory.mktemp("late")) as desk:
        sim = Sim()
        meter, foreign = bound(desk), accuser(desk)
        desk.sim_key(ICCID, sim)
        tell(desk, meter, foreign, sim, STORIES[story])
        expired = {device.kid: desk.nonce(device) for device in (meter, foreign)}
        desk.now += 6000
        before = desk.card(ICCID)
        others = [desk.commands(), *(rows(desk, query) for query in UNTOUCHED)]
        for who, iccid, status, imei, nonce, stated in said:
            device = meter if who == "meter" else foreign
            device.iccid, device.status, device.imei = iccid, status, imei
            device.sim = sim if stated else None
            result = desk.attest(device, NONE if nonce == "none" else expired[device.kid])
            assert result.reasons[0] is Reason.LATE
            assert result.tier in (Tier.NONE, Tier.WARNING)
        after = desk.card(ICCID)
        if (before["state"], after["state"]) == ("bound", "warned"):
            after |= {name: before[name] for name in ("state", "since", "because")}
        assert after == before
        assert [desk.commands(), *(rows(desk, query) for query in UNTOUCHED)] == others


UNTOUCHED = (
    "SELECT * FROM accusation",
    "SELECT id, seen_at, tier, holds, absent, refuted FROM device",
)


def tell(desk: Desk, meter: Attester, foreign: Attester, sim: Sim, story: tuple[str, ...]) -> None:
    order = {"reason": "ticket 1", "actor": "olga"}
    for step in story:
        desk.now += 10
        match step:
            case "alert":
                desk.attest(meter)  # without the SIM's statement
            case "accuse":
                desk.attest(foreign)
            case "suspend":
                foreign.sim = sim
                desk.attest(foreign)
            case "hold":
                desk.do(fleet.suspend, ICCID, **order)
            case "step":
                meter.sim = sim
                desk.attest(meter)
            case "open":
                desk.do(fleet.resume, ICCID, reverify=True, scenarios=desk.scenarios, **order)
            case "retire":
                desk.do(fleet.retire, ICCID, **order)
