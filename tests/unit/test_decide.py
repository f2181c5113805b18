"""What Evidence does to a card: the rules of who may cause a suspension, and how it ends."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simbond_agent import claims
from simbond_verifier import fleet
from simbond_verifier.policy import Policy
from simbond_verifier.reasons import Reason, Tier
from simbond_verifier.store import accusations
from simbond_verifier.store.group_commit import GroupCommit
from simbond_verifier.workers.deadlines import Deadlines
from support.attester import ICCID, IMEI, Attester
from support.verifier import SCENARIO, Desk
from support.verifier import desk as make_desk

pytestmark = pytest.mark.usefixtures("store")

OTHER_IMEI = "353456060000024"


def thief() -> Attester:
    """An enrolled device of the attacker's, with no card of its own."""
    return Attester(imei=OTHER_IMEI, iccid=None, imsi=None, cell=None, status=claims.TRAY_EMPTY)


def holds(device: Attester, iccid: str | None) -> Attester:
    """What the device reports from now on."""
    device.iccid = iccid
    device.status = claims.TRAY_EMPTY if iccid is None else 0
    return device


def state(desk: Desk, iccid: str = ICCID) -> tuple[str, str]:
    card = desk.card(iccid)
    return card["state"], card["access"]


def test_the_bound_device_is_affirmed(desk: Desk) -> None:
    meter = Attester()
    desk.bind(meter)
    result = desk.attest(meter)
    assert (result.tier, result.reasons, result.interval_s) == (Tier.AFFIRMING, (), 3600)
    assert state(desk) == ("bound", "allowed")


def test_evidence_counts_once_and_never_goes_back(desk: Desk) -> None:
    meter = Attester(uptime=100)
    desk.bind(meter)
    message = meter.evidence(desk.nonce(meter))
    assert desk.hand_in(message).tier is Tier.AFFIRMING
    assert desk.hand_in(message).reasons == (Reason.REPLAYED,)
    meter.uptime = 50
    assert desk.attest(meter).reasons == (Reason.COUNTER_BACK,)
    meter.bootcount, meter.uptime = 2, 0
    assert desk.attest(meter).tier is Tier.AFFIRMING


def test_a_nonce_of_another_device_or_of_nobodys_is_refused(desk: Desk) -> None:
    meter, other = Attester(), Attester(imei=OTHER_IMEI)
    desk.bind(meter)
    assert desk.attest(meter, desk.nonce(other)).reasons == (Reason.NONCE_WRONG,)
    assert desk.attest(meter, b"12345678").reasons == (Reason.NONCE_WRONG,)


def test_refused_evidence_changes_nothing(desk: Desk) -> None:
    meter = Attester()
    desk.bind(meter)
    desk.attest(meter)
    before = desk.card(ICCID), desk.history(ICCID), desk.commands()
    holds(meter, None)
    desk.attest(meter, b"12345678")
    meter.uptime -= 2
    desk.attest(meter)
    assert (desk.card(ICCID), desk.history(ICCID), desk.commands()) == before


def test_a_revoked_key_counts_for_nothing(desk: Desk) -> None:
    meter = Attester()
    desk.bind(meter)
    desk.do(fleet.revoke, meter.kid.hex(), reason="stolen", actor="olga")
    assert desk.attest(holds(meter, None)).reasons == (Reason.KEY_REVOKED,)
    assert state(desk) == ("bound", "allowed")


def test_a_claim_alone_only_accuses(desk: Desk) -> None:
    meter, liar = Attester(), thief()
    desk.bind(meter)
    desk.add(liar)
    result = desk.attest(holds(liar, ICCID))
    assert (result.tier, result.reasons) == (Tier.WARNING, (Reason.FOREIGN_DEVICE_CLAIM,))
    assert state(desk) == ("warned", "allowed")
    assert desk.commands() == []


def test_the_bound_device_refutes_the_claim_over_a_newer_nonce(desk: Desk) -> None:
    meter, liar = Attester(), thief()
    desk.bind(meter)
    desk.add(liar)
    old = desk.nonce(meter)
    desk.now += 10
    desk.attest(holds(liar, ICCID))
    desk.now += 10
    first = desk.attest(meter, old)
    assert (first.tier, first.interval_s) == (Tier.AFFIRMING, 0), "over an old nonce: challenged, not yet answered"
    assert state(desk) == ("warned", "allowed")
    assert desk.attest(meter).interval_s == 3600
    assert state(desk) == ("bound", "allowed")
    assert desk.card(ICCID)["accused_at"] is None
    with desk.database.read() as connection:
        assert fleet.show_device(connection, liar.kid.hex())["refuted"] == 1


