"""The state machine, walked at random."""

from hypothesis import given
from hypothesis import strategies as st

from simbond_verifier.lifecycle import NEW, Access, Event, Refused, State, Status, transition


def walk(events: list[Event]) -> list[tuple[Status, Event, Status]]:
    steps, status = [], NEW
    for event in events:
        try:
            after = transition(status, event)
        except Refused:
            continue
        steps.append((status, event, after))
        status = after
    return steps


walks = st.lists(st.sampled_from(list(Event)), max_size=30).map(walk)


@given(walks)
def test_only_affirming_evidence_or_an_operator_leads_out_of_suspension(steps: list) -> None:
    for before, event, after in steps:
        if before.access is Access.BARRED and after.access is Access.ALLOWED:
            assert event in (Event.AFFIRM, Event.OPEN, Event.LIFT)
        if before.state is State.SUSPENDED and after.state not in (State.SUSPENDED, State.RETIRED):
            assert event in (Event.AFFIRM, Event.OPEN, Event.LIFT)


@given(walks)
def test_evidence_alone_takes_two_steps_out_of_suspension(steps: list) -> None:
    """One piece of Evidence must never lift a suspension: it could have been made before."""
    for before, event, after in steps:
        if before.state is State.SUSPENDED and event is Event.AFFIRM:
            assert after == Status(State.REVERIFYING, Access.BARRED)


@given(walks)
def test_a_suspended_card_is_barred_and_a_bound_one_is_not(steps: list) -> None:
    for _, _, after in steps:
        if after.state in (State.SUSPENDED, State.RETIRED):
            assert after.access is Access.BARRED
        if after.state in (State.BOUND, State.STOCK):
            assert after.access is Access.ALLOWED
        if after.state is State.WARNED:
            assert after.access in (Access.ALLOWED, Access.RESTRICTED)


@given(walks)
def test_retired_is_for_good(steps: list) -> None:
    for before, _, after in steps:
        if before.state is State.RETIRED:
            assert after.state is State.RETIRED


@given(walks)
def test_every_suspension_can_be_lifted_by_an_operator(steps: list) -> None:
    for _, _, after in steps:
        if after.state in (State.SUSPENDED, State.REVERIFYING):
            assert transition(after, Event.LIFT) == Status(State.BOUND, Access.ALLOWED)
            assert transition(after, Event.LIFT, has_device=False) == NEW


@given(walks)
def test_any_state_takes_a_suspension(steps: list) -> None:
    for _, _, after in steps:
        assert transition(after, Event.SUSPEND).access is Access.BARRED
