"""How long a second check (二次核验) runs (docs/re-verification.md)."""

from sqlalchemy import Connection, select

from ..appraisal import Card
from ..scenario import Scenario
from .schema import device


def deadline(connection: Connection, about: Card, scenario: Scenario, now: float) -> float:
    """When a check that begins now is over: after the scenario's time, and never before its device's next report is
    due, tolerance included. Nobody is suspended for having been asleep, as the scenario lets them."""
    seen_at = connection.execute(select(device.c.seen_at).where(device.c.id == about.device_id)).scalar()
    heard_at = about.since if seen_at is None else seen_at
    return max(now + scenario.second_check.deadline_s, heard_at + scenario.nonce_age_s)
