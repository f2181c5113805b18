"""The card's state machine. Pure: a status and an event in, the next status out; a status is a state and what the
network is told.

            bind              alert, recheck, restrict       suspend, expire, operator
    STOCK ───────▶ BOUND ◀───────────────────────▶ WARNED ─────────────────▶ SUSPENDED
                     ▲      affirmed, operator                                │      ▲
                     │                               fresh affirming Evidence │      │ contradicted,
                     │                                            or operator ▼      │ deadline
                     └────────────────────────────────────────────── REVERIFYING ────┘
                                  fresh affirming Evidence, operator

A warned card is in use, wholly or restricted. A card that is taken from its device goes back to STOCK; a suspended one
stays so. Any state may be retired; a retired card stays so.
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
    RESTRICTED = "restricted"
    """Of what the target can take from it, everything but what its attestation travels by."""
    BARRED = "barred"


class Event(StrEnum):
    BIND = "bind"
    UNBIND = "unbind"
    """An operator takes the card from its device."""
    AFFIRM = "affirm"
    """Affirming Evidence whose nonce was issued since the card entered its state."""
    ALERT = "alert"
    RECHECK = "recheck"
    """A second check (二次核验) is due by a deadline."""
    RESTRICT = "restrict"
    SUSPEND = "suspend"
    OPEN = "open"
    """An operator lets the card into the network again, to be re-verified there."""
    LIFT = "lift"
    """An operator lifts the suspension, or the warning, without re-verification."""
    EXPIRE = "expire"
    """The deadline of a re-verification or of a second check passed."""
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
_RESTRICTED = Status(State.WARNED, Access.RESTRICTED)
_SUSPENDED = Status(State.SUSPENDED, Access.BARRED)
_REVERIFYING_BARRED = Status(State.REVERIFYING, Access.BARRED)
_REVERIFYING_OPEN = Status(State.REVERIFYING, Access.ALLOWED)
_RETIRED = Status(State.RETIRED, Access.BARRED)

_ANYWHERE = {Event.SUSPEND: _SUSPENDED, Event.RETIRE: _RETIRED}
_WARNINGS = {Event.ALERT: _WARNED, Event.RECHECK: _WARNED, Event.RESTRICT: _RESTRICTED}
_IN_USE = {**_ANYWHERE, **_WARNINGS, Event.BIND: _BOUND, Event.AFFIRM: _BOUND}

_RULES: dict[Status, dict[Event, Status]] = {
    NEW: {**_ANYWHERE, **dict.fromkeys(_WARNINGS, NEW), Event.BIND: _BOUND},
    _BOUND: {**_IN_USE, Event.UNBIND: NEW},
    _WARNED: {**_IN_USE, Event.UNBIND: NEW, Event.LIFT: _BOUND, Event.EXPIRE: _SUSPENDED},
    _RESTRICTED: {
        **_IN_USE,
        **dict.fromkeys(_WARNINGS, _RESTRICTED),
        Event.LIFT: _BOUND,
        Event.EXPIRE: _SUSPENDED,
    },
    _SUSPENDED: {
        **_ANYWHERE,
        **dict.fromkeys(_WARNINGS, _SUSPENDED),
        Event.BIND: _SUSPENDED,
        Event.UNBIND: _SUSPENDED,
        Event.AFFIRM: _REVERIFYING_BARRED,
        Event.OPEN: _REVERIFYING_OPEN,
        Event.LIFT: _BOUND,
    },
    _RETIRED: dict.fromkeys((*_ANYWHERE, *_WARNINGS), _RETIRED),
}
_RULES[_REVERIFYING_BARRED] = _RULES[_REVERIFYING_OPEN] = {
    **_ANYWHERE,
    **dict.fromkeys(_WARNINGS, _SUSPENDED),
    Event.BIND: _SUSPENDED,
    Event.UNBIND: _SUSPENDED,
    Event.AFFIRM: _BOUND,
    Event.OPEN: _REVERIFYING_OPEN,
    Event.LIFT: _BOUND,
    Event.EXPIRE: _SUSPENDED,
}

STATUSES = tuple(_RULES)
"""Every status that a card can have."""


def transition(status: Status, event: Event, *, has_device: bool = True) -> Status:
    """The status after the event. Raises Refused where the rules have no answer.

    has_device: what leads back to BOUND leads to STOCK where the card was never bound.
    """
    try:
        after = _RULES[status][event]
    except KeyError:
        raise Refused(status, event) from None
    return NEW if after == _BOUND and not has_device else after
