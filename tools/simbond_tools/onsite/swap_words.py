"""The steps of a swap in words, each with what to do next."""

from simbond_tools.check_digit import whole_imei
from simbond_tools.i18n import N_, _
from simbond_verifier.work_orders.bundle import WorkOrder

from .swap import Outcome, Step, Swap, old_device

_TO_NEW = N_("Take it out, put card {iccid} into the new device (IMEI {imei}), and plug the cable in there.")
_INTO_DEVICE = N_("Take it out, put card {iccid} in, and leave the cable where it is.")

_WORDS: dict[Outcome, tuple[str, str]] = {
    Outcome.DONE: (
        N_("Done: card {iccid} is in its new device, which has signed so."),
        N_("The swap closes when the device has reported to the verifier itself; it was told to."),
    ),
    Outcome.ALREADY_DONE: (N_("This swap is done already."), ""),
    Outcome.OLD_CHECKED: (N_("Right: card {iccid} is in its old device."), _TO_NEW),
    Outcome.OLD_CARD_CHECKED: (
        N_("Right: the device holds card {replaces}, which it shall lose."),
        _INTO_DEVICE,
    ),
    Outcome.OLD_AGAIN: (N_("Card {iccid} is still in its old device."), _TO_NEW),
    Outcome.OLD_CARD_AGAIN: (N_("The device still holds card {replaces}."), _INTO_DEVICE),
    Outcome.OLD_EMPTY: (
        N_("This is the old device, but there is no card in it."),
        N_(
            "If you have taken card {iccid} out, put it back once, so that it is seen there. If you found the device "
            "empty, tell the office."
        ),
    ),
    Outcome.OLD_EMPTIED: (
        N_("The card was taken out of the old device."),
        N_("Put card {iccid} into the new device (IMEI {imei}), and plug the cable in there."),
    ),
    Outcome.OLD_OTHER_CARD: (
        N_("This is the old device, but another card is in it: {found}."),
        N_("Move nothing. Look for card {iccid}, and tell the office which one was here."),
    ),
    Outcome.OLD_IMEI_DIFFERS: (
        N_("The old device's own key signed, but its modem states another IMEI, or none."),
        N_("Somebody changed the module. Move nothing, and tell the office."),
    ),
    Outcome.NEW_TOO_EARLY: (
        N_("This is the new device. The old one has not been seen yet."),
        N_("Plug the cable into the old device first. If it is broken or gone: 'simbond swap {number} --old-gone'."),
    ),
    Outcome.NEW_EMPTY: (N_("There is no card in the new device."), N_("Put card {iccid} in.")),
    Outcome.NEW_OTHER_CARD: (
        N_("Another card is in the new device: {found}."),
        N_("Take it out, and put card {iccid} in. Tell the office which one was there."),
    ),
    Outcome.CARD_UNREADABLE: (
        N_("The device cannot read its card."),
        N_("Put the card in again; if that does not help, run 'simbond doctor'."),
    ),
    Outcome.IMEI_DIFFERS: (
        N_("The new device's own key signed, but its modem states another IMEI."),
        N_("Somebody changed the module or its IMEI. Put the card back, and tell the office."),
    ),
    Outcome.IMEI_UNREADABLE: (
        N_("The new device's own key signed, but its modem states no IMEI."),
        N_("Run 'simbond doctor', then go on."),
    ),
    Outcome.STRANGER: (
        N_("This device is neither the old one nor the new one of this order."),
        N_("Plug the cable into the right device; its IMEI is on its label."),
    ),
    Outcome.UNKNOWN: (
        N_("This device signs with a key that your work orders do not know."),
        N_(
            "Is it the new device, and never enrolled? 'simbond swap --enrol' takes its enrolment request; "
            "the office then asks for the swap anew. Else plug the cable into the right device."
        ),
    ),
    Outcome.REVOKED: (
        N_("The key of this device is revoked: whatever it signs counts for nothing."),
        N_("Leave everything as it is, and tell the office."),
    ),
    Outcome.COPY: (
        N_("The device's counters are behind what the verifier has seen: this may be a copy of the key."),
        N_("Leave everything as it is, and tell the office."),
    ),
    Outcome.EXPIRED: (
        N_("The work order has expired."),
        N_("Move nothing. Fetch your work orders again; the office may have to ask for the swap anew."),
    ),
    Outcome.UNPROVED: (
        N_("The device's answer proves nothing."),
        N_("Try again. If it stays so, tell the office."),
    ),
}


def said(outcome: Outcome, order: WorkOrder, found: str | None) -> str:
    """What was seen. found: the ICCID of the card that was."""
    return _fill(_WORDS[outcome][0], order, found)


def then(outcome: Outcome, order: WorkOrder, found: str | None) -> str:
    """What to do next; empty where nothing is."""
    return _fill(_WORDS[outcome][1], order, found)


def first(order: WorkOrder, swap: Swap) -> str:
    """What to do before the first look at a device, as far as the swap is."""
    if swap.step is Step.OLD and old_device(order) is None:
        return _fill(
            N_("Plug the cable into the device (IMEI {imei}), with its old card {replaces} in it."), order, None
        )
    if swap.step is Step.OLD:
        return _fill(N_("Plug the cable into the old device, with card {iccid} in it."), order, None)
    return then(Outcome.OLD_EMPTIED, order, None)


def _fill(text: str, order: WorkOrder, found: str | None) -> str:
    if not text:
        return ""
    ticket = order.ticket
    return _(text).format(
        iccid=ticket.iccid,
        imei=whole_imei(ticket.imei),
        replaces=order.replaces,
        found=found or "-",
        number=ticket.order,
    )
