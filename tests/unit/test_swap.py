"""A change of device that two persons have agreed on: what it excuses, what it does not, and how it ends."""

from pathlib import Path
from typing import Any

import pytest

from simbond_agent import claims
from simbond_verifier import fleet
from simbond_verifier.decisions import Decisions, about_card
from simbond_verifier.observation import Sign
from simbond_verifier.policy import Policy
from simbond_verifier.reasons import Reason, Tier
from simbond_verifier.refusal import Conflict
from simbond_verifier.store import accusations, cards, proposals, signs, swaps
from simbond_verifier.store.proposals import Kind
from simbond_verifier.store.signs import Told
from support.attester import ICCID, Attester
from support.verifier import NOW, SCENARIO, Desk
from support.verifier import desk as make_desk

pytestmark = pytest.mark.usefixtures("store")

NEW_IMEI = "353456060000024"
THIRD_IMEI = "353456060000032"
OTHER = ("89860012345678904447", "460001234560002")
GRACE_S = 86400


def without_card(imei: str) -> Attester:
    return Attester(imei=imei, iccid=None, imsi=None, cell=None, status=claims.TRAY_EMPTY)


def holds(device: Attester, iccid: str | None, imsi: str | None = None) -> Attester:
    """What the device reports from now on."""
    device.iccid, device.imsi = iccid, imsi
    device.status = claims.TRAY_EMPTY if iccid is None else 0
    return device


def decisions(desk: Desk) -> Decisions:
    return Decisions(desk.scenarios, Policy())


def ask(desk: Desk, iccid: str, device: Attester, actor: str = "tim", **more: Any) -> int:
    def unit(connection: Any, now: float) -> int | None:
        detail = {"force": False} | more
        order = about_card(connection, Kind.SWAP, iccid, reason="new meter", kid=device.kid.hex(), **detail)
        return decisions(desk).take(connection, order, actor=actor, now=now)

    asked = desk.do(unit)
    assert asked is not None
    return int(asked)


def announce(desk: Desk, iccid: str, device: Attester) -> None:
    desk.do(decisions(desk).approve, ask(desk, iccid, device), words="", actor="olga")


def sign(desk: Desk, reason: Reason, **facts: Any) -> None:
    with desk.database.write() as connection:
        about = cards.by_iccid(connection, ICCID)
        assert about is not None
        scenario = desk.scenarios.get("meter")
        assert scenario is not None
        signs.note(connection, about, [Sign(reason, facts)], scenario, Policy(), Told(desk.now, "feed"))


def sweep(desk: Desk) -> None:
    with desk.database.write() as connection:
        for card_id in swaps.due(connection, desk.now):
            swaps.expire(connection, card_id, desk.now)


def pair(desk: Desk) -> tuple[Attester, Attester]:
    old, new = Attester(), without_card(NEW_IMEI)
    desk.bind(old)
    desk.add(new)
    return old, new


def test_the_announced_devices_first_affirming_evidence_closes_it(desk: Desk) -> None:
    old, new = pair(desk)
    imsi = old.imsi
    announce(desk, ICCID, new)
    assert desk.card(ICCID)["swap"] == {"device": new.kid.hex(), "until": NOW + GRACE_S}
    assert desk.attest(holds(old, None)).reasons == (Reason.SWAP_ANNOUNCED,)
    result = desk.attest(holds(new, ICCID, imsi))
    assert (result.tier, result.reasons, result.interval_s) == (Tier.AFFIRMING, (Reason.SWAP_ANNOUNCED,), 3600)
    card = desk.card(ICCID)
    assert (card["state"], card["device"]["kid"], card["swap"]) == ("bound", new.kid.hex(), None)
    assert desk.attest(new).reasons == ()
    lines = desk.history(ICCID)
    assert [line["kind"] for line in lines] == [
        "import", "bind", "decision-asked", "decision-approved", "swap-opened", "bind",
    ]  # fmt: skip
    assert [line["actor"] for line in lines] == ["olga", "olga", "tim", "olga", "olga", "verifier"]
    assert lines[-1]["detail"]["left"] == old.kid.hex()
    assert desk.commands() == []


