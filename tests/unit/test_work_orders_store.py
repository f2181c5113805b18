"""Work orders at the verifier: who gets which, and what an upload may do. Nothing that a laptop says counts."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from simbond_verifier import fleet
from simbond_verifier.lifecycle import State
from simbond_verifier.policy import Checks, Policy, TwoPersons
from simbond_verifier.reasons import Reason
from simbond_verifier.refusal import Conflict, Invalid, NotFound
from simbond_verifier.signing_key import SigningKey
from simbond_verifier.store import cards, erasure, field_results, second_checks, tokens, work_bundles, work_orders
from simbond_verifier.store.proposals import Kind as Asked
from simbond_verifier.store.schema import card, command, field_result, sign, work_order
from simbond_verifier.store.tokens import Role
from simbond_verifier.work_orders import bundle as bundles
from simbond_verifier.work_orders import ticket as tickets
from simbond_verifier.work_orders.bundle import Kind, WorkOrder
from simbond_verifier.work_orders.finding import Finding, Standing
from simbond_verifier.work_orders.proof import Proof, to_text
from support.attester import ICCID, Attester
from support.damage import flipped
from support.persons import Persons
from support.verifier import Desk
from support.work_orders import answer

pytestmark = pytest.mark.usefixtures("store")

HOUR = 3600
TRUSTING = Policy(checks=Checks(technician_confirms=True))


@dataclass
class Site:
    """An office with technicians, and a device in force."""

    desk: Desk
    key: SigningKey = field(default_factory=SigningKey.generate)
    device: Attester = field(default_factory=Attester)

    def __post_init__(self) -> None:
        for name, role in (("tomas", Role.TECHNICIAN), ("tanja", Role.TECHNICIAN), ("olga", Role.OPERATOR)):
            self.desk.do(tokens.create, name, role)
        self.desk.bind(self.device)
        self.desk.attest(self.device)
        self.desk.now += 60

    def order(self, iccid: str = ICCID, technician: str = "tomas", **changes: Any) -> int:
        terms = {"kind": Kind.CHECK, "decision": None, "words": "Meter 7", "expires_s": 7 * 24 * HOUR} | changes
        number: int = self.desk.do(work_orders.make, iccid, technician=technician, actor="olga", **terms)
        return number

    def fetch(self, technician: str = "tomas", hours: int = 24) -> bundles.Bundle:
        with self.desk.database.read() as connection:
            sealed = work_bundles.fetch(connection, technician, self.key, hours=hours, now=self.desk.now)
        return bundles.read(sealed, [self.key.public.point])

    def ordered(self, **changes: Any) -> WorkOrder:
        """A new order as its technician has fetched it."""
        number = self.order(**changes)
        return next(order for order in self.fetch().orders if order.number == number)

    def upload(
        self,
        proof: Proof,
        number: int = 1,
        policy: Policy | None = None,
        technician: str | None = "tomas",
        by: str = "",
    ) -> field_results.Taken:
        taken: field_results.Taken = self.desk.do(
            field_results.take,
            number,
            to_text(proof),
            [self.key.public.point],
            technician=technician,
            policy=policy or Policy(),
            actor=by or technician,
        )
        return taken

    def shown(self, number: int = 1) -> dict[str, Any]:
        with self.desk.database.read() as connection:
            return work_orders.show(connection, number, self.desk.now)

    def count(self) -> int:
        with self.desk.database.read() as connection:
            return connection.execute(select(func.count()).select_from(field_result)).scalar_one()


@pytest.fixture(name="site")
def _site(desk: Desk) -> Site:
    return Site(desk)


def refused(error: type[Exception], code: str, unit: Any, *arguments: Any, **more: Any) -> str:
    with pytest.raises(error) as caught:
        unit(*arguments, **more)
    assert caught.value.code == code
    return str(caught.value)


def test_a_technician_fetches_their_own_open_orders(site: Site) -> None:
    site.order()
    site.order(technician="tanja")
    site.order(words="Meter 8")
    site.desk.do(work_orders.cancel, 3, reason="a mistake", actor="olga")
    site.order(expires_s=HOUR)
    assert [order.number for order in site.fetch().orders] == [1, 4]
    assert [order.number for order in site.fetch("tanja").orders] == [2]
    site.desk.now += 2 * HOUR
    assert [order.number for order in site.fetch().orders] == [1]
    assert [line["kind"] for line in site.desk.history(ICCID)][-5:] == [
        "work-order-made", "work-order-made", "work-order-made", "work-order-cancelled", "work-order-made",
    ]  # fmt: skip


def test_an_order_says_card_and_device_and_no_subscriber(site: Site) -> None:
    order = site.ordered()
    (known,) = site.fetch().devices
    assert (order.ticket.iccid, order.ticket.point, order.ticket.imei) == (ICCID, site.device.point, known.imei)
    assert order.ticket.expires - order.ticket.issued == 24 * HOUR
    assert (known.standing, known.counters) == (Standing.IN_FORCE, (1, site.device.uptime))
    with site.desk.database.read() as connection:
        sealed = work_bundles.fetch(connection, "tomas", site.key, hours=1, now=site.desk.now)
    assert site.device.imsi.encode() not in sealed
    assert bytes.fromhex(site.device.imsi + "f") not in sealed


def test_no_ticket_outlives_its_order(site: Site) -> None:
    order = site.ordered(expires_s=HOUR)
    assert order.ticket.expires == site.desk.now + HOUR


def test_the_bundle_knows_keys_that_are_good_for_nothing(site: Site) -> None:
    before, site.device = site.device, site.device.successor()
    site.desk.rotate(before, site.device)
    site.order()
    standings = {known.kid: known.standing for known in site.fetch().devices}
    assert standings == {site.device.kid: Standing.IN_FORCE, before.kid: Standing.RETIRED}
    site.desk.do(fleet.revoke, site.device.kid.hex(), reason="stolen", actor="olga")
    assert Standing.REVOKED in {known.standing for known in site.fetch().devices}


@pytest.mark.parametrize("gone", ["unbound", "other"])
def test_an_order_about_a_card_without_a_device_is_not_handed_out(site: Site, gone: str) -> None:
    site.order()
    site.desk.do(fleet.unbind, ICCID, reason="dismantled", actor="olga")
    if gone == "unbound":
        assert site.fetch().orders == ()
        refused(Conflict, "not-bound", site.order)
    else:
        other = Attester("861234050000021")
        site.desk.add(other)
        site.desk.do(fleet.bind, ICCID, other.kid.hex(), scenario=None, scenarios=site.desk.scenarios, actor="olga")
        assert site.fetch().orders[0].ticket.point == other.point


def test_orders_that_cannot_be_made(site: Site) -> None:
    site.desk.do(tokens.create, "victor", Role.VIEWER)
    refused(NotFound, "technician-unknown", site.order, technician="nobody")
    refused(Conflict, "technician-role", site.order, technician="victor")
    refused(NotFound, "card-unknown", site.order, "89860012345678901245")
    refused(Invalid, "decision-missing", site.order, kind=Kind.SWAP)
    refused(Invalid, "decision-needless", site.order, decision=1)
    refused(NotFound, "decision-unknown", site.order, kind=Kind.SWAP, decision=7)


def test_an_approved_swap(site: Site) -> None:
    other = Attester("861234050000021")
    site.desk.add(other)
    persons = Persons(site.desk)
    number = persons.order("olga", Asked.SWAP, kid=other.kid.hex())
    assert number is not None
    refused(Conflict, "decision-open", site.order, kind=Kind.SWAP, decision=number)
    persons.approve("oleg", number)
    order = site.ordered(kind=Kind.SWAP, decision=number)
    assert (order.kind, order.decision, order.ticket.point) == (Kind.SWAP, number, other.point)
    assert (order.leaves, order.replaces) == (site.device.kid, None)
    assert site.upload(answer(order.signed, site.device)).finding is Finding.OTHER_DEVICE
    assert site.shown()["outcome"] == "open"
    assert site.upload(answer(order.signed, other)).finding is Finding.CONFIRMED
    assert site.shown()["outcome"] == "done"
    assert site.desk.card(ICCID)["device"]["kid"] == site.device.kid.hex(), "the device's own way closes the swap"


def test_a_result_goes_into_the_history_and_closes_the_order(site: Site) -> None:
    order = site.ordered()
    site.desk.now += HOUR
    taken = site.upload(answer(order.signed, site.device))
    assert (taken.finding, taken.repeated, taken.check_ended) == (Finding.CONFIRMED, False, False)
    line = site.desk.history(ICCID)[-1]
    assert (line["kind"], line["actor"], line["device"]) == ("field-check", "tomas", site.device.kid.hex())
    assert line["detail"]["finding"] == "confirmed"
    shown = site.shown()
    assert (shown["outcome"], shown["closed_by"]) == ("done", "tomas")
    assert [result["finding"] for result in shown["results"]] == ["confirmed"]


def test_the_same_result_again_changes_nothing(site: Site) -> None:
    proof = answer(site.ordered().signed, site.device)
    first = site.upload(proof)
    history = site.desk.history(ICCID)
    site.desk.now += HOUR
    assert site.upload(proof) == first._replace(repeated=True)
    assert (site.desk.history(ICCID), site.count()) == (history, 1)


def test_the_device_s_counters_stay_as_its_own_way_left_them(site: Site) -> None:
    """What waits in its spool must still be taken."""
    waiting = site.device.evidence(site.desk.nonce(site.device))
    assert site.upload(answer(site.ordered().signed, site.device)).finding is Finding.CONFIRMED
    assert site.desk.hand_in(waiting).tier == 2


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"iccid": "89860012345678901245"}, Finding.OTHER_CARD),
        ({"iccid": None, "status": 16}, Finding.TRAY_EMPTY),
        ({"imei": "861234050000021"}, Finding.IMEI_DIFFERS),
    ],
)
def test_what_the_device_says_otherwise_is_history_and_no_more(
    site: Site, changes: dict[str, Any], finding: Finding
) -> None:
    order = site.ordered()
    assert site.upload(answer(order.signed, replace(site.device, **changes))).finding is finding
    assert site.shown()["outcome"] == "open"
    assert site.desk.card(ICCID)["state"] == State.BOUND
    assert site.upload(answer(order.signed, replace(site.device, uptime=9))).finding is Finding.CONFIRMED


def test_what_proves_nothing_is_refused_and_not_kept(site: Site) -> None:
    order, other = site.ordered(), site.ordered(words="Meter 8")
    good = answer(order.signed, site.device)
    stranger = replace(site.device, key=Attester().key)
    forged = tickets.issue(order.ticket, SigningKey.generate())
    before = site.desk.history(ICCID)
    for proof, code in (
        (Proof(other.signed, good.evidence), "result-challenge-wrong"),
        (good, "work-order-other"),
        (answer(forged, site.device), "result-forged"),
        (answer(order.signed, stranger), "result-key-unknown"),
        (Proof(order.signed, flipped(good.evidence)), "result-signature-bad"),
        (Proof(order.signed, b"junk"), "result-evidence-bad"),
        (Proof(order.signed, site.device.evidence(site.desk.nonce(site.device))), "result-evidence-bad"),
    ):
        refused(Invalid, code, site.upload, proof, number=other.number)
    assert (site.count(), site.desk.history(ICCID)) == (0, before)


def test_a_text_that_is_no_result(site: Site) -> None:
    site.order()
    for text in ("", "SB1:", "SB1:!!", "HELLO", "SB1:00"):
        with pytest.raises(Invalid) as caught:
            site.desk.do(field_results.take, 1, text, [], technician=None, policy=Policy(), actor="olga")
        assert caught.value.code == "result-malformed"


def test_yesterday_s_answer_is_none_for_today(site: Site) -> None:
    yesterday = answer(site.ordered().signed, site.device)
    site.desk.now += 20 * HOUR
    today = site.fetch().orders[0]
    refused(Invalid, "result-challenge-wrong", site.upload, Proof(today.signed, yesterday.evidence))


def test_evidence_that_was_signed_in_time_may_be_uploaded_in_time(site: Site) -> None:
    proof = answer(site.ordered().signed, site.device)
    site.desk.now += 25 * HOUR
    late = site.upload(proof)
    assert (late.finding, site.shown()["outcome"]) == (Finding.EXPIRED, "open")
    assert late.signed_before == site.desk.now, "nobody but the laptop says that it was signed earlier"


def test_the_device_s_own_reports_say_when_it_signed(site: Site) -> None:
    proof = answer(site.ordered().signed, replace(site.device, uptime=HOUR))
    site.desk.now += 20 * HOUR
    site.device.uptime = 20 * HOUR
    site.desk.attest(site.device)
    reported = site.desk.now
    site.desk.now += 10 * HOUR
    taken = site.upload(proof)
    assert (taken.finding, taken.signed_before) == (Finding.CONFIRMED, reported - 19 * HOUR)


def test_a_laptop_whose_clock_was_set_back_gains_nothing(site: Site) -> None:
    order = site.ordered()
    site.desk.now += 30 * HOUR
    assert site.upload(answer(order.signed, site.device)).finding is Finding.EXPIRED


def test_a_copy_of_the_key_that_is_behind(site: Site) -> None:
    order = site.ordered()
    behind = replace(site.device, bootcount=0, uptime=5)
    assert site.upload(answer(order.signed, behind)).finding is Finding.OLDER


def test_a_key_that_was_revoked_after_the_fetch(site: Site) -> None:
    order = site.ordered()
    site.desk.do(fleet.revoke, site.device.kid.hex(), reason="stolen", actor="olga")
    assert site.upload(answer(order.signed, site.device)).finding is Finding.KEY_REVOKED


def test_a_key_that_was_rotated_after_the_fetch_is_the_same_device(site: Site) -> None:
    order = site.ordered()
    successor = site.device.successor()
    site.desk.rotate(site.device, successor)
    assert site.upload(answer(order.signed, successor)).finding is Finding.CONFIRMED
    assert site.upload(answer(order.signed, site.device)).finding is Finding.KEY_REVOKED


def test_a_card_that_was_bound_anew_after_the_fetch(site: Site) -> None:
    order = site.ordered()
    other = Attester("861234050000021")
    site.desk.add(other)
    site.desk.do(fleet.unbind, ICCID, reason="moved", actor="olga")
    site.desk.do(fleet.bind, ICCID, other.kid.hex(), scenario=None, scenarios=site.desk.scenarios, actor="olga")
    assert site.upload(answer(order.signed, site.device)).finding is Finding.OTHER_DEVICE


def test_orders_of_others_and_cancelled_ones_take_no_result(site: Site) -> None:
    proof = answer(site.ordered().signed, site.device)
    refused(NotFound, "work-order-unknown", site.upload, proof, technician="tanja")
    site.desk.do(work_orders.cancel, 1, reason="a mistake", actor="olga")
    refused(Conflict, "work-order-closed", site.desk.do, work_orders.cancel, 1, reason="again", actor="olga")
    refused(Conflict, "work-order-cancelled", site.upload, proof)


def test_an_order_takes_so_many_results(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field_results, "_OF_AN_ORDER", 2)
    order = site.ordered()
    for _ in range(2):
        site.upload(answer(order.signed, site.device))
    refused(Conflict, "results-too-many", site.upload, answer(order.signed, site.device))


def checked(site: Site) -> None:
    site.desk.do(second_checks.order, ICCID, reason="odd", deadline_s=None, scenarios=site.desk.scenarios, actor="olga")


def test_a_second_check_ends_where_the_policy_says_so(site: Site) -> None:
    checked(site)
    site.desk.now += 60
    order = site.ordered()
    assert not site.upload(answer(order.signed, site.device)).check_ended
    assert site.desk.card(ICCID)["state"] == State.WARNED
    taken = site.upload(answer(order.signed, site.device), policy=TRUSTING)
    assert taken.check_ended
    assert site.desk.card(ICCID)["state"] == State.BOUND
    assert site.desk.history(ICCID)[-1]["actor"] == "tomas"


def test_a_second_check_ends_by_what_was_proved_after_it_was_ordered(site: Site) -> None:
    order = site.ordered()
    site.desk.now += 60
    checked(site)
    assert not site.upload(answer(order.signed, site.device), policy=TRUSTING).check_ended


def test_a_second_check_does_not_end_by_what_was_proved_before_something_else_spoke_against_the_card(
    site: Site,
) -> None:
    """The card may be in a telephone by the time at which the laptop finds a network."""
    checked(site)
    site.desk.now += 60
    order = site.ordered()
    proof = answer(order.signed, site.device)
    site.desk.now += 60
    seen = {"card_id": 1, "reason": Reason.NETWORK_IMEI_DIFFERS, "source": "feed", "times": 1, "facts": {}}
    with site.desk.database.write() as connection:
        connection.execute(insert(sign).values(first_at=site.desk.now, last_at=site.desk.now, **seen))
    site.desk.now += 60
    assert not site.upload(proof, policy=TRUSTING).check_ended
    assert site.desk.card(ICCID)["deadline"] is not None

    site.device.uptime += 1
    again = site.ordered()
    assert site.upload(answer(again.signed, site.device), again.number, policy=TRUSTING).check_ended


def test_nor_by_what_was_proved_before_another_device_claimed_the_card(site: Site) -> None:
    checked(site)
    site.desk.now += 60
    order = site.ordered()
    proof = answer(order.signed, site.device)
    site.desk.now += 60
    thief = Attester(imei="861234050000994", iccid=ICCID)
    site.desk.add(thief)
    site.desk.attest(thief)
    assert not site.upload(proof, policy=TRUSTING).check_ended


def test_a_number_that_a_restored_backup_gave_to_another_order_takes_no_result_of_the_first(site: Site) -> None:
    """Else a device with two cards would prove one by the other."""
    order = site.ordered()
    proof = answer(order.signed, site.device)
    with site.desk.database.write() as connection:
        connection.execute(update(work_order).values(made_at=site.desk.now + 60))
    refused(Invalid, "work-order-other", site.upload, proof)
    with site.desk.database.write() as connection:
        second = dict(connection.execute(select(card)).mappings().one())
        second |= {"id": 2, "iccid": "89860012345678999990", "imsi": "460001234509999"}
        connection.execute(insert(card).values(**second))
        connection.execute(update(work_order).values(made_at=site.desk.now, card_id=2))
    refused(Invalid, "work-order-other", site.upload, proof)


def test_a_second_check_does_not_end_by_another_finding_nor_by_whoever_ordered_it(site: Site) -> None:
    checked(site)
    site.desk.now += 60
    order = site.ordered()
    two = TRUSTING.model_copy(update={"two_persons": TwoPersons(resume=True)})
    assert not site.upload(answer(order.signed, replace(site.device, iccid=None)), policy=TRUSTING).check_ended
    site.device.uptime += 1
    assert not site.upload(answer(order.signed, site.device), policy=two, technician=None, by="olga").check_ended
    assert site.desk.card(ICCID)["state"] == State.WARNED


def test_a_suspended_card_stays_suspended(site: Site) -> None:
    order = site.ordered()
    site.desk.do(fleet.suspend, ICCID, reason="unpaid", actor="olga")
    taken = site.upload(answer(order.signed, site.device), policy=TRUSTING)
    assert (taken.finding, taken.check_ended) == (Finding.CONFIRMED, False)
    assert site.desk.card(ICCID)["state"] == State.SUSPENDED


def test_an_erased_card_leaves_the_finding_and_not_what_the_device_said(site: Site) -> None:
    site.upload(answer(site.ordered().signed, site.device))
    site.desk.do(fleet.retire, ICCID, reason="scrapped", actor="olga")
    with site.desk.database.write() as connection:
        connection.execute(command.update().values(outcome="confirmed"))
        erasure.erase(connection, cards.by_id(connection, 1), reason="asked", actor="olga", now=site.desk.now)
        assert connection.execute(select(field_result.c.proof)).scalar_one() is None
    assert [result["finding"] for result in site.shown()["results"]] == ["confirmed"]
