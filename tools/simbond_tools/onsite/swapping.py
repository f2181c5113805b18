"""A swap on site: which order it is about, one look at the device on the cable, and that device's own report."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import time

from simbond_tools.field.console import Console
from simbond_tools.field.errors import FieldError
from simbond_tools.i18n import _
from simbond_verifier.work_orders.bundle import Bundle, Kind, WorkOrder
from simbond_verifier.work_orders.finding import Judgement
from simbond_verifier.work_orders.proof import Proof

from . import checking, results, swap_file
from .errors import NotInOrders
from .swap import Outcome, Swap, advance

_REPORTS = 4
_REPORT_S = 20.0


@dataclass(frozen=True)
class Look:
    """One look at the device on the cable. judged: what it proved; None where nobody looked. proof, kept: where that
    ended the swap, and the file that holds it. reported: the device has reported to the verifier since."""

    outcome: Outcome
    judged: Judgement | None = None
    proof: Proof | None = None
    kept: Path | None = None
    reported: bool = False

    @property
    def found(self) -> str | None:
        """The ICCID of the card that was seen."""
        return self.judged.evidence.iccid if self.judged and self.judged.evidence else None


def choose(folder: Path, bundle: Bundle, number: int | None) -> WorkOrder:
    """The swap with that number, or the only one there is. Raises NotInOrders."""
    orders = [order for order in bundle.orders if order.kind is Kind.SWAP]
    if number is None and len(orders) == 1:
        return orders[0]
    for order in orders:
        if order.number == number:
            return order
    if number is not None and swap_file.was_begun(folder, number):
        raise NotInOrders(
            _(
                "Work order {number} is closed, withdrawn or over. If the card is in its new device and that has "
                "reported, all is done. Else put the card back where it was, and ask the office."
            ).format(number=number)
        )
    if not orders:
        raise NotInOrders(_("There is no swap among your work orders. Fetch them again, or ask the office."))
    raise NotInOrders(
        _("Say which swap: 'simbond swap NUMBER'. You have: {orders}.").format(
            orders=", ".join(f"{order.number} ({order.ticket.iccid})" for order in orders)
        )
    )


def look(folder: Path, bundle: Bundle, order: WorkOrder, swap: Swap, console: Console) -> tuple[Swap, Look]:
    """Has the device on the cable prove what it holds. The result is on the disk before the step is. Raises FieldError,
    OnSiteError."""
    proof = checking.prove(console, order)
    judged = checking.appraise(folder, bundle, proof, time())
    swap, outcome = advance(order, swap, judged, {device.kid: device for device in bundle.devices})
    if outcome is not Outcome.DONE:
        swap_file.write(folder, order, swap)
        return swap, Look(outcome, judged)
    kept = results.keep(folder, order.number, proof)
    swap_file.write(folder, order, swap)
    return swap, Look(outcome, judged, proof, kept, reported=report(console))


def report(console: Console) -> bool:
    """Has the device report to the verifier, which closes the swap, and waits for it a little. A device that has just
    held another card needs two: the verifier takes the first as what a swap explains, and the second as free of signs.
    """
    with suppress(FieldError):
        for _attempt in range(_REPORTS):
            console.attest()
            event = console.wait_for("attested", "stored", "error", timeout_s=_REPORT_S)
            if event["event"] != "attested":
                return False
            if event.get("tier") == "affirming" and not event.get("reasons"):
                return True
    return False
