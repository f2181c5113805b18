"""One key in two places: what is remembered of counters that fell behind (docs/detection.md)."""

from sqlalchemy import Connection, select

from ..appraisal import Card
from ..detection.fork import Behind, fork, is_behind
from ..policy import Policy
from ..scenario import Scenario
from . import cards, signs
from .schema import device, event
from .signs import Told

KIND = "counter-behind"


def note_fork(
    connection: Connection,
    about: Card,
    counter: tuple[int, int],
    issued: float,
    scenario: Scenario,
    policy: Policy,
    told: Told,
) -> Card:
    """Evidence of the card's bound device that was refused because its counter is behind, over a nonce that is good.
    Keeps one line of history for it between any two that count, and notes a clone once both counters go on. Returns the
    card as it is then.

    counter: boot counter and uptime. issued: when the nonce was issued, seconds since the epoch."""
    query = select(device.c.bootcount, device.c.uptime, device.c.seen_at).where(device.c.id == told.device_id)
    bootcount, uptime, attested_at = connection.execute(query).one()
    if attested_at is None or not is_behind(counter, (bootcount, uptime), issued, attested_at):
        return about
    earlier = _last(connection, about.id, told.device_id)
    if earlier is not None and earlier.at >= attested_at:
        return about
    cards.record(connection, about, KIND, at=told.at, actor="verifier", device_id=told.device_id, counter=list(counter))
    found = fork(earlier, Behind(told.at, counter), attested_at)
    return signs.note(connection, about, found, scenario, policy, told) if found else about


def _last(connection: Connection, card_id: int, device_id: int | None) -> Behind | None:
    query = (
        select(event.c.at, event.c.detail)
        .where(event.c.card_id == card_id, event.c.device_id == device_id, event.c.kind == KIND)
        .order_by(event.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    bootcount, uptime = row.detail["counter"]
    return Behind(row.at, (bootcount, uptime))