def test_the_old_device_is_a_stranger_afterwards(desk: Desk) -> None:
    old, new = pair(desk)
    imsi = old.imsi
    announce(desk, ICCID, new)
    desk.attest(holds(new, ICCID, imsi))
    assert desk.attest(holds(old, ICCID, imsi)).reasons == (Reason.FOREIGN_DEVICE_CLAIM,)


@pytest.mark.parametrize("says", ["empty", "unreadable", "another"])
def test_what_the_old_device_says_meanwhile_counts_for_nothing(desk: Desk, says: str) -> None:
    old, new = pair(desk)
    announce(desk, ICCID, new)
    desk.stock(OTHER)
    holds(old, OTHER[0] if says == "another" else None)
    old.status = 0 if says != "empty" else claims.TRAY_EMPTY
    before = desk.history(ICCID)
    assert desk.attest(old).reasons[0] is Reason.SWAP_ANNOUNCED
    assert desk.card(ICCID)["state"] == "bound"
    assert desk.history(ICCID) == before


@pytest.mark.parametrize("reason", [Reason.SILENT, Reason.TRAFFIC_UNATTESTED])
def test_silence_during_it_counts_for_nothing_and_does_so_again_afterwards(desk: Desk, reason: Reason) -> None:
    _, new = pair(desk)
    announce(desk, ICCID, new)
    sign(desk, reason)
    assert desk.card(ICCID)["state"] == "bound"
    desk.now += GRACE_S
    sweep(desk)
    sign(desk, reason)
    assert desk.card(ICCID)["state"] == "warned"


def test_the_network_may_see_it_in_the_announced_device_but_in_no_third(desk: Desk) -> None:
    _, new = pair(desk)
    announce(desk, ICCID, new)
    sign(desk, Reason.NETWORK_IMEI_DIFFERS, seen=NEW_IMEI[:14])
    assert desk.card(ICCID)["state"] == "bound"
    sign(desk, Reason.NETWORK_IMEI_DIFFERS, seen=THIRD_IMEI[:14])
    assert (desk.card(ICCID)["state"], desk.card(ICCID)["deadline"] is None) == ("warned", False)


def test_a_third_devices_claim_still_counts(desk: Desk) -> None:
    _, new = pair(desk)
    third = without_card(THIRD_IMEI)
    desk.add(third)
    announce(desk, ICCID, new)
    desk.attest(holds(third, ICCID))
    assert desk.card(ICCID)["state"] == "warned"
    with desk.database.write() as connection:
        (claim,) = accusations.still_open(connection)
        accusations.uphold(connection, claim.id, "network view", Policy(), desk.now)
    assert desk.card(ICCID)["state"] == "suspended"
    result = desk.attest(holds(new, ICCID, OTHER[1]))
    assert result.reasons == (Reason.SWAP_ANNOUNCED, Reason.CARD_SUSPENDED)
    assert desk.card(ICCID)["state"] == "suspended", "nor does the swap lift that"


def test_an_empty_tray_bears_out_no_third_device(desk: Desk) -> None:
    old, new = pair(desk)
    third = without_card(THIRD_IMEI)
    desk.add(third)
    announce(desk, ICCID, new)
    desk.attest(holds(third, ICCID))
    desk.attest(holds(old, None))
    assert desk.card(ICCID)["state"] == "warned"


def test_where_a_third_claims_it_the_new_device_shows_that_it_holds_the_card_now(desk: Desk) -> None:
    old, new = pair(desk)
    imsi = old.imsi
    third = without_card(THIRD_IMEI)
    desk.add(third)
    announce(desk, ICCID, new)
    early = desk.nonce(new)
    desk.now += 10
    desk.attest(holds(third, ICCID))
    desk.now += 10
    assert desk.attest(holds(new, ICCID, imsi), early).interval_s == 0
    assert desk.card(ICCID)["device"]["kid"] == old.kid.hex()
    desk.attest(new)
    assert (desk.card(ICCID)["state"], desk.card(ICCID)["device"]["kid"]) == ("bound", new.kid.hex())
    with desk.database.read() as connection:
        assert fleet.show_device(connection, third.kid.hex())["refuted"] == 1


