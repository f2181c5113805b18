"""How far each swap is, on the disk: a small file an order, so that a swap goes on after a kill -9 or a power cut."""

import json
from hashlib import sha256
from pathlib import Path

from simbond_verifier.work_orders.bundle import WorkOrder

from . import durable
from .swap import Old, Step, Swap, begin

_FOLDER = "swaps"


def read(folder: Path, order: WorkOrder) -> Swap:
    """How far an order is. Where nothing is there, or it is damaged, it begins anew: every step may be repeated."""
    try:
        found = json.loads(_path(folder, order.number).read_bytes())
        if found["swap"] != _name(order):
            return begin(order)
        return Swap(Step(found["step"]), None if found["old"] is None else Old(found["old"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return begin(order)


def write(folder: Path, order: WorkOrder, swap: Swap) -> None:
    """Once this returns it is on the disk. Raises FolderUnusable."""
    found = {"swap": _name(order), "step": swap.step, "old": swap.old}
    durable.write(_path(folder, order.number), json.dumps(found).encode() + b"\n")


def was_begun(folder: Path, number: int) -> bool:
    """Whether an order of that number was ever at work here."""
    return _path(folder, number).is_file()


def _path(folder: Path, number: int) -> Path:
    return folder / _FOLDER / f"{number}.json"


def _name(order: WorkOrder) -> str:
    """Names the swap, whatever day its ticket was fetched on."""
    ticket = order.ticket
    return sha256(f"{ticket.order} {order.decision} {ticket.iccid} {ticket.point.hex()}".encode()).hexdigest()
