"""Who is let in, decided from what the store says of the card."""

import pytest
from sqlalchemy import select, update

from simbond_verifier.lifecycle import Access, State
from simbond_verifier.radius.admission import Subject, decide, subject
from simbond_verifier.reasons import Reason
from simbond_verifier.scenario import parse
from simbond_verifier.store.schema import card as card_table
from simbond_verifier.store.schema import device
from support.attester import IMSI, Attester
from support.verifier import NOW, desk

BOUND = "86123405000001"
SECOND = "86123405000077"
OTHER = "35999905000001"

PAIR = parse('id = 1\nname = "meter"\n', "test")
POOL = parse('id = 1\nname = "meter"\n[binding]\nmode = "pool"\n[models]\ntac = ["86999999"]\n', "test")
DEAF = parse('id = 1\nname = "meter"\n[ladder]\nnetwork-imei-differs = "ignore"\n', "test")


def card(state=State.BOUND, access=Access.ALLOWED, imeis=(BOUND, SECOND)):
    return Subject(state, access, "meter", frozenset(imeis))


def reason(about, imei=None, scenario=PAIR, *, reject_unknown=False, reject_foreign_imei=True):
    return decide(about, imei, scenario, reject_unknown=reject_unknown, reject_foreign_imei=reject_foreign_imei).reason


@pytest.mark.parametrize("imei", [None, BOUND, f"{BOUND}3", f"{BOUND}12", f"{BOUND}99", f"{SECOND}5"], ids=str)
def test_the_bound_device_gets_in_whatever_follows_its_fourteen_digits(imei):
    """A missing IMEI and another software version are no move of the card."""
    assert reason(card(), imei) is None


@pytest.mark.parametrize("imei", [OTHER, f"{BOUND[:13]}912"])
def test_a_foreign_device_does_not(imei):
    assert reason(card(), imei) is Reason.NETWORK_IMEI_DIFFERS


def test_a_foreign_device_gets_in_where_it_is_only_observed():
    assert reason(card(), OTHER, reject_foreign_imei=False) is None


def test_a_foreign_device_gets_in_where_the_scenario_ignores_the_sign():
    assert reason(card(), OTHER, DEAF) is None


def test_an_unbound_card_may_be_in_any_device():
    assert reason(card(State.STOCK, imeis=()), OTHER) is None


@pytest.mark.parametrize("imei", [f"{BOUND}3", "869999990000018"])
def test_a_pool_takes_every_device_of_its_models(imei):
    assert reason(card(), imei, POOL) is None


def test_a_pool_takes_no_other_model():
    assert reason(card(), OTHER, POOL) is Reason.NETWORK_IMEI_DIFFERS


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (State.SUSPENDED, Reason.CARD_SUSPENDED),
        (State.REVERIFYING, Reason.CARD_SUSPENDED),
        (State.RETIRED, Reason.CARD_RETIRED),
    ],
)
def test_a_barred_card_does_not_get_in_even_in_its_device(state, wanted):
    assert reason(card(state, Access.BARRED), BOUND) is wanted


def test_a_card_that_is_re_verified_in_the_network_gets_in():
    assert reason(card(State.REVERIFYING), BOUND) is None


def test_a_restricted_card_gets_in_restricted():
    verdict = decide(card(State.WARNED, Access.RESTRICTED), BOUND, PAIR, reject_unknown=True, reject_foreign_imei=True)
    assert verdict == (None, True)


@pytest.mark.parametrize(("reject", "wanted"), [(True, Reason.CARD_UNKNOWN), (False, None)])
def test_an_unknown_card_is_the_policy_s_question(reject, wanted):
    assert reason(None, OTHER, None, reject_unknown=reject) is wanted


@pytest.mark.usefixtures("store")
def test_the_store_says_what_a_card_is(tmp_path):
    with desk(tmp_path) as olga:
        olga.bind(Attester())
        with olga.database.read() as connection:
            assert subject(connection, IMSI, NOW) == card(imeis=["86123405000001"])
            assert subject(connection, "460009999999999", NOW) is None


@pytest.mark.usefixtures("store")
def test_both_devices_of_an_announced_swap_are_right_while_it_lasts(tmp_path):
    old, new = Attester(), Attester(imei="359999050000015")
    with desk(tmp_path) as olga:
        olga.bind(old)
        olga.add(new)
        with olga.database.write() as connection:
            next_id = select(device.c.id).where(device.c.imei == OTHER).scalar_subquery()
            connection.execute(update(card_table).values(swap_until=NOW + 60, swap_device_id=next_id))
        with olga.database.read() as connection:
            assert subject(connection, IMSI, NOW).imeis == {BOUND, OTHER}
            assert subject(connection, IMSI, NOW + 61).imeis == {BOUND}
