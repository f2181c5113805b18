"""Devices with several cards, of which they use one at a time: since when another one is in use (docs/deciding.md)."""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from ..appraisal import Card
from ..scenario import Scenarios
from . import cards
from .schema import device

LEFT = "profile-left"


def note_use(
    connection: Connection, device_id: int, of_device: Iterable[Card], named: str, scenarios: Scenarios, at: float
) -> None:
    """A device with several cards attests one of them, by its ICCID. Where it attested another before, that one's
    history says so, if its scenario asks."""
    before = connection.execute(select(device.c.holds).where(device.c.id == device_id)).scalar()
    for left in of_device:
        scenario = scenarios.get(left.scenario)
        if left.iccid == before != named and scenario is not None and scenario.binding.one_at_a_time:
            cards.record(connection, left, LEFT, at=at, actor="verifier", device_id=device_id)