def test_evidence_that_does_not_affirm_closes_nothing(desk: Desk) -> None:
    old, new = pair(desk)
    announce(desk, ICCID, new)
    holds(new, ICCID, "460009999999999")
    assert desk.attest(new).reasons == (Reason.SWAP_ANNOUNCED,)
    holds(new, ICCID, old.imsi)
    new.imei = THIRD_IMEI
    assert desk.attest(new).reasons == (Reason.SWAP_ANNOUNCED,)
    card = desk.card(ICCID)
    assert (card["state"], card["device"]["kid"]) == ("bound", old.kid.hex())


def test_late_evidence_closes_nothing(desk: Desk) -> None:
    old, new = pair(desk)
    announce(desk, ICCID, new)
    nonce = desk.nonce(new)
    desk.now += 3600
    assert Reason.LATE in desk.attest(holds(new, ICCID, old.imsi), nonce).reasons
    assert desk.card(ICCID)["device"]["kid"] == old.kid.hex()


def test_a_window_that_nobody_used_closes_with_a_line_and_changes_nothing(desk: Desk) -> None:
    old, new = pair(desk)
    announce(desk, ICCID, new)
    desk.now += GRACE_S - 1
    sweep(desk)
    assert desk.card(ICCID)["swap"] is not None
    desk.now += 1
    result = desk.attest(holds(new, ICCID, old.imsi))
    assert result.reasons == (Reason.FOREIGN_DEVICE_CLAIM,), "to the second, whenever the sweep comes"
    sweep(desk)
    card = desk.card(ICCID)
    assert (card["device"]["kid"], card["swap"]) == (old.kid.hex(), None)
    assert [line["kind"] for line in desk.history(ICCID)][-1] == "swap-expired"
    assert desk.attest(old).tier is Tier.AFFIRMING


def test_two_cards_change_places(desk: Desk) -> None:
    a, b = Attester(), Attester(imei=NEW_IMEI, iccid=OTHER[0], imsi=OTHER[1])
    desk.bind(a)
    desk.bind(b)
    announce(desk, ICCID, b)
    announce(desk, OTHER[0], a)
    (a.iccid, a.imsi), (b.iccid, b.imsi) = (b.iccid, b.imsi), (a.iccid, a.imsi)
    for device in (a, b):
        assert desk.attest(device).reasons == (Reason.SWAP_ANNOUNCED,)
    for iccid, device in ((ICCID, b), (OTHER[0], a)):
        card = desk.card(iccid)
        assert (card["state"], card["device"]["kid"], card["swap"]) == ("bound", device.kid.hex(), None)
        assert desk.attest(device).reasons == ()
    assert desk.commands() == []


def test_a_card_that_was_left_behind_is_missed_when_its_window_is_over(desk: Desk) -> None:
    a, b = Attester(), Attester(imei=NEW_IMEI, iccid=OTHER[0], imsi=OTHER[1])
    desk.bind(a)
    desk.bind(b)
    announce(desk, ICCID, b)
    announce(desk, OTHER[0], a)
    b.iccid, b.imsi = a.iccid, a.imsi
    desk.attest(b)
    desk.attest(b)
    assert desk.card(OTHER[0])["state"] == "bound"
    desk.now += GRACE_S
    sweep(desk)
    assert desk.attest(b).tier is Tier.AFFIRMING
    assert (desk.card(ICCID)["state"], desk.card(OTHER[0])["state"]) == ("bound", "warned")