def test_who_has_lied_before_moves_nothing_by_words(desk: Desk) -> None:
    meter, liar = Attester(), thief()
    desk.bind(meter)
    desk.add(liar)
    holds(liar, ICCID)
    for _ in range(2):
        desk.attest(liar)
        desk.now += 5
        assert state(desk)[1] == "allowed"
        desk.attest(meter)
    before = desk.history(ICCID)
    desk.attest(liar)
    desk.now += 5
    regular = desk.attest(meter, desk.nonce(meter))
    assert state(desk) == ("bound", "allowed")
    assert regular.interval_s == 3600
    assert desk.history(ICCID) == before, "its claims do not fill the card's history either"


def test_a_known_liar_costs_the_bound_device_no_attestation(desk: Desk) -> None:
    meter, liar = Attester(), thief()
    desk.bind(meter)
    desk.add(liar)
    desk.attest(holds(liar, ICCID))
    desk.now += 5
    desk.attest(meter)
    old = desk.nonce(meter)
    desk.now += 5
    desk.attest(liar)
    assert desk.attest(meter, old).interval_s == 3600


def test_one_device_accuses_few_cards_at_a_time(desk: Desk) -> None:
    meters = [
        Attester(imei=f"8612340500{n:04}0", iccid=f"898600123456789{n:05}", imsi=f"4600012345{n:05}") for n in range(8)
    ]
    liar = thief()
    for meter in meters:
        desk.bind(meter)
    desk.add(liar)
    for meter in meters:
        assert desk.attest(holds(liar, meter.iccid)).reasons == (Reason.FOREIGN_DEVICE_CLAIM,)
    assert [desk.card(str(m.iccid))["state"] for m in meters].count("warned") == 3


@pytest.mark.parametrize("sign", [{"status": claims.TAMPER}, {"scenario": 2}, {"imsi": "460009999999999"}])
def test_a_bound_device_with_a_lesser_sign_still_refutes_a_lie(desk: Desk, sign: dict[str, object]) -> None:
    meter, liar = Attester(), thief()
    desk.bind(meter)
    desk.add(liar)
    for name, value in sign.items():
        setattr(meter, name, value)
    old = desk.nonce(meter)
    desk.now += 5
    desk.attest(holds(liar, ICCID))
    desk.now += 5
    assert desk.attest(meter, old).interval_s == 0
    assert desk.attest(meter).interval_s == 3600
    assert desk.card(ICCID)["accused_at"] is None
    assert state(desk) == ("warned", "allowed")


@pytest.mark.parametrize("new_imei", [IMEI, OTHER_IMEI])
def test_a_device_that_came_back_with_a_new_key_is_no_thief(tmp_path: Path, new_imei: str) -> None:
    """The revoked key cannot answer: its silence means nothing."""
    with make_desk(tmp_path, SCENARIO + "[accusation]\nsuspend_on_silence_s = 60\n") as desk:
        meter = Attester()
        desk.bind(meter)
        desk.do(fleet.revoke, meter.kid.hex(), actor="olga", reason="flash was wiped")
        again = Attester(imei=new_imei)
        desk.add(again)
        desk.attest(again)
        deadlines = Deadlines(desk.database, GroupCommit(desk.database), desk.scenarios, lambda: None, lambda: desk.now)
        desk.now += 3600
        with desk.database.write() as connection:
            deadlines.sweep(connection)
        assert state(desk) == ("warned", "allowed")


def test_a_device_that_hides_its_imei_neither_refutes_nor_lifts(desk: Desk) -> None:
    meter, foreign = Attester(), thief()
    desk.bind(meter)
    desk.add(foreign)
    desk.attest(holds(foreign, ICCID))
    desk.now += 5
    meter.imei = ""
    assert desk.attest(meter).reasons == (Reason.IMEI_UNREADABLE,)
    assert desk.card(ICCID)["accused_at"] is not None
    desk.attest(holds(meter, None))
    assert state(desk) == ("suspended", "barred")
    holds(meter, ICCID)
    for _ in range(3):
        desk.now += 5
        desk.attest(meter)
    assert state(desk) == ("suspended", "barred")


