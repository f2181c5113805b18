"""What `simbond swap` says: the order, each look at a device, and the result; as text, and as a JSON document."""

from pathlib import Path
from typing import Any

from simbond_tools.check_digit import whole_imei
from simbond_tools.i18n import N_, _
from simbond_tools.onsite.bundle import WorkOrder
from simbond_tools.onsite.swap import Old, Swap
from simbond_tools.onsite.swap_words import said, then
from simbond_tools.onsite.swapping import Look
from simbond_verifier.work_orders.proof import to_text

from .common import when
from .onsite_screen import print_sentence
from .rows import print_rows

_OLD = {
    Old.SEEN: N_("checked"),
    Old.GONE: N_("not checked: gone"),
    Old.UNSEEN: N_("not checked: the new one was there first"),
    Old.NONE: N_("there is none"),
}


def print_order(order: WorkOrder, swap: Swap) -> None:
    ticket = order.ticket
    print_rows(
        (
            (_("work order"), f"{order.number}: {order.words}"),
            (_("approved by decision"), order.decision),
            (_("card"), ticket.iccid),
            (_("into device"), f"IMEI {whole_imei(ticket.imei)}"),
            (_("which loses card"), order.replaces),
            (_("valid until"), when(ticket.expires)),
            (_("old pair"), _(_OLD[swap.old]) if swap.old else _("to be checked")),
        )
    )


def print_look(order: WorkOrder, look: Look) -> None:
    """What was seen, and what to do next."""
    print_sentence(said(look.outcome, order, look.found))
    if next_step := then(look.outcome, order, look.found):
        print_sentence(next_step)


def swap_document(
    order: WorkOrder, swap: Swap, look: Look, waits_in: Path | None, problem: str | None
) -> dict[str, Any]:
    """waits_in: the result's file, as long as it is not uploaded. problem: why it is not."""
    about = {"number": order.number, "iccid": order.ticket.iccid, "imei": order.ticket.imei, "words": order.words}
    return {
        "order": about | {"decision": order.decision, "replaces": order.replaces},
        "step": swap.step,
        "old": swap.old,
        "outcome": look.outcome,
        "said": said(look.outcome, order, look.found),
        "next": then(look.outcome, order, look.found),
        "found": look.found,
        "device": look.judged.kid.hex() if look.judged and look.judged.kid else None,
        "result": to_text(look.proof) if look.proof else None,
        "kept": str(waits_in) if waits_in else None,
        "problem": problem,
        "reported": look.reported,
    }