def test_a_device_with_another_card_that_stays_takes_none(desk: Desk) -> None:
    a, b = Attester(), Attester(imei=NEW_IMEI, iccid=OTHER[0], imsi=OTHER[1])
    desk.bind(a)
    desk.bind(b)
    announce(desk, ICCID, b)
    b.iccid, b.imsi = a.iccid, a.imsi
    assert desk.attest(b).reasons == (Reason.CARD_CHANGED, Reason.SWAP_ANNOUNCED)
    assert (desk.card(ICCID)["state"], desk.card(OTHER[0])["state"]) == ("bound", "warned")


def test_a_check_that_runs_waits_for_the_new_device(desk: Desk) -> None:
    old, new = pair(desk)
    sign(desk, Reason.NETWORK_IMEI_DIFFERS, seen=NEW_IMEI[:14])
    desk.now += 80000
    announce(desk, ICCID, new)
    assert desk.card(ICCID)["deadline"] == desk.now + GRACE_S
    desk.attest(holds(new, ICCID, old.imsi))
    assert (desk.card(ICCID)["state"], desk.card(ICCID)["deadline"]) == ("bound", None)


def test_a_claim_that_people_then_agreed_to_is_settled(desk: Desk) -> None:
    old, new = pair(desk)
    desk.attest(holds(new, ICCID, old.imsi))
    assert desk.card(ICCID)["accused_at"] is not None
    announce(desk, ICCID, new)
    assert desk.card(ICCID)["accused_at"] is None
    desk.attest(new)
    assert desk.card(ICCID)["device"]["kid"] == new.kid.hex()
    with desk.database.read() as connection:
        assert fleet.show_device(connection, new.kid.hex())["refuted"] == 0


def test_what_cannot_be_swapped_is_not_asked_for(desk: Desk) -> None:
    old, new = pair(desk)
    with pytest.raises(Conflict) as e:
        ask(desk, ICCID, old)
    assert e.value.code == "same-device"
    desk.stock(OTHER)
    with pytest.raises(Conflict) as e:
        ask(desk, OTHER[0], new)
    assert e.value.code == "not-bound"
    desk.do(fleet.suspend, ICCID, reason="r", actor="olga")
    with pytest.raises(Conflict) as e:
        ask(desk, ICCID, new)
    assert e.value.code == "state"
    with desk.database.read() as connection:
        assert proposals.list_all(connection, outcome=None, after=0, limit=9) == []


def test_the_quota_is_the_operators_too_and_two_persons_may_pass_it(tmp_path: Path) -> None:
    with make_desk(tmp_path, SCENARIO + "[binding]\nrebinds = 1\nrebinds_within_s = 3600\n") as desk:
        old, new = pair(desk)
        more = {"scenario": None, "scenarios": desk.scenarios, "actor": "olga"}
        desk.now += 10
        desk.do(fleet.bind, ICCID, new.kid.hex(), **more)
        with pytest.raises(Conflict) as e:
            desk.do(fleet.bind, ICCID, old.kid.hex(), **more)
        assert e.value.code == "rebind-quota"
        with pytest.raises(Conflict) as e:
            ask(desk, ICCID, old)
        assert e.value.code == "rebind-quota"
        desk.do(decisions(desk).approve, ask(desk, ICCID, old, force=True), words="seen on site", actor="olga")
        desk.now += 10
        assert desk.attest(old).reasons == (Reason.SWAP_ANNOUNCED,)
        desk.now += 3601
        desk.do(fleet.bind, ICCID, new.kid.hex(), **more)


def test_retiring_or_unbinding_ends_it(desk: Desk) -> None:
    _, new = pair(desk)
    announce(desk, ICCID, new)
    desk.do(fleet.unbind, ICCID, reason="broken", actor="olga")
    card = desk.card(ICCID)
    assert (card["state"], card["device"], card["swap"]) == ("stock", None, None)
    assert desk.history(ICCID)[-1]["kind"] == "unbind"
    assert desk.attest(holds(new, ICCID)).reasons == (Reason.CARD_NOT_BOUND,)
