"""A check on site: which order the device on the cable is about, and what its answer proves."""

from pathlib import Path

from simbond_tools.field.console import Console
from simbond_tools.i18n import _
from simbond_verifier.work_orders import ticket as tickets
from simbond_verifier.work_orders.bundle import Bundle, Kind, WorkOrder
from simbond_verifier.work_orders.finding import Finding, Judgement, judge
from simbond_verifier.work_orders.proof import Proof

from . import pins
from .errors import NotInOrders

_NAMED = 10


def choose(bundle: Bundle, number: int | None, kid: str | None) -> WorkOrder:
    """The order to check: the one with that number, or the one about the device whose key id (hex) the agent stated, or
    the only one there is. Raises NotInOrders."""
    orders = [order for order in bundle.orders if order.kind is Kind.CHECK]
    if not orders:
        raise NotInOrders(
            _(
                "None of your work orders is a check: 'simbond work-orders fetch' brings new ones, 'simbond swap' "
                "carries out a swap."
            )
        )
    if number is not None:
        orders = [order for order in orders if order.number == number]
        if not orders:
            raise NotInOrders(
                _("There is no work order {number} to check among yours: {orders}.").format(
                    number=number, orders=_named(bundle)
                )
            )
    elif len(orders) > 1:
        orders = [order for order in orders if order.ticket.kid.hex() == kid]
    if not orders:
        raise NotInOrders(
            _(
                "The device on the cable (key {kid}) is in none of your work orders: {orders}. If the device of one "
                "of them should be here, name it: 'simbond check NUMBER'."
            ).format(kid=kid, orders=_named(bundle))
        )
    if len(orders) > 1:
        numbers = ", ".join(str(order.number) for order in orders)
        raise NotInOrders(
            _("Work orders {numbers} are about this device; say which: 'simbond check NUMBER'.").format(numbers=numbers)
        )
    return orders[0]


def _named(bundle: Bundle) -> str:
    """Orders to check with their cards, for somebody who cannot look them up."""
    orders = [f"{order.number} ({order.ticket.iccid})" for order in bundle.orders if order.kind is Kind.CHECK]
    return ", ".join(orders[:_NAMED]) + (" ..." if len(orders) > _NAMED else "")


def prove(console: Console, order: WorkOrder) -> Proof:
    """Has the device answer an order. Raises FieldError."""
    return Proof(order.signed, console.prove(tickets.challenge(order.signed)))


def appraise(folder: Path, bundle: Bundle, proof: Proof, now: float) -> Judgement:
    """What a proof proves by the technician's own bundle and clock. Raises OnSiteError."""
    return judge(
        proof, [key.point for key in pins.read(folder)], {device.kid: device for device in bundle.devices}, now
    )


def is_worth_keeping(finding: Finding) -> bool:
    """Whether the verifier may make something of it: also of a key that only this bundle does not know."""
    return finding.is_proved or finding is Finding.KEY_UNKNOWN
