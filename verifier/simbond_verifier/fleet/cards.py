"""What operators order about cards."""

from typing import Any

from sqlalchemy import Connection, select, update

from ..appraisal import Card, Device
from ..binding import is_model_allowed, within_quota
from ..card_import import SIM_KEY_FORM, read_sim_key
from ..lifecycle import Event, Refused, State
from ..refusal import Conflict, Invalid
from ..scenario import Scenarios
from ..store import accusations, bindings, cards, signs, swaps
from ..store.schema import card
from . import lookup


def bind(
    connection: Connection,
    iccid: str,
    kid: str,
    *,
    scenario: str | None,
    scenarios: Scenarios,
    actor: str,
    now: float,
    force: bool = False,
    **why: Any,
) -> Card:
    """Binds a card to a device in a scenario (the card's own unless stated). force: beyond the scenario's quota."""
    found = lookup.find_card(connection, iccid)
    name = scenario or found.scenario
    holder = _next_holder(connection, found, kid, name, scenarios, now, force)
    other = bindings.in_the_way(connection, found, holder.id, scenarios, now, name)
    if other is not None:
        raise Conflict("device-bound", f"Device {kid} is bound to card {other.iccid}; bind that one elsewhere first.")
    if found.device_id == holder.id and found.scenario == name:
        return found
    try:
        return bindings.bind(connection, found, holder.id, scenario=name, at=now, actor=actor, **why)
    except Refused as e:
        raise _state(found, e) from None


def require_first(connection: Connection, iccid: str, kid: str) -> None:
    """That a card may be bound to a device without anybody looking at it: it is new, or bound to that device already.
    One that was taken from its device stays where it was put. Raises NotFound, Conflict."""
    found, holder = lookup.find_card(connection, iccid), lookup.find_device(connection, kid)
    if found.device_id == holder["id"]:
        return
    if found.status.state is not State.STOCK or bindings.history(connection, found.id):
        raise Conflict(
            "card-used",
            f"Card {iccid} is no new one ({found.status.state}): a person decides. If it belongs into this device: "
            f"simbond cards bind {iccid} --device {kid}",
        )


def unbind(connection: Connection, iccid: str, *, reason: str, actor: str, now: float, **why: Any) -> Card:
    """Takes a card from its device, which is free for another one then. A suspended card stays suspended."""
    found = lookup.find_card(connection, iccid)
    if found.device_id is None:
        raise Conflict("not-bound", f"Card {iccid} is not bound to any device.")
    try:
        return bindings.unbind(connection, found, at=now, actor=actor, reason=reason, **why)
    except Refused as e:
        raise _state(found, e) from None


def open_swap(
    connection: Connection,
    iccid: str,
    kid: str,
    *,
    reason: str,
    scenarios: Scenarios,
    actor: str,
    now: float,
    force: bool = False,
    **why: Any,
) -> Card:
    """Lets another device take a card over within its scenario's grace window. force: beyond the scenario's quota.
    Whether that device is free then is seen then: two cards may change places."""
    found = lookup.find_card(connection, iccid)
    if found.device_id is None:
        raise Conflict("not-bound", f"Card {iccid} is not bound to any device; bind it: 'simbond cards bind'.")
    if found.status.state not in (State.BOUND, State.WARNED):
        raise Conflict(
            "state", f"Card {iccid} is {found.status.state}; resume it before its device is swapped.",
            state=found.status.state,
        )  # fmt: skip
    holder = _next_holder(connection, found, kid, found.scenario, scenarios, now, force)
    if holder.id == found.device_id:
        raise Conflict("same-device", f"Card {iccid} is bound to device {kid} already.")
    scenario = scenarios.get(found.scenario)
    assert scenario is not None  # or it has no next holder
    until = now + scenario.swap.grace_s
    return swaps.open_(connection, found, holder.id, until=until, at=now, actor=actor, reason=reason, **why)


