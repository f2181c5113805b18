"""The state machine, walked at random."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_verifier.lifecycle import NEW, Access, Event, Refused, State, Status, transition
from support.states import MAY

BOUND = Status(State.BOUND, Access.ALLOWED)
RESTRICTED = Status(State.WARNED, Access.RESTRICTED)
AFFIRMED_OR_ORDERED = (Event.AFFIRM, Event.OPEN, Event.LIFT)

Step = tuple[Status, Event, Status]


def walk(events: list[Event]) -> list[Step]:
    steps, status, has_device = [], NEW, False
    for event in events:
        try:
            after = transition(status, event, has_device=has_device or event is Event.BIND)
        except Refused:
            continue
        has_device = event is Event.BIND or (has_device and event not in (Event.UNBIND, Event.RETIRE))
        steps.append((status, event, after))
        status = after
    return steps


walks = st.lists(st.sampled_from(list(Event)), max_size=30).map(walk)


@given(walks)
def test_only_affirming_evidence_or_an_operator_leads_out_of_suspension(steps: list[Step]) -> None:
    for before, event, after in steps:
        if before.access is Access.BARRED and after.access is not Access.BARRED:
            assert event in AFFIRMED_OR_ORDERED
        if before.state is State.SUSPENDED and after.state not in (State.SUSPENDED, State.RETIRED):
            assert event in AFFIRMED_OR_ORDERED


@given(walks)
def test_evidence_alone_takes_two_steps_out_of_suspension(steps: list[Step]) -> None:
    """One piece of Evidence must never lift a suspension: it could have been made before."""
    for before, event, after in steps:
        if before.state is State.SUSPENDED and event is Event.AFFIRM:
            assert after == Status(State.REVERIFYING, Access.BARRED)


@given(walks)
def test_every_state_has_the_access_that_it_may_have(steps: list[Step]) -> None:
    """Nothing is ever both."""
    for _, _, after in steps:
        assert after.access in MAY[after.state]


@given(walks)
def test_retired_is_for_good(steps: list[Step]) -> None:
    for before, _, after in steps:
        if before.state is State.RETIRED:
            assert after.state is State.RETIRED


@given(walks)
def test_whatever_cuts_off_is_reversible_by_an_operator_or_an_appeal(steps: list[Step]) -> None:
    for before, _, after in steps:
        weaker = before.access is not after.access and after.access is not Access.ALLOWED
        if (weaker or after.state is State.REVERIFYING) and after.state is not State.RETIRED:
            assert transition(after, Event.LIFT) == BOUND
            assert transition(after, Event.LIFT, has_device=False) == NEW


@given(walks)
def test_any_state_takes_a_suspension(steps: list[Step]) -> None:
    for _, _, after in steps:
        assert transition(after, Event.SUSPEND).access is Access.BARRED


@given(walks)
def test_a_milder_sign_takes_back_nothing(steps: list[Step]) -> None:
    for before, event, after in steps:
        if event in (Event.ALERT, Event.RECHECK, Event.RESTRICT):
            gravity = [Access.ALLOWED, Access.RESTRICTED, Access.BARRED]
            assert gravity.index(after.access) >= gravity.index(before.access)


@given(walks)
def test_a_restriction_ends_by_affirming_evidence_or_a_decision_over_the_card(steps: list[Step]) -> None:
    for before, event, after in steps:
        if before == RESTRICTED and after.access is Access.ALLOWED:
            assert event in (Event.AFFIRM, Event.LIFT, Event.BIND)


@given(walks)
def test_a_check_that_runs_out_bars(steps: list[Step]) -> None:
    for before, event, after in steps:
        if event is Event.EXPIRE:
            assert before.state in (State.WARNED, State.REVERIFYING)
            assert after == Status(State.SUSPENDED, Access.BARRED)


@given(walks)
def test_taking_a_card_from_its_device_lifts_nothing(steps: list[Step]) -> None:
    for before, event, after in steps:
        if event is Event.UNBIND:
            assert after in (NEW, Status(State.SUSPENDED, Access.BARRED))
            assert (after == NEW) is (before.access is Access.ALLOWED and before.state is not State.REVERIFYING)


@pytest.mark.parametrize("event", [Event.RECHECK, Event.RESTRICT, Event.ALERT])
def test_a_card_in_the_stock_is_watched_and_not_warned(event: Event) -> None:
    assert transition(NEW, event) == NEW


def test_a_restricted_card_is_decided_over_before_it_is_taken_from_its_device() -> None:
    with pytest.raises(Refused):
        transition(RESTRICTED, Event.UNBIND)


@given(walks, st.sampled_from(list(Event)))
def test_a_card_without_a_device_is_never_bound(steps: list[Step], event: Event) -> None:
    for _, _, after in steps:
        if after.state in (State.SUSPENDED, State.REVERIFYING) and event is not Event.BIND:
            try:
                assert transition(after, event, has_device=False).state is not State.BOUND
            except Refused:
                continue