@pytest.mark.parametrize("empty_first", [True, False])
def test_claim_and_empty_tray_together_suspend(desk: Desk, empty_first: bool) -> None:
    meter, foreign = Attester(), thief()
    desk.bind(meter)
    desk.add(foreign)
    steps = [holds(meter, None), holds(foreign, ICCID)]
    last = [desk.attest(device) for device in (steps if empty_first else reversed(steps))][-1]
    assert last.changed
    assert state(desk) == ("suspended", "barred")
    assert desk.commands() == [(desk.card(ICCID)["imsi"], "barred", "pending")]
    suspension = desk.history(ICCID)[-1]
    assert suspension["reasons"] == ["foreign-device"]
    assert suspension["detail"] == {"foreign_imei": OTHER_IMEI[:14], "corroborated_by": "bound device"}
    assert suspension["device"] == foreign.kid.hex()
    if empty_first:
        assert (last.tier, last.reasons) == (Tier.CONTRAINDICATED, (Reason.FOREIGN_DEVICE,))


@pytest.mark.parametrize("empty_first", [True, False])
def test_an_ignored_empty_tray_corroborates_all_the_same(tmp_path: Path, empty_first: bool) -> None:
    with make_desk(tmp_path, SCENARIO + 'tray-empty = "ignore"\n') as desk:
        meter, foreign = Attester(), thief()
        desk.bind(meter)
        desk.add(foreign)
        steps = [holds(meter, None), holds(foreign, ICCID)]
        for device in steps if empty_first else reversed(steps):
            desk.attest(device)
        assert state(desk) == ("suspended", "barred")


def test_an_empty_tray_alone_warns(desk: Desk) -> None:
    meter = Attester()
    desk.bind(meter)
    result = desk.attest(holds(meter, None))
    assert (result.tier, result.reasons) == (Tier.WARNING, (Reason.TRAY_EMPTY,))
    assert state(desk) == ("warned", "allowed")
    assert desk.attest(holds(meter, ICCID)).tier is Tier.AFFIRMING
    assert state(desk) == ("bound", "allowed")


def test_a_card_that_cannot_be_read_corroborates_nothing(desk: Desk) -> None:
    meter, liar = Attester(), thief()
    desk.bind(meter)
    desk.add(liar)
    meter.iccid = meter.imsi = None
    assert desk.attest(meter).reasons == (Reason.CARD_UNREADABLE,)
    desk.attest(holds(liar, ICCID))
    assert state(desk) == ("warned", "allowed")


def test_another_card_in_the_bound_device_is_seen_on_both_cards(desk: Desk) -> None:
    meter = Attester()
    neighbour = Attester(imei=OTHER_IMEI, iccid="89860012345678904447", imsi="460001234560002")
    desk.bind(meter)
    desk.bind(neighbour)
    meter.iccid, meter.imsi = neighbour.iccid, neighbour.imsi
    result = desk.attest(meter)
    assert result.reasons == (Reason.CARD_CHANGED, Reason.FOREIGN_DEVICE_CLAIM)
    assert state(desk) == ("warned", "allowed")
    assert neighbour.iccid is not None
    assert state(desk, neighbour.iccid) == ("warned", "allowed")


def test_two_swapped_cards_corroborate_each_other(desk: Desk) -> None:
    a, b = Attester(), Attester(imei=OTHER_IMEI, iccid="89860012345678904447", imsi="460001234560002")
    desk.bind(a)
    desk.bind(b)
    (a.iccid, a.imsi), (b.iccid, b.imsi) = (b.iccid, b.imsi), (a.iccid, a.imsi)
    desk.attest(a)
    desk.attest(b)
    assert state(desk, ICCID) == ("suspended", "barred")
    assert state(desk, "89860012345678904447") == ("suspended", "barred")


@pytest.mark.parametrize(
    ("change", "reason", "after"),
    [
        ({"imei": OTHER_IMEI}, Reason.IMEI_MISMATCH, "suspended"),
        ({"imsi": "460009999999999"}, Reason.IMSI_MISMATCH, "warned"),
        ({"scenario": 2}, Reason.SCENARIO_MISMATCH, "warned"),
        ({"cell": claims.pack_cell({"plmn": "20801", "tac": 1, "rat": "LTE"})}, Reason.OUT_OF_AREA, "suspended"),
        ({"status": claims.TAMPER}, Reason.TAMPER, "warned"),
        ({"status": claims.ICCID_MISMATCH}, Reason.ICCID_MISMATCH, "warned"),
    ],
)
def test_signs_in_the_bound_devices_own_evidence(
    desk: Desk, change: dict[str, object], reason: Reason, after: str
) -> None:
    meter = Attester()
    desk.bind(meter)
    for name, value in change.items():
        setattr(meter, name, value)
    assert desk.attest(meter).reasons == (reason,)
    assert state(desk)[0] == after


