"""A technician's open orders as a bundle (docs/work-orders.md), made from what the database says now."""

from sqlalchemy import Connection, RowMapping, select

from ..appraisal import Card
from ..binding import swap_is_open
from ..signing_key import SigningKey
from ..work_orders import bundle as bundles
from ..work_orders import ticket as tickets
from ..work_orders.bundle import Bundle, Kind, WorkOrder
from ..work_orders.finding import KnownDevice, Standing
from ..work_orders.ticket import Ticket
from . import cards
from .schema import card, device, event, retired_key, work_order
from .work_orders import is_open

_IN_A_BUNDLE = 1000


def fetch(connection: Connection, technician: str, key: SigningKey, *, hours: int, now: float) -> bytes:
    """A technician's open orders as a bundle, signed. Nothing is written: what comes back carries its own proof."""
    issued = int(now)
    expires = issued + 3600 * hours
    query = select(work_order).where(work_order.c.technician == technician, is_open(now))
    rows = connection.execute(query.order_by(work_order.c.id).limit(_IN_A_BUNDLE)).mappings().all()
    orders: list[WorkOrder] = []
    concerned: dict[bytes, KnownDevice] = {}
    for row in rows:
        about = cards.by_id(connection, row["card_id"])
        goes_to = target(row, about, now)
        if goes_to is None:
            continue  # its card was taken from its device, or its swap is over: nothing can be proved about it
        orders.append(_order(connection, row, about, goes_to, key, issued, min(expires, int(row["expires_at"]))))
        for known in _devices(connection, about, goes_to):
            concerned[known.kid] = known
    return bundles.seal(Bundle(technician, issued, expires, tuple(orders), tuple(concerned.values())), key)


def target(order: RowMapping, about: Card, now: float) -> int | None:
    """The device that shall hold the card, as things stand: the one that it is bound to, or of a swap the announced one
    until it has taken the card over, and then still. None: none."""
    if order["kind"] == Kind.CHECK:
        return about.device_id
    announced = swap_is_open(about, now) and about.swap_device_id == order["device_id"]
    return order["device_id"] if announced or about.device_id == order["device_id"] else None


def _order(
    connection: Connection, row: RowMapping, about: Card, goes_to: int, key: SigningKey, issued: int, expires: int
) -> WorkOrder:
    holder = connection.execute(select(device).where(device.c.id == goes_to)).mappings().one()
    ticket = Ticket(row["id"], issued, expires, about.iccid, holder["point"], holder["imei"], holder["imei2"])
    order = WorkOrder(Kind(row["kind"]), row["words"], tickets.issue(ticket, key), ticket)
    if order.kind is Kind.CHECK:
        return order
    leaves = connection.execute(select(device.c.kid).where(device.c.id == about.device_id)).scalar()
    replaced = select(card.c.iccid).where(card.c.device_id == goes_to, card.c.id != about.id).order_by(card.c.id)
    return order._replace(
        decision=row["proposal_id"], leaves=leaves, replaces=connection.execute(replaced.limit(1)).scalar()
    )


def _devices(connection: Connection, about: Card, goes_to: int) -> list[KnownDevice]:
    """What a laptop may meet at this card: its devices, keys that they have replaced, revoked ones it has been in."""
    been_in = select(event.c.device_id).where(event.c.card_id == about.id, event.c.device_id.is_not(None)).distinct()
    here = [device_id for device_id in (about.device_id, goes_to) if device_id is not None]
    query = select(device).where(device.c.id.in_(here) | (device.c.revoked_at.is_not(None) & device.c.id.in_(been_in)))
    found = [_known(row) for row in connection.execute(query).mappings()]
    retired = select(retired_key.c.point, device.c.imei).join(device, device.c.id == retired_key.c.device_id)
    rows = connection.execute(retired.where(retired_key.c.device_id.in_(here)))
    return found + [KnownDevice(point, imei, Standing.RETIRED) for point, imei in rows]


def _known(row: RowMapping) -> KnownDevice:
    standing = Standing.IN_FORCE if row["revoked_at"] is None else Standing.REVOKED
    return KnownDevice(row["point"], row["imei"], standing, (row["bootcount"], row["uptime"]))
