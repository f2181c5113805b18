"""How cards and devices come to belong together (docs/deciding.md). Pure."""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from .appraisal import Card, Device
from .lifecycle import NEW, Access, State
from .observation import Sign
from .reasons import Reason
from .scenario import Mode, Scenario

MOVE_SIGNS = frozenset(
    {
        Reason.TRAY_EMPTY,
        Reason.CARD_UNREADABLE,
        Reason.CARD_CHANGED,
        Reason.NETWORK_IMEI_DIFFERS,
        Reason.TRAFFIC_UNATTESTED,
        Reason.SILENT,
    }
)
"""What is seen of a card that moves from one device to another, rightly or not."""


class Bound(NamedTuple):
    """One time that a card was bound, out of its history."""

    at: float
    device_id: int


class Facts(NamedTuple):
    """What else is known where a device attests a card that is not bound to it."""

    imported_at: float
    bound: tuple[Bound, ...] = ()
    """Every time that the card was bound, oldest first."""
    signs: frozenset[Reason] = frozenset()
    """Against the card, and not ended."""
    network_imei: str | None = None
    """14 digits: the device in which the network saw the card last; None where no network was heard."""
    network_imei_at: float = 0.0
    holder_gone: bool = False
    """The bound device's newest word is that it has another card or none."""
    holder_seen_at: float | None = None
    """When the bound device last attested."""
    listens_since: float = 0.0
    """Since when the verifier could have heard of it: what it missed itself is nobody's silence."""
    elsewhere: bool = False
    """The device is bound to a card that does not share it."""


def moves(bound: Iterable[Bound], since: float) -> int:
    """How often a card moved from one device to another after a moment. Its first device is no move."""
    return sum(after.device_id != before.device_id and after.at > since for before, after in pairwise(bound))


def within_quota(bound: tuple[Bound, ...], device_id: int, scenario: Scenario, now: float) -> bool:
    """Whether the scenario lets the card move to this device now. The first device, and the same again, always."""
    if not bound or bound[-1].device_id == device_id:
        return True
    quota = scenario.binding
    return moves(bound, now - quota.rebinds_within_s) < quota.rebinds


def is_model_allowed(imei: str, scenario: Scenario) -> bool:
    """Whether the scenario allows devices of this type allocation code. An empty list allows all."""
    return not scenario.models.tac or imei[:8] in scenario.models.tac


def shares_device(scenario: Scenario | None) -> bool:
    """Whether cards of this scenario may be bound to a device that has others."""
    return scenario is not None and scenario.binding.mode is Mode.SET


def is_own_imei(imei: str, device: Device) -> bool:
    """Whether an IMEI, with or without its last digits, is one of the device's."""
    return imei[:14] in (device.imei, device.imei2)


def takes_by_use(card: Card, device: Device, scenario: Scenario, facts: Facts, now: float) -> bool:
    """Whether affirming Evidence of this device binds the card to it, without anybody's order.

    The Evidence says that the device reads the card, which is software's word. So a network that has seen the card in
    another device forbids it, and so does any sign against the card that a move does not explain.
    """
    if scenario.binding.mode not in (Mode.FIRST_USE, Mode.POOL) or facts.elsewhere:
        return False
    if not scenario.models.tac or not is_model_allowed(device.imei, scenario):
        return False
    if facts.network_imei is not None and not is_own_imei(facts.network_imei, device):
        return False
    if card.status == NEW and card.device_id is None:
        return _may_be_first(scenario, facts, now)
    return scenario.binding.mode is Mode.POOL and _may_be_next(card, device, scenario, facts, now)


def _may_be_first(scenario: Scenario, facts: Facts, now: float) -> bool:
    """A card that an operator took from its device again waits for an operator: nobody races for it."""
    in_time = scenario.binding.mode is Mode.POOL or now < facts.imported_at + scenario.binding.window_s
    return in_time and not facts.bound and not facts.signs


def _may_be_next(card: Card, device: Device, scenario: Scenario, facts: Facts, now: float) -> bool:
    """A card of a pool leaves a device that says so, that the network saw it leave, or that has fallen silent: claims
    alone take it from nobody."""
    in_use = card.status.state in (State.BOUND, State.WARNED) and card.status.access is Access.ALLOWED
    if not in_use or facts.signs - MOVE_SIGNS or not within_quota(facts.bound, device.id, scenario, now):
        return False
    seen_at = facts.holder_seen_at or 0.0
    silent = now - max(seen_at, facts.listens_since) > scenario.reporting.interval_s + scenario.reporting.tolerance_s
    return facts.holder_gone or silent or facts.network_imei_at > seen_at


def explains(announced: Device, sign: Sign) -> bool:
    """Whether a swap to the announced device explains a sign against the card. A network that sees it in a third
    device is explained by nothing."""
    if sign.reason is Reason.NETWORK_IMEI_DIFFERS:
        return is_own_imei(str(sign.facts.get("seen", "")), announced)
    return sign.reason in MOVE_SIGNS


def swap_is_open(card: Card, now: float) -> bool:
    """Whether the grace window of an announced swap runs."""
    return card.swap_until is not None and now < card.swap_until
