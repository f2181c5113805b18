"""What a technician's work orders say of the card and the device on the cable, where the verifier cannot be asked."""

from typing import Any

from simbond_verifier.work_orders.bundle import Bundle, Kind, WorkOrder
from simbond_verifier.work_orders.finding import Standing


def expected(bundle: Bundle, found: dict[str, Any]) -> dict[str, Any] | None:
    """The part "verifier" (findings.Register), as far as it is in the orders; None where none is about either.

    found: what gather() gave. Before a swap, and after it, the card may be in either device.
    """
    iccid, kid = found.get("modem", {}).get("iccid"), found.get("agent", {}).get("kid")
    known: dict[str, Any] = {}
    for order in bundle.orders:
        if order.ticket.iccid == iccid:
            known["card"] = _card(order)
        if kid in _places(order):
            known["device"] = _device(order, kid)
    if any(device.kid.hex() == kid and device.standing is Standing.REVOKED for device in bundle.devices):
        known["device"] = known.get("device", {}) | {"revoked_at": bundle.issued}
    return {"orders_of": bundle.issued} | known if known else None


def _holder(order: WorkOrder) -> str:
    """The key id, in hex, of the device that shall hold the card."""
    return order.ticket.kid.hex()


def _places(order: WorkOrder) -> tuple[str, ...]:
    return (_holder(order), *([order.leaves.hex()] if order.leaves else []))


def _card(order: WorkOrder) -> dict[str, Any]:
    holder = {"kid": _holder(order), "imei": order.ticket.imei}
    if order.kind is Kind.CHECK or order.leaves is None:
        return {"iccid": order.ticket.iccid, "device": holder}
    return {"iccid": order.ticket.iccid, "device": {"kid": order.leaves.hex()}, "swap": {"device": holder["kid"]}}


def _device(order: WorkOrder, kid: str) -> dict[str, Any]:
    cards = [order.ticket.iccid, *([order.replaces] if order.replaces else [])]
    if kid != _holder(order):
        return {"cards": cards[:1]}
    return {"card": cards[0], "cards": cards, "imei": order.ticket.imei, "imei2": order.ticket.imei2}
