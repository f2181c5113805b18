"""The card's state machine. Pure: a state and an event in, the next state and whether the network lets it in out.

            bind              sign: alert             sign: suspend, operator
    STOCK ───────▶ BOUND ◀───────────────▶ WARNED ─────────────────▶ SUSPENDED
                     ▲      affirmed                                  │      ▲
                     │                       fresh affirming Evidence │      │ contradicted,
                     │                                    or operator ▼      │ deadline
                     └──────────────────────────────────────── REVERIFYING ──┘
                                  fresh affirming Evidence

Any state may be retired; a retired card stays so.
"""

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    STOCK = "stock"
    BOUND = "bound"
    WARNED = "warned"
    SUSPENDED = "suspended"
    REVERIFYING = "reverifying"
    RETIRED = "retired"


class Access(StrEnum):
    """What the network is told about the card."""

    ALLOWED = "allowed"
    BARRED = "barred"


class Event(StrEnum):
    BIND = "bind"
    AFFIRM = "affirm"
    """Affirming Evidence whose nonce was issued since the card entered its state."""
    ALERT = "alert"
    SUSPEND = "suspend"
    OPEN = "open"
    """An operator lets the card into the network again, to be re-verified there."""
    LIFT = "lift"
    """An operator lifts the suspension without re-verification."""
    EXPIRE = "expire"
    """The deadline of a re-verification passed."""
    RETIRE = "retire"


class Status(NamedTuple):
    state: State
    access: Access


class Refused(ValueError):
    """An event that the card's state does not allow."""

    def __init__(self, status: Status, event: Event) -> None:
        super().__init__(f"a card that is {status.state} takes no '{event}'")
        self.status = status
        self.event = event


NEW = Status(State.STOCK, Access.ALLOWED)
_BOUND = Status(State.BOUND, Access.ALLOWED)
_WARNED = Status(State.WARNED, Access.ALLOWED)
_SUSPENDED = Status(State.SUSPENDED, Access.BARRED)
_REVERIFYING_BARRED = Status(State.REVERIFYING, Access.BARRED)
_REVERIFYING_OPEN = Status(State.REVERIFYING, Access.ALLOWED)
_RETIRED = Status(State.RETIRED, Access.BARRED)

_RULES: dict[State, dict[Event, Status]] = {
    State.STOCK: {
        Event.BIND: _BOUND,
        Event.SUSPEND: _SUSPENDED,
        Event.ALERT: NEW,
        Event.RETIRE: _RETIRED,
    },
    State.BOUND: {
        Event.BIND: _BOUND,
        Event.AFFIRM: _BOUND,
        Event.ALERT: _WARNED,
        Event.SUSPEND: _SUSPENDED,
        Event.RETIRE: _RETIRED,
    },
    State.WARNED: {
        Event.BIND: _BOUND,
        Event.AFFIRM: _BOUND,
        Event.ALERT: _WARNED,
        Event.SUSPEND: _SUSPENDED,
        Event.RETIRE: _RETIRED,
    },
    State.SUSPENDED: {
        Event.BIND: _SUSPENDED,
        Event.AFFIRM: _REVERIFYING_BARRED,
        Event.ALERT: _SUSPENDED,
        Event.SUSPEND: _SUSPENDED,
        Event.OPEN: _REVERIFYING_OPEN,
        Event.LIFT: _BOUND,
        Event.RETIRE: _RETIRED,
    },
    State.REVERIFYING: {
        Event.BIND: _SUSPENDED,
        Event.AFFIRM: _BOUND,
        Event.ALERT: _SUSPENDED,
        Event.SUSPEND: _SUSPENDED,
        Event.OPEN: _REVERIFYING_OPEN,
        Event.LIFT: _BOUND,
        Event.EXPIRE: _SUSPENDED,
        Event.RETIRE: _RETIRED,
    },
    State.RETIRED: {Event.RETIRE: _RETIRED, Event.ALERT: _RETIRED, Event.SUSPEND: _RETIRED},
}


def transition(status: Status, event: Event, *, has_device: bool = True) -> Status:
    """The status after the event. Raises Refused where the rules have no answer.

    has_device: a suspension that is lifted leads back to STOCK where the card was never bound.
    """
    try:
        after = _RULES[status.state][event]
    except KeyError:
        raise Refused(status, event) from None
    return NEW if after == _BOUND and not has_device else after
