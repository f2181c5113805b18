"""What operators order about cards."""

from typing import Any

from sqlalchemy import Connection, select, update

from ..appraisal import Card
from ..card_import import SIM_KEY_FORM, read_sim_key
from ..lifecycle import Event, Refused
from ..refusal import Conflict, Invalid
from ..scenario import Scenarios
from ..store import accusations, cards
from ..store.schema import card, device
from . import lookup


def bind(
    connection: Connection, iccid: str, kid: str, *, scenario: str | None, scenarios: Scenarios, actor: str, now: float
) -> Card:
    """Binds a card to a device in a scenario (the card's own unless stated)."""
    found = lookup.find_card(connection, iccid)
    holder = lookup.find_device(connection, kid)
    if holder["revoked_at"] is not None:
        raise Conflict("device-revoked", f"The key of device {kid} is revoked; enrol its new key first.")
    name = scenario or found.scenario
    use = scenarios.get(name)
    if use is None:
        raise Invalid(
            "scenario-unknown", f"Scenario '{name}' is not loaded; the server has: {', '.join(scenarios.names())}."
        )
    if use.models.tac and holder["imei"][:8] not in use.models.tac:
        raise Conflict("model-not-allowed", f"Scenario '{name}' does not allow devices of TAC {holder['imei'][:8]}.")
    other = connection.execute(
        select(card.c.iccid).where(card.c.device_id == holder["id"], card.c.id != found.id)
    ).first()
    if other is not None:
        raise Conflict("device-bound", f"Device {kid} is bound to card {other.iccid}; bind that one elsewhere first.")
    if found.device_id == holder["id"] and found.scenario == name:
        return found
    connection.execute(update(card).where(card.c.id == found.id).values(device_id=holder["id"], scenario=name))
    connection.execute(update(device).where(device.c.id == holder["id"]).values(absent=False))
    accusations.settle(connection, found.id, now)
    return _change(
        connection,
        found._replace(device_id=holder["id"], scenario=name),
        Event.BIND,
        actor=actor,
        now=now,
        device_id=holder["id"],
        scenario=name,
    )


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
) -> Card:
    """Lets a suspended card into the network again: to be re-verified there before the scenario's deadline, or, with
    reverify false, for good."""
    found = lookup.find_card(connection, iccid)
    if not reverify or found.device_id is None:
        return _change(connection, found, Event.LIFT, actor=actor, now=now, reason=reason)
    scenario = scenarios.get(found.scenario)
    if scenario is None:
        raise Conflict(
            "scenario-unknown", f"Scenario '{found.scenario}' of this card is not loaded; it cannot be re-verified."
        )
    deadline = now + scenario.reverification.deadline_s
    return _change(connection, found, Event.OPEN, actor=actor, now=now, deadline=deadline, reason=reason)


def retire(connection: Connection, iccid: str, *, reason: str, actor: str, now: float) -> Card:
    """Takes a card out of use for good: barred, and free of its device."""
    found = lookup.find_card(connection, iccid)
    after = _change(connection, found, Event.RETIRE, actor=actor, now=now, reason=reason)
    connection.execute(update(card).where(card.c.id == found.id).values(device_id=None))
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
        raise Conflict("state", f"Card {found.iccid}: {e}.", state=e.status.state) from None
