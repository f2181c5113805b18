"""What operators decide, alone or by two (docs/deciding.md): an order is carried out at once, or asked for and carried
out when another person agrees."""

from typing import Any

from sqlalchemy import Connection, select

from . import fleet
from .appraisal import Card
from .lifecycle import State
from .policy import Policy
from .reasons import Reason
from .refusal import NotFound
from .scenario import Scenarios
from .store import cards, erasure, gate, proposals
from .store.proposals import Kind, Order, Proposal
from .store.schema import device

AT_ONCE = 100
"""What one unit of work carries out of a long order: the ingest waits for it."""


def about_card(
    connection: Connection, kind: Kind, iccid: str, *, reason: str, kid: str | None = None, **detail: Any
) -> Order:
    """An order about a card, and a device where the kind takes one. Raises NotFound, Invalid."""
    found = fleet.lookup.find_card(connection, iccid)
    holder = None if kid is None else fleet.lookup.find_device(connection, kid)["id"]
    return Order(kind, reason, found.id, holder, detail)


def about_device(connection: Connection, kind: Kind, kid: str, *, reason: str, **detail: Any) -> Order:
    """An order about a device and no card. Raises NotFound, Invalid."""
    return Order(kind, reason, device_id=fleet.lookup.find_device(connection, kid)["id"], detail=detail)


def about_withheld(connection: Connection, kind: Kind, withheld_id: int, *, reason: str) -> Order:
    """An order about one thing that was withheld. Raises NotFound, Conflict."""
    found = gate.find(connection, withheld_id)
    return Order(kind, reason, found.card_id, detail={"withheld": found.id, "rule": found.rule.value})


def about_rule(connection: Connection, kind: Kind, rule: Reason, *, reason: str) -> Order:
    """An order about everything of a rule that is withheld now. Raises NotFound."""
    number = gate.how_many_wait(connection).get(rule, 0)
    if not number:
        raise NotFound("nothing-withheld", f"Nothing of the rule {rule} waits for a decision.")
    return Order(
        kind, reason, detail={"rule": rule.value, "up_to": gate.last_waiting(connection, rule), "cards": number}
    )


class Decisions:
    """Decides by a policy who may do what alone."""

    def __init__(self, scenarios: Scenarios, policy: Policy) -> None:
        self._scenarios = scenarios
        self._policy = policy

    def take(self, connection: Connection, order: Order, *, actor: str, now: float) -> int | None:
        """Carries an order out: None. Where it takes two, has it wait: the proposal's id. Raises Refusal where it could
        not be carried out."""
        if not self._takes_two(connection, order):
            self._carry_out(connection, order, actor=actor, now=now)
            return None
        # What cannot be done is not asked for.
        trial = connection.begin_nested()
        try:
            self._carry_out(connection, order, actor=actor, now=now)
        finally:
            trial.rollback()
        expires_s = self._policy.two_persons.expires_s
        return proposals.ask(connection, order, actor=actor, now=now, expires_s=expires_s)

    def approve(self, connection: Connection, proposal_id: int, *, words: str, actor: str, now: float) -> Proposal:
        """A second person agrees: carries the order out. Raises Refusal."""
        found = proposals.approve(connection, proposal_id, words=words, actor=actor, now=now)
        self._carry_out(connection, found.order, actor=actor, now=now, decision=found.id, asked_by=found.asked_by)
        return found

    def go_on(self, connection: Connection, order: Order, *, actor: str, now: float, **why: Any) -> bool:
        """Carries out the next part of a long order. Whether there may be more."""
        if order.kind not in (Kind.RELEASE_ALL, Kind.DISMISS_ALL):
            return False
        do = gate.release if order.kind is Kind.RELEASE_ALL else gate.dismiss
        rule, up_to = Reason(order.detail["rule"]), order.detail["up_to"]
        some = gate.waiting(connection, rule=rule, up_to=up_to, limit=AT_ONCE)
        for found in some:
            do(connection, found.id, reason=order.reason, actor=actor, now=now, **why)
        return len(some) == AT_ONCE

    def _takes_two(self, connection: Connection, order: Order) -> bool:
        two = self._policy.two_persons
        match order.kind:
            case Kind.SWAP:
                return True
            case Kind.RELEASE | Kind.RELEASE_ALL | Kind.START_RULE:
                return two.release
            case Kind.START_ALL:
                return two.release and gate.kill_switch(connection) is not None
            case Kind.RETIRE:
                return two.retire
            case Kind.ERASE:
                return two.erase
            case Kind.SECOND_SLOT:
                return two.rebind
            case Kind.DISMISS | Kind.DISMISS_ALL:
                return False
        assert order.card_id is not None
        found = cards.by_id(connection, order.card_id)
        if order.kind is Kind.RESUME:
            return two.resume and (not order.detail["reverify"] or found.device_id is None)
        # Another device, or none, is a way out of a warning or a suspension, too.
        lifts = two.resume and found.status.state in (State.WARNED, State.SUSPENDED, State.REVERIFYING)
        return lifts or (two.rebind and _moves(found, order)) or bool(order.detail.get("force"))

    def _carry_out(self, connection: Connection, order: Order, *, actor: str, now: float, **why: Any) -> None:
        """Does what an order says, or the first part of it. why: for the history."""
        told: dict[str, Any] = {"actor": actor, "now": now} | why
        if order.reason:
            told["reason"] = order.reason
        detail = order.detail
        match order.kind:
            case Kind.RELEASE:
                gate.release(connection, detail["withheld"], **told)
            case Kind.DISMISS:
                gate.dismiss(connection, detail["withheld"], **told)
            case Kind.RELEASE_ALL | Kind.DISMISS_ALL:
                self.go_on(connection, order, actor=actor, now=now, **why)
            case Kind.START_RULE:
                gate.start_again(connection, Reason(detail["rule"]), **told)
            case Kind.START_ALL:
                gate.set_kill_switch(connection, False, **told)
            case Kind.SECOND_SLOT:
                fleet.set_imei2(connection, _kid(connection, order), detail["imei2"], **told)
            case _:
                self._order_card(connection, order, told)

    def _order_card(self, connection: Connection, order: Order, told: dict[str, Any]) -> None:
        assert order.card_id is not None
        iccid = cards.by_id(connection, order.card_id).iccid
        more: dict[str, Any] = told | order.detail
        match order.kind:
            case Kind.BIND:
                fleet.bind(connection, iccid, _kid(connection, order), scenarios=self._scenarios, **more)
            case Kind.UNBIND:
                fleet.unbind(connection, iccid, **more)
            case Kind.SWAP:
                fleet.open_swap(connection, iccid, _kid(connection, order), scenarios=self._scenarios, **more)
            case Kind.RESUME:
                fleet.resume(connection, iccid, scenarios=self._scenarios, **more)
            case Kind.RETIRE:
                fleet.retire(connection, iccid, **more)
            case Kind.ERASE:
                erasure.erase(connection, cards.by_id(connection, order.card_id), **more)


def _moves(found: Card, order: Order) -> bool:
    """Whether a bound card would have another device, none, or the same one under other rules."""
    scenario = order.detail.get("scenario") or found.scenario
    return found.device_id is not None and (order.device_id, scenario) != (found.device_id, found.scenario)


def _kid(connection: Connection, order: Order) -> str:
    """What the device's key is called now: it may have been rotated since."""
    kid: bytes = connection.execute(select(device.c.kid).where(device.c.id == order.device_id)).scalar_one()
    return kid.hex()