def test_a_model_that_left_the_list_is_seen(tmp_path: Path) -> None:
    strict = SCENARIO.replace("[ladder]", '[models]\ntac = ["35345606"]\n[ladder]')
    with make_desk(tmp_path, SCENARIO) as desk:
        meter = Attester()
        desk.bind(meter)
    with make_desk(tmp_path, strict) as desk:
        assert desk.attest(meter).reasons == (Reason.MODEL_NOT_ALLOWED,)


def test_an_ignored_sign_is_no_sign(tmp_path: Path) -> None:
    with make_desk(tmp_path, SCENARIO + 'scenario-mismatch = "ignore"\ntray-empty = "ignore"\n') as desk:
        meter = Attester(scenario=9)
        desk.bind(meter)
        assert desk.attest(meter).tier is Tier.AFFIRMING
        assert desk.attest(holds(meter, None)).tier is Tier.NONE
        assert state(desk) == ("bound", "allowed")


@pytest.mark.parametrize(
    ("iccid", "reasons"),
    [
        (None, (Reason.TRAY_EMPTY,)),
        ("89860012345678909990", (Reason.CARD_UNKNOWN,)),
        ("89860012345678904447", (Reason.CARD_NOT_BOUND,)),
    ],
)
def test_a_device_without_a_card_of_its_own(desk: Desk, iccid: str | None, reasons: tuple[Reason, ...]) -> None:
    desk.stock(("89860012345678904447", "460001234560002"))
    device = thief()
    desk.add(device)
    assert desk.attest(holds(device, iccid)).reasons == reasons


def suspended(desk: Desk) -> tuple[Attester, Attester]:
    meter, foreign = Attester(), thief()
    desk.bind(meter)
    desk.add(foreign)
    desk.attest(holds(meter, None))
    desk.attest(holds(foreign, ICCID))
    assert state(desk) == ("suspended", "barred")
    return meter, foreign


def test_re_verification_ends_bound_and_resumed(desk: Desk) -> None:
    meter, _ = suspended(desk)
    desk.now += 10
    holds(meter, ICCID)
    assert desk.attest(meter).interval_s == 0
    assert state(desk) == ("reverifying", "barred")
    nonce = desk.nonce(meter)
    desk.now += 10
    assert desk.attest(meter, nonce).interval_s == 3600
    assert state(desk) == ("bound", "allowed")
    imsi = desk.card(ICCID)["imsi"]
    assert desk.commands() == [(imsi, "barred", "superseded"), (imsi, "allowed", "pending")]


def test_evidence_from_before_the_suspension_lifts_nothing(desk: Desk) -> None:
    meter, foreign = Attester(), thief()
    desk.bind(meter)
    desk.add(foreign)
    old = desk.nonce(meter)
    desk.now += 10
    desk.attest(holds(meter, None))
    desk.attest(holds(foreign, ICCID))
    desk.now += 10
    assert desk.attest(holds(meter, ICCID), old).interval_s == 0
    assert state(desk) == ("suspended", "barred")


def test_the_foreign_device_cannot_lift_what_it_caused(desk: Desk) -> None:
    _, foreign = suspended(desk)
    for _ in range(3):
        desk.now += 10
        assert desk.attest(foreign).reasons == (Reason.FOREIGN_DEVICE_CLAIM, Reason.CARD_SUSPENDED)
    assert state(desk) == ("suspended", "barred")


def test_a_sign_during_re_verification_suspends_again(desk: Desk) -> None:
    meter, _ = suspended(desk)
    desk.now += 10
    desk.attest(holds(meter, ICCID))
    desk.now += 10
    desk.attest(holds(meter, None))
    assert state(desk) == ("suspended", "barred")


def test_a_scenario_may_leave_re_verification_to_an_operator(tmp_path: Path) -> None:
    with make_desk(tmp_path, SCENARIO + "[reverification]\nautomatic = false\n") as desk:
        meter, _ = suspended(desk)
        holds(meter, ICCID)
        for _ in range(3):
            desk.now += 10
            assert desk.attest(meter).reasons == (Reason.CARD_SUSPENDED,)
        assert state(desk) == ("suspended", "barred")
        desk.do(fleet.resume, ICCID, reason="seen on site", reverify=True, scenarios=desk.scenarios, actor="olga")
        assert state(desk) == ("reverifying", "allowed")
        desk.now += 10
        desk.attest(meter)
        assert state(desk) == ("bound", "allowed")


