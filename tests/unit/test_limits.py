"""Rates: what a client may send, and that remembering it takes bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_verifier.api.limits import Rate, Throttle
from simbond_verifier.policy import Limits, parse


def test_a_burst_and_then_the_rate() -> None:
    rate = Rate(per_s=2, burst=3)
    assert [rate.take("a", 100.0) for _ in range(4)] == [0.0, 0.0, 0.0, pytest.approx(0.5)]
    assert rate.take("b", 100.0) == 0.0, "every key has its own"
    assert rate.take("a", 100.5) == 0.0
    assert rate.take("a", 100.5) == pytest.approx(0.5)


def test_a_batch_costs_what_is_in_it_and_never_more_than_can_be_had() -> None:
    rate = Rate(per_s=10, burst=100)
    assert rate.take("a", 0.0, 90) == 0.0
    assert rate.take("a", 0.0, 20) == pytest.approx(1.0)
    assert rate.take("b", 0.0, 1000) == 0.0
    assert rate.take("b", 0.0, 1) == pytest.approx(0.1)


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(1, 5)), max_size=60), st.floats(0.5, 20), st.integers(1, 30))
def test_nobody_gets_more_than_burst_and_rate(steps: list[tuple[float, int]], per_s: float, burst: int) -> None:
    rate, now, taken = Rate(per_s, burst), 0.0, 0
    for pause, cost in steps:
        now += pause
        wait = rate.take("a", now, cost)
        taken += 0 if wait else min(cost, burst)
        assert taken <= burst + per_s * now + 1e-6
        if wait:
            assert rate.wait_s("a", now + wait + 1e-6, cost) == 0.0, "what is said to suffice does"


def test_the_memory_is_bounded_and_those_who_wait_are_kept_longest() -> None:
    rate = Rate(per_s=1, burst=1, keys=80)
    for n in range(80):
        rate.spend(n, 0.0)
    rate.spend("late", 0.5)
    assert rate.wait_s(0, 0.5) == 0.0, "the eighth that came first is forgotten"
    assert rate.wait_s(79, 0.5) > 0
    for n in range(10_000):
        rate.spend(("x", n), 1.0)
    assert len(rate._full_at) <= 80


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::"),
        ("127.0.0.9", ""),
        ("::1", ""),
        ("@socket", "@socket"),
    ],
)
def test_who_counts_as_one_client(address: str, origin: str) -> None:
    assert Throttle(Limits()).origin(address) == origin


def test_refusals_have_a_rate_of_their_own() -> None:
    throttle = Throttle(Limits(address_per_s=1000, refused_per_s=1, refused_burst=2))
    for _ in range(2):
        assert throttle.address_wait_s("192.0.2.7", 0.0) == 0.0
        throttle.refused("192.0.2.7", 0.0)
    assert throttle.address_wait_s("192.0.2.7", 0.0) == pytest.approx(1.0)
    assert throttle.address_wait_s("192.0.2.8", 0.0) == 0.0


def test_one_address_cannot_use_up_a_device_s_share_at_another() -> None:
    throttle = Throttle(Limits(device_per_s=1, device_burst=1))
    kid = bytes(8)
    assert throttle.device_wait_s(kid, "192.0.2.7", 0.0) == 0.0
    assert throttle.device_wait_s(kid, "192.0.2.7", 0.0) > 0
    assert throttle.device_wait_s(kid, "192.0.2.8", 0.0) == 0.0


def test_exempt_networks_come_from_the_policy() -> None:
    limits = parse('[limits]\nexempt = ["198.51.100.0/24"]\n', "p.toml").limits
    assert Throttle(limits).origin("198.51.100.20") == ""
    assert Throttle(limits).origin("127.0.0.1") == "127.0.0.1"