def _next_holder(
    connection: Connection, found: Card, kid: str, name: str, scenarios: Scenarios, now: float, force: bool
) -> Device:
    """A device that a card of this scenario may move to. Raises NotFound, Conflict, Invalid."""
    row = lookup.find_device(connection, kid)
    if row["revoked_at"] is not None:
        raise Conflict("device-revoked", f"The key of device {kid} is revoked; enrol its new key first.")
    use = scenarios.get(name)
    if use is None:
        raise Invalid(
            "scenario-unknown", f"Scenario '{name}' is not loaded; the server has: {', '.join(scenarios.names())}."
        )
    holder = Device(row["id"], row["imei"], row["imei2"])
    if not is_model_allowed(holder.imei, use):
        raise Conflict("model-not-allowed", f"Scenario '{name}' does not allow devices of TAC {holder.imei[:8]}.")
    if not force and not within_quota(bindings.history(connection, found.id), holder.id, use, now):
        raise Conflict(
            "rebind-quota",
            f"Card {found.iccid} has moved {use.binding.rebinds} times within {use.binding.rebinds_within_s} s, which "
            f"is as often as scenario '{name}' allows. Find out why; to move it all the same takes 'force' and "
            "another person.",
        )
    return holder


def suspend(connection: Connection, iccid: str, *, reason: str, actor: str, now: float) -> Card:
    """Suspends a card by an operator's decision, which no Evidence lifts."""
    return _change(
        connection, lookup.find_card(connection, iccid), Event.SUSPEND, actor=actor, now=now, hold=True, reason=reason
    )


def resume(
    connection: Connection,
    iccid: str,
    *,
    reason: str,
    reverify: bool,
    scenarios: Scenarios,
    actor: str,
    now: float,
    **why: Any,
) -> Card:
    """Lets a suspended card into the network again: to be re-verified there before the scenario's deadline, or, with
    reverify false, for good."""
    found = lookup.find_card(connection, iccid)
    if not reverify or found.device_id is None:
        signs.forget(connection, found.id, now)
        return _change(connection, found, Event.LIFT, actor=actor, now=now, reason=reason, **why)
    scenario = scenarios.get(found.scenario)
    if scenario is None:
        raise Conflict(
            "scenario-unknown", f"Scenario '{found.scenario}' of this card is not loaded; it cannot be re-verified."
        )
    deadline = now + scenario.reverification.deadline_s
    return _change(connection, found, Event.OPEN, actor=actor, now=now, deadline=deadline, reason=reason, **why)


def retire(connection: Connection, iccid: str, *, reason: str, actor: str, now: float, **why: Any) -> Card:
    """Takes a card out of use for good: barred, and free of its device."""
    found = lookup.find_card(connection, iccid)
    after = _change(connection, found, Event.RETIRE, actor=actor, now=now, reason=reason, **why)
    free = update(card).where(card.c.id == found.id)
    connection.execute(free.values(device_id=None, swap_device_id=None, swap_until=None))
    accusations.settle(connection, found.id, now)
    return after


def set_sim_key(connection: Connection, iccid: str, key: str | None, *, reason: str, actor: str, now: float) -> None:
    """Registers the public key on a card's SIM (card_import.SIM_KEY_FORM), or with None removes it."""
    found = lookup.find_card(connection, iccid)
    point = None if key is None else read_sim_key(key)
    if key is not None and point is None:
        raise Invalid("sim-key-invalid", f"The key is not {SIM_KEY_FORM}.")
    if found.sim_key == point:
        return
    if point is not None:
        holder = connection.execute(select(card.c.iccid).where(card.c.sim_key == point)).scalar()
        if holder is not None:
            raise Conflict("sim-key-registered", f"Card {holder} has this SIM key already; every SIM has its own.")
    connection.execute(update(card).where(card.c.id == found.id).values(sim_key=point))
    kind = "sim-key-removed" if point is None else "sim-key-registered"
    cards.record(connection, found, kind, at=now, actor=actor, reason=reason)


def _change(connection: Connection, found: Card, what: Event, *, actor: str, now: float, **more: Any) -> Card:
    try:
        return cards.change(connection, found, what, at=now, actor=actor, **more)
    except Refused as e:
        raise _state(found, e) from None


def _state(found: Card, e: Refused) -> Conflict:
    return Conflict("state", f"Card {found.iccid}: {e}. {lookup.instead(e.status.state)}", state=e.status.state)