def test_what_an_operator_suspended_only_an_operator_lifts(desk: Desk) -> None:
    meter = Attester()
    desk.bind(meter)
    desk.do(fleet.suspend, ICCID, reason="court order", actor="olga")
    for _ in range(3):
        desk.now += 10
        assert desk.attest(meter).reasons == (Reason.CARD_SUSPENDED,)
    assert state(desk) == ("suspended", "barred")
    desk.do(fleet.resume, ICCID, reason="lifted", reverify=True, scenarios=desk.scenarios, actor="olga")
    desk.now += 10
    desk.attest(meter)
    assert state(desk) == ("bound", "allowed")


def test_a_held_card_whose_re_verification_ran_out_is_held_again(desk: Desk) -> None:
    meter = Attester()
    desk.bind(meter)
    desk.do(fleet.suspend, ICCID, reason="court order", actor="olga")
    desk.do(fleet.resume, ICCID, reason="one chance", reverify=True, scenarios=desk.scenarios, actor="olga")
    deadlines = Deadlines(desk.database, GroupCommit(desk.database), desk.scenarios, lambda: None, lambda: desk.now)
    desk.now += 86401
    with desk.database.write() as connection:
        deadlines.sweep(connection)
    assert state(desk) == ("suspended", "barred")
    for _ in range(3):
        desk.now += 10
        desk.attest(meter)
    assert state(desk) == ("suspended", "barred")


def test_an_operator_may_take_over_a_suspension(desk: Desk) -> None:
    """Suspended by the verifier first, held by an operator then: Evidence does not lift it any more."""
    meter, _ = suspended(desk)
    desk.do(fleet.suspend, ICCID, reason="under investigation", actor="olga")
    holds(meter, ICCID)
    for _ in range(3):
        desk.now += 10
        desk.attest(meter)
    assert state(desk) == ("suspended", "barred")
    assert desk.history(ICCID)[-1]["detail"] == {"reason": "under investigation"}


def test_what_the_network_saw_upholds_an_accusation(desk: Desk) -> None:
    meter, foreign = Attester(), thief()
    desk.bind(meter)
    desk.add(foreign)
    desk.attest(holds(foreign, ICCID))
    with desk.database.write() as connection:
        (found,) = accusations.still_open(connection)
        assert found.accuser_imei == OTHER_IMEI[:14]
        accusations.uphold(connection, found.id, "network view", Policy(), desk.now)
        assert accusations.uphold(connection, found.id, "network view", Policy(), desk.now) is None
    assert state(desk) == ("suspended", "barred")


def test_binding_anew_settles_what_was_claimed(desk: Desk) -> None:
    meter, new = Attester(), thief()
    desk.bind(meter)
    desk.add(new)
    desk.attest(holds(new, ICCID))
    desk.do(fleet.bind, ICCID, new.kid.hex(), scenario=None, scenarios=desk.scenarios, actor="olga")
    new.imsi = meter.imsi
    desk.now += 5
    assert desk.attest(new).tier is Tier.AFFIRMING
    assert state(desk) == ("bound", "allowed")


actions = st.lists(
    st.tuples(st.sampled_from(["meter", "liar"]), st.sampled_from([None, ICCID, "89860012345678909990"])), max_size=12
)


@pytest.mark.many_databases
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions)
def test_no_story_told_by_one_foreign_key_suspends_a_card_that_its_device_holds(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[str, str | None]]
) -> None:
    """Whatever a foreign device says, in whatever order: while the bound device reports its card, it stays in use."""
    with make_desk(tmp_path_factory.mktemp("story")) as desk:
        meter, liar = Attester(), thief()
        desk.bind(meter)
        desk.add(liar)
        for who, what in story:
            desk.now += 7
            desk.attest(meter if who == "meter" else holds(liar, what))
            assert state(desk)[1] == "allowed"


@pytest.mark.parametrize(("status", "state_after"), [(0, "warned"), (1, "warned"), (2, "bound"), (3, "bound")])
def test_a_key_that_is_kept_less_safely_than_asked_for_is_a_sign(tmp_path: Path, status: int, state_after: str) -> None:
    with make_desk(tmp_path, SCENARIO.replace("[area]", '[models]\nkey_protection = "secure-element"\n[area]')) as desk:
        meter = Attester(status=status)
        desk.bind(meter)
        result = desk.attest(meter)
        assert state(desk)[0] == state_after
        assert (Reason.KEY_PROTECTION in result.reasons) == (state_after == "warned")
