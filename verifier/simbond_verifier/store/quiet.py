"""Cards that have not been heard of: which of a large fleet are worth asking, and what is known of one."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)

from ..appraisal import Card
from ..detection.absence import TIMED, Quiet
from ..lifecycle import Event, State
from ..observation import Sign
from ..reasons import Reason
from ..scenario import Scenario, Scenarios, Step
from . import cards, profiles
from .schema import card, device, event, network, sign

_IN_USE = (State.BOUND, State.WARNED)
_LATE = (Reason.SILENT, Reason.TRAFFIC_UNATTESTED)
_LONG = (Reason.NEVER_USED, Reason.SLEEPING)
_GONE = (Reason.TRAY_EMPTY, Reason.CARD_CHANGED)
_NEVER_S = 1e12
"""After which a rule finds something that the scenario ignores: longer than anybody waits."""

_BOUND_AT = (
    select(func.max(event.c.at))
    .where(event.c.card_id == card.c.id, event.c.kind == Event.BIND)
    .correlate(card)
    .scalar_subquery()
)
_FIRST_MISSED_AT = (
    select(func.min(sign.c.first_at))
    .where(sign.c.card_id == card.c.id, sign.c.cleared_at.is_(None), sign.c.reason.in_(_GONE))
    .correlate(card)
    .scalar_subquery()
)
_GONE_SINCE = case((device.c.absent, _FIRST_MISSED_AT))
_LEFT_AT = (
    select(func.max(event.c.at))
    .where(event.c.card_id == card.c.id, event.c.kind == profiles.LEFT)
    .correlate(card)
    .scalar_subquery()
)
_LEFT_SINCE = case((device.c.holds != card.c.iccid, _LEFT_AT))
_KNOWN = (
    select(*cards.COLUMNS, _BOUND_AT, device.c.seen_at, network.c.traffic_at, _GONE_SINCE, _LEFT_SINCE)
    .select_from(card)
    .join(device, device.c.id == card.c.device_id)
    .outerjoin(network, network.c.card_id == card.c.id)
)
_ONE = _KNOWN.where(card.c.id == bindparam("about"))
_SIGNS = select(sign.c.reason, sign.c.times, sign.c.last_at).where(
    sign.c.card_id == bindparam("about"), sign.c.cleared_at.is_(None)
)


def find(connection: Connection, card_id: int, now: float, listens_since: float) -> tuple[Card, Quiet] | None:
    """A card in use, and when it was last heard of; None where it is bound to no device or not in use."""
    row = connection.execute(_ONE, {"about": card_id}).first()
    found = None if row is None else _read(tuple(row), now, listens_since)
    return found if found is not None and found[0].status.state in _IN_USE else None


def candidates(
    connection: Connection, scenarios: Scenarios, inside: range, now: float, listens_since: float
) -> Iterator[tuple[Card, Quiet]]:
    """The cards with an id inside a range against which a timed rule may have something new to say. The rules decide;
    this only leaves out, where the database can do it by itself, whoever was heard of too lately for any of them, and
    whoever has the sign already."""
    query = _asked(scenarios, now, listens_since)
    if query is None:
        return
    query = query.where(card.c.id >= inside.start, card.c.id < inside.stop)
    for row in connection.execute(query):
        yield _read(tuple(row), now, listens_since)


def news(connection: Connection, card_id: int, found: list[Sign], scenario: Scenario, now: float) -> list[Sign]:
    """Those of the signs that begin, or that count once more because they last and are not confirmed yet."""
    known = {row[0]: (int(row[1]), float(row[2])) for row in connection.execute(_SIGNS, {"about": card_id})}

    def is_news(one: Sign) -> bool:
        times, last_at = known.get(one.reason, (0, 0.0))
        return times < scenario.rung(one.reason).confirm and last_at <= now - scenario.reporting.interval_s

    return [one for one in found if is_news(one)]


def last_id(connection: Connection) -> int:
    """The highest id of a card."""
    found: int = connection.execute(select(func.coalesce(func.max(card.c.id), 0))).scalar_one()
    return found


def _read(row: tuple[Any, ...], now: float, listens_since: float) -> tuple[Card, Quiet]:
    found = cards.card_from_row(row[:-5])
    bound_at, attested_at, traffic_at, *gone = row[-5:]
    bound_at = found.since if bound_at is None else bound_at
    return found, Quiet(now, bound_at, attested_at, traffic_at, listens_since, *gone)


def _asked(scenarios: Scenarios, now: float, listens_since: float) -> Select[*tuple[Any, ...]] | None:
    loaded = [scenario for name in scenarios.names() if (scenario := scenarios.get(name)) is not None]
    if not loaded:
        return None
    limits = union_all(*(_limits(scenario) for scenario in loaded)).cte("limits")
    attested_at = func.coalesce(device.c.seen_at, 0.0)
    card_attested_at = func.coalesce(_GONE_SINCE, _LEFT_SINCE, attested_at)
    traffic_at = func.coalesce(network.c.traffic_at, 0.0)

    def quiet_for(reason: Reason, last_at: ColumnElement[float] = attested_at) -> ColumnElement[bool]:
        since = now - limits.c[reason.name]
        return and_(last_at < since, card.c.imported_at < since, listens_since < since)

    def has_none_of(reasons: tuple[Reason, ...]) -> ColumnElement[bool]:
        # One that needs confirmation counts once in an interval for as long as it lasts.
        counted = or_(sign.c.times >= limits.c.confirm, sign.c.last_at > now - limits.c.interval)
        lasts = and_(sign.c.cleared_at.is_(None), counted)
        settled = and_(sign.c.times == 0, sign.c.cleared_at > now - limits.c.rest)
        return ~exists().where(sign.c.card_id == card.c.id, sign.c.reason.in_(reasons), or_(lasts, settled))

    after_s = limits.c[Reason.TRAFFIC_UNATTESTED.name]
    late = or_(
        quiet_for(Reason.SILENT),
        and_(network.c.traffic_at > card_attested_at + after_s, quiet_for(Reason.TRAFFIC_UNATTESTED, card_attested_at)),
    )
    long = or_(
        and_(network.c.traffic_at.is_(None), quiet_for(Reason.NEVER_USED)),
        and_(traffic_at < now - limits.c[Reason.SLEEPING.name], quiet_for(Reason.SLEEPING)),
    )
    return _KNOWN.join(limits, limits.c.scenario == card.c.scenario).where(
        card.c.state.in_(_IN_USE), or_(and_(late, has_none_of(_LATE)), and_(long, has_none_of(_LONG)))
    )


def _limits(scenario: Scenario) -> Select[*tuple[Any, ...]]:
    after = {
        reason: _NEVER_S if scenario.step(reason) is Step.IGNORE else float(rule.after_s(scenario))
        for reason, rule in TIMED.items()
    }
    return select(
        literal(scenario.name).label("scenario"),
        literal(float(scenario.reporting.interval_s)).label("interval"),
        literal(float(scenario.hysteresis.rest_s)).label("rest"),
        literal(max(scenario.rung(reason).confirm for reason in TIMED)).label("confirm"),
        *(literal(seconds).label(reason.name) for reason, seconds in after.items()),
    )
