"""Nonces are bound to a key and a second; counters only rise."""

from hypothesis import given
from hypothesis import strategies as st

from simbond_verifier.freshness import check, issue, order
from simbond_verifier.reasons import Reason

SECRET = bytes(32)
KID = b"12345678"
NOW = 1_800_000_000.0

times = st.floats(1_700_000_000, 4_000_000_000)


@given(times, st.floats(0, 604_000))
def test_a_nonce_comes_back_good_within_its_age(now: float, later: float) -> None:
    assert check(SECRET, KID, issue(SECRET, KID, now), now + later, 604_800) == int(now)


@given(times, st.floats(3_602, 604_800))
def test_an_old_nonce_is_late(now: float, later: float) -> None:
    assert check(SECRET, KID, issue(SECRET, KID, now), now + later, 3600) is Reason.LATE


def test_no_nonce_is_late_and_half_a_nonce_is_wrong() -> None:
    assert check(SECRET, KID, bytes(8), NOW, 60) is Reason.LATE
    nonce = issue(SECRET, KID, NOW)
    assert check(SECRET, KID, nonce[:3] + bytes(5), NOW, 60) is Reason.NONCE_WRONG
    assert check(SECRET, KID, bytes(3) + nonce[3:], NOW, 60) is Reason.NONCE_WRONG
    assert check(SECRET, KID, bytes(7) + b"\1", NOW, 60) is Reason.NONCE_WRONG


def test_a_nonce_is_good_for_one_key_and_one_secret() -> None:
    nonce = issue(SECRET, KID, NOW)
    assert check(SECRET, b"87654321", nonce, NOW, 60) is Reason.NONCE_WRONG
    assert check(bytes([1]) + SECRET[1:], KID, nonce, NOW, 60) is Reason.NONCE_WRONG


@given(st.binary(min_size=8, max_size=8), times)
def test_a_guess_is_wrong(nonce: bytes, now: float) -> None:
    assert isinstance(check(SECRET, KID, nonce, now, 604_800), Reason)


def test_a_nonce_from_the_future_is_wrong() -> None:
    assert check(SECRET, KID, issue(SECRET, KID, NOW + 10), NOW, 60) is Reason.NONCE_WRONG


def test_a_node_whose_clock_is_a_second_ahead_is_understood() -> None:
    assert check(SECRET, KID, issue(SECRET, KID, NOW + 1), NOW, 60) == NOW + 1


def test_yesterdays_nonce_still_counts_today() -> None:
    midnight = 86400.0 * 20_000
    assert check(SECRET, KID, issue(SECRET, KID, midnight - 1), midnight + 1, 60) == midnight - 1


pairs = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))


@given(pairs, pairs)
def test_order_is_that_of_the_pairs(new: tuple[int, int], last: tuple[int, int]) -> None:
    expected = None if new > last else Reason.REPLAYED if new == last else Reason.COUNTER_BACK
    assert order(*new, *last) is expected
