"""Ordinary Evidence: the bound pair, exactly as enrolled, from a card that nothing is open about. It is nearly all that
comes; everything in it but the pair itself is shared by many devices, so it is appraised once for all of them."""

from typing import NamedTuple

from ..appraisal import Appraisal, Card, Device, appraise
from ..evidence import Evidence
from ..lifecycle import Access, State, Status
from ..reasons import Tier
from ..scenario import Scenario

_AFFIRMED = Appraisal(Tier.AFFIRMING)
_MOST = 65536
_TAC_DIGITS = 8


class Pair(NamedTuple):
    """A device that is not revoked, and its only card: bound, not accused, its SIM without a key of its own."""

    device_id: int
    imei: str
    bootcount: int
    uptime: int
    card_id: int
    iccid: str
    imsi: str
    scenario: str


class Ordinary:
    """Knows which Evidence of a Pair is plainly affirmed."""

    def __init__(self) -> None:
        self._affirmed: set[tuple[str, int, int, bytes | None, str]] = set()

    def affirms(self, evidence: Evidence, pair: Pair, scenario: Scenario) -> bool:
        """Whether `appraise` affirms it without a reason, an event or a wish. False also stands for "ask it".

        scenario: the card's. A nonce, whenever it was issued, decides nothing about such a card.
        """
        if (
            evidence.iccid != pair.iccid
            or evidence.imei != pair.imei
            or (evidence.imsi is not None and evidence.imsi != pair.imsi)
            or evidence.statement is not None
        ):
            return False
        shared = pair.scenario, evidence.scenario, evidence.status, evidence.cell, pair.imei[:_TAC_DIGITS]
        if shared in self._affirmed:
            return True
        if appraise(evidence, *_as_enrolled(pair), None, scenario, 0.0) != _AFFIRMED:
            return False
        if len(self._affirmed) >= _MOST:
            self._affirmed.clear()
        self._affirmed.add(shared)
        return True


def _as_enrolled(pair: Pair) -> tuple[Device, Card]:
    status = Status(State.BOUND, Access.ALLOWED)
    bound = Card(pair.card_id, pair.iccid, pair.imsi, pair.scenario, status, 0.0, pair.device_id)
    return Device(pair.device_id, pair.imei), bound
