"""A swap on site: only what devices prove brings it on, nothing goes back, and every step may be done again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_agent import claims
from simbond_tools.onsite import swap_file
from simbond_tools.onsite.swap import Old, Outcome, Step, Swap, advance, begin, go_without_old
from simbond_tools.onsite.swap_words import first, said, then
from simbond_verifier.work_orders.bundle import Kind, WorkOrder
from simbond_verifier.work_orders.finding import Finding, KnownDevice, judge
from support.attester import Attester
from support.work_orders import NOW, Office, answer, known

OFFICE = Office()
CARD = "89860012345678901237"
LOST = "89860012345678901245"
FOREIGN = "89860012345678901252"
OLD = Attester(imei="861234050000013")
NEW = Attester(imei="861234050000021")
STRANGER = Attester(imei="861234050000039")
KNOWN = known(OLD, NEW)

# What may be on the cable: who, the card in it, and what else is odd.
looks = st.tuples(
    st.sampled_from([OLD, NEW, STRANGER]),
    st.sampled_from([CARD, LOST, FOREIGN, None]),
    st.sampled_from(["", "lying", "copied", "late", "revoked"]),
)
orders = st.tuples(st.sampled_from([OLD, NEW, None]), st.sampled_from([LOST, None]))
GONE = "gone"


def order(leaves: Attester | None = OLD, replaces: str | None = None) -> WorkOrder:
    made = OFFICE.order(Attester(key=NEW.key, imei=NEW.imei, iccid=CARD))
    return made._replace(kind=Kind.SWAP, decision=7, leaves=leaves and leaves.kid, replaces=replaces)


def look(work: WorkOrder, state: Swap, who: Attester, card: str | None, oddity: str = "") -> tuple[Swap, Outcome]:
    """A device signs for the order, as it is."""
    device = Attester(key=who.key, imei="861234050000096" if oddity == "lying" else who.imei, iccid=card, bootcount=9)
    if card is None:
        device.status = claims.TRAY_EMPTY
    devices: dict[bytes, KnownDevice] = dict(KNOWN)
    if oddity == "copied":
        devices = {kid: d._replace(counters=(100, 0)) for kid, d in devices.items()}
    if oddity == "revoked":
        devices = known(OLD, NEW, standing="revoked")
    now = work.ticket.expires + 1 if oddity == "late" else NOW
    judged = judge(answer(work.signed, device), [OFFICE.key.public.point], devices, now)
    return advance(work, state, judged, devices)


def test_a_card_goes_from_its_old_device_to_the_new_one():
    work = order()
    state = begin(work)
    assert state.step is Step.OLD
    state, outcome = look(work, state, OLD, CARD)
    assert (state, outcome) == (Swap(Step.MOVE, Old.SEEN), Outcome.OLD_CHECKED)
    assert look(work, state, OLD, CARD) == (state, Outcome.OLD_AGAIN)
    assert look(work, state, OLD, None) == (state, Outcome.OLD_EMPTIED)
    assert look(work, state, NEW, None) == (state, Outcome.NEW_EMPTY)
    assert look(work, state, NEW, FOREIGN) == (state, Outcome.NEW_OTHER_CARD)
    state, outcome = look(work, state, NEW, CARD)
    assert (state, outcome) == (Swap(Step.DONE, Old.SEEN), Outcome.DONE)
    assert look(work, state, OLD, FOREIGN) == (state, Outcome.ALREADY_DONE)


def test_a_device_gets_another_card():
    work = order(leaves=None, replaces=LOST)
    state, outcome = look(work, begin(work), NEW, LOST)
    assert (state, outcome) == (Swap(Step.MOVE, Old.SEEN), Outcome.OLD_CARD_CHECKED)
    assert look(work, state, NEW, LOST) == (state, Outcome.OLD_CARD_AGAIN)
    assert look(work, state, NEW, CARD)[0].step is Step.DONE


def test_a_card_from_the_stock_has_no_old_pair():
    assert begin(order(leaves=None)) == begin(order(leaves=NEW)) == Swap(Step.MOVE, Old.NONE)


@pytest.mark.parametrize(
    ("who", "card", "oddity", "outcome"),
    [
        (OLD, None, "", Outcome.OLD_EMPTY),
        (OLD, FOREIGN, "", Outcome.OLD_OTHER_CARD),
        (OLD, CARD, "lying", Outcome.OLD_IMEI_DIFFERS),
        (OLD, CARD, "copied", Outcome.COPY),
        (NEW, CARD, "copied", Outcome.COPY),
        (OLD, CARD, "revoked", Outcome.REVOKED),
        (NEW, None, "", Outcome.NEW_TOO_EARLY),
        (NEW, CARD, "lying", Outcome.IMEI_DIFFERS),
        (NEW, CARD, "late", Outcome.EXPIRED),
        (STRANGER, CARD, "", Outcome.UNKNOWN),
    ],
)
def test_what_is_wrong_leaves_the_swap_where_it_is(who, card, oddity, outcome):
    work = order()

    assert look(work, begin(work), who, card, oddity) == (begin(work), outcome)


def test_a_card_that_the_old_device_cannot_read_is_no_empty_tray():
    device = Attester(key=OLD.key, imei=OLD.imei, iccid=None, bootcount=9)
    judged = judge(answer(order().signed, device), [OFFICE.key.public.point], KNOWN, NOW)

    assert advance(order(), begin(order()), judged, KNOWN)[1] is Outcome.CARD_UNREADABLE


def test_a_device_of_another_order_is_a_stranger():
    judged = judge(
        answer(order().signed, Attester(key=STRANGER.key, iccid=CARD)), [OFFICE.key.public.point], known(STRANGER), NOW
    )
    assert advance(order(), begin(order()), judged, known(STRANGER))[1] is Outcome.STRANGER


@given(about=orders, seen=st.lists(st.one_of(looks, st.just(GONE)), max_size=8))
def test_only_proofs_bring_it_on_and_nothing_goes_back(tmp_path_factory, about, seen):
    folder = tmp_path_factory.getbasetemp() / "swap-states"
    work = order(*about)
    state = begin(work)
    ranks = list(Step)
    for sight in seen:
        before = state
        if sight == GONE:
            state = go_without_old(state)
            assert state == before or (before.step, state) == (Step.OLD, Swap(Step.MOVE, Old.GONE))
        else:
            state, outcome = look(work, state, *sight)
            if state != before:
                who, card, oddity = sight
                assert oddity == ""
                new_pair, old_pair = (NEW, CARD), (NEW, LOST) if about[0] in (None, NEW) else (OLD, CARD)
                assert (who, card) == (new_pair if state.step is Step.DONE else old_pair)
            assert outcome in Outcome
            assert look(work, state, *sight)[0] == state
        assert ranks.index(state.step) >= ranks.index(before.step)
        swap_file.write(folder, work, state)
        assert swap_file.read(folder, work) == state


def test_every_outcome_has_words_that_fill_in():
    for outcome in Outcome:
        for text in (said(outcome, order(replaces=LOST), FOREIGN), then(outcome, order(replaces=LOST), FOREIGN)):
            assert "{" not in text
        assert said(outcome, order(), None)
    assert "old device" in first(order(), begin(order()))
    assert LOST in first(order(None, LOST), begin(order(None, LOST)))
    assert "new device" in first(order(None), begin(order(None)))


def test_the_step_outlasts_a_new_ticket_and_belongs_to_one_swap(tmp_path):
    work = order()
    swap_file.write(tmp_path, work, Swap(Step.MOVE, Old.SEEN))

    assert swap_file.read(tmp_path, order()._replace(signed=b"another day")) == Swap(Step.MOVE, Old.SEEN)
    assert swap_file.read(tmp_path, order()._replace(decision=8)) == begin(work)
    assert swap_file.was_begun(tmp_path, work.number)
    assert not swap_file.was_begun(tmp_path, 99)


@pytest.mark.parametrize("octets", [b"", b"{", b"[]", b'{"swap": 1}', b'{"step": "done"}', b"\xff"])
def test_a_damaged_step_begins_anew(tmp_path, octets):
    swap_file.write(tmp_path, order(), Swap(Step.DONE, Old.SEEN))
    (path,) = (tmp_path / "swaps").iterdir()
    path.write_bytes(octets)

    assert swap_file.read(tmp_path, order()) == begin(order())


def test_a_step_that_nobody_knows_begins_anew(tmp_path):
    swap_file.write(tmp_path, order(), Swap(Step.DONE, Old.SEEN))
    (path,) = (tmp_path / "swaps").iterdir()
    path.write_text(json.dumps({**json.loads(path.read_text()), "step": "dance"}))

    assert swap_file.read(tmp_path, order()) == begin(order())


def test_the_findings_of_a_check_all_have_a_place():
    work = order()
    reached = {Finding.OTHER_DEVICE, Finding.OTHER_CARD, Finding.TRAY_EMPTY, Finding.CONFIRMED}
    for finding in set(Finding) - reached:
        judged = judge(answer(work.signed, NEW), [OFFICE.key.public.point], KNOWN, NOW)._replace(finding=finding)
        assert advance(work, begin(work), judged, KNOWN)[0] == begin(work)
