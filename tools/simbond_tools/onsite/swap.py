"""An approved swap, step by step: what a device on the cable proves, and how far that brings the order. Pure.

The old pair is shown first, then the card is moved, then the new pair is shown. Nothing goes back: whatever is seen a
second time leaves the swap where it is, so each step may be done again after any interruption. The new pair ends the
swap at any time, for it proves what the order asks for; that the old pair was not seen is noted.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from simbond_agent import claims
from simbond_verifier.evidence import Evidence
from simbond_verifier.work_orders.bundle import WorkOrder
from simbond_verifier.work_orders.finding import Finding, Judgement, KnownDevice


class Step(StrEnum):
    """What comes next."""

    OLD = "old"
    """The old pair is to be shown."""
    MOVE = "move"
    """The card is to be moved, and the new pair to be shown."""
    DONE = "done"
    """The new pair was shown."""


class Old(StrEnum):
    """What became of the old pair."""

    SEEN = "seen"
    GONE = "gone"
    """The technician says that it cannot be shown."""
    UNSEEN = "unseen"
    """The new pair was shown first."""
    NONE = "none"
    """There is none: a card from the stock, in a device without one."""


class Swap(NamedTuple):
    """How far an order is. old: None as long as the old pair is to be shown."""

    step: Step
    old: Old | None


class Outcome(StrEnum):
    """What a look at the device on the cable came to (words: swap_words)."""

    DONE = "done"
    ALREADY_DONE = "already-done"
    OLD_CHECKED = "old-checked"
    """The card is in its old device."""
    OLD_CARD_CHECKED = "old-card-checked"
    """The device holds the card that it shall lose."""
    OLD_AGAIN = "old-again"
    """The card is still in its old device."""
    OLD_CARD_AGAIN = "old-card-again"
    """The device still holds the card that it shall lose."""
    OLD_EMPTY = "old-empty"
    """The old device holds no card, and was not seen with it."""
    OLD_EMPTIED = "old-emptied"
    """The card was taken out of the old device."""
    OLD_OTHER_CARD = "old-other-card"
    OLD_IMEI_DIFFERS = "old-imei-differs"
    NEW_TOO_EARLY = "new-too-early"
    """The new device without the card, and the old one was not seen."""
    NEW_EMPTY = "new-empty"
    NEW_OTHER_CARD = "new-other-card"
    CARD_UNREADABLE = "card-unreadable"
    IMEI_DIFFERS = "imei-differs"
    IMEI_UNREADABLE = "imei-unreadable"
    STRANGER = "other-device"
    UNKNOWN = "key-unknown"
    REVOKED = "key-revoked"
    COPY = "older"
    EXPIRED = "expired"
    UNPROVED = "unproved"


_AS_FOUND = {
    Finding.FORGED: Outcome.UNPROVED,
    Finding.EVIDENCE_BAD: Outcome.UNPROVED,
    Finding.SIGNATURE_BAD: Outcome.UNPROVED,
    Finding.CHALLENGE_WRONG: Outcome.UNPROVED,
    Finding.KEY_UNKNOWN: Outcome.UNKNOWN,
    Finding.KEY_REVOKED: Outcome.REVOKED,
    Finding.OLDER: Outcome.COPY,
    Finding.EXPIRED: Outcome.EXPIRED,
    Finding.CARD_UNREADABLE: Outcome.CARD_UNREADABLE,
    Finding.IMEI_DIFFERS: Outcome.IMEI_DIFFERS,
    Finding.IMEI_UNREADABLE: Outcome.IMEI_UNREADABLE,
}


def old_device(order: WorkOrder) -> bytes | None:
    """The key id of the device that the card leaves; None where it comes from the stock, or has arrived already."""
    return None if order.leaves == new_device(order) else order.leaves


def new_device(order: WorkOrder) -> bytes:
    """The key id of the device that shall hold the card."""
    return order.ticket.kid


def begin(order: WorkOrder) -> Swap:
    """Before the first step."""
    has_old = old_device(order) is not None or order.replaces is not None
    return Swap(Step.OLD, None) if has_old else Swap(Step.MOVE, Old.NONE)


def go_without_old(swap: Swap) -> Swap:
    """The old pair cannot be shown: the device is broken or gone."""
    return Swap(Step.MOVE, Old.GONE) if swap.step is Step.OLD else swap


def advance(
    order: WorkOrder, swap: Swap, judged: Judgement, devices: Mapping[bytes, KnownDevice]
) -> tuple[Swap, Outcome]:
    """What the device on the cable has proved for the order. devices: those of the bundle, by key id."""
    if swap.step is Step.DONE:
        return swap, Outcome.ALREADY_DONE
    if judged.finding is Finding.CONFIRMED:
        return Swap(Step.DONE, swap.old or Old.UNSEEN), Outcome.DONE
    if judged.finding in _AS_FOUND:
        return swap, _AS_FOUND[judged.finding]
    assert judged.evidence is not None
    if judged.finding is not Finding.OTHER_DEVICE:
        return _new_device(order, swap, judged.evidence)
    known = devices.get(judged.evidence.kid)
    if known is None or known.kid != old_device(order):
        return swap, Outcome.STRANGER
    return _old_device(order, swap, judged.evidence, known)


def _old_device(order: WorkOrder, swap: Swap, evidence: Evidence, known: KnownDevice) -> tuple[Swap, Outcome]:
    is_first = swap.step is Step.OLD
    if (evidence.bootcount, evidence.uptime) <= known.counters:
        return swap, Outcome.COPY
    if evidence.imei != known.imei:
        return swap, Outcome.OLD_IMEI_DIFFERS
    if evidence.status & claims.TRAY_EMPTY:
        return swap, Outcome.OLD_EMPTY if is_first else Outcome.OLD_EMPTIED
    if evidence.iccid is None:
        return swap, Outcome.CARD_UNREADABLE
    if evidence.iccid != order.ticket.iccid:
        return swap, Outcome.OLD_OTHER_CARD
    return (Swap(Step.MOVE, Old.SEEN), Outcome.OLD_CHECKED) if is_first else (swap, Outcome.OLD_AGAIN)


def _new_device(order: WorkOrder, swap: Swap, evidence: Evidence) -> tuple[Swap, Outcome]:
    """The ordered device, which does not hold the ordered card."""
    if swap.step is Step.OLD and old_device(order) is not None:
        return swap, Outcome.NEW_TOO_EARLY
    if evidence.iccid is None:
        return swap, Outcome.NEW_EMPTY
    if evidence.imei not in (order.ticket.imei, order.ticket.imei2):  # a finding names the card first
        return swap, Outcome.IMEI_DIFFERS if evidence.imei else Outcome.IMEI_UNREADABLE
    if evidence.iccid != order.replaces:
        return swap, Outcome.NEW_OTHER_CARD
    if swap.step is Step.OLD:
        return Swap(Step.MOVE, Old.SEEN), Outcome.OLD_CARD_CHECKED
    return swap, Outcome.OLD_CARD_AGAIN
