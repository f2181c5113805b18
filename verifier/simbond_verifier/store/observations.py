"""What networks saw, kept and weighed: the network's view of every card (docs/detection.md)."""

from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, func, insert, literal, select

from ..appraisal import Card
from ..detection import Found, look
from ..detection.absence import Quiet, waking
from ..detection.facts import Facts, View
from ..lifecycle import Event, State
from ..observation import Observation, Place, Sign
from ..observation_check import AHEAD_S, Unusable, checked
from ..policy import Policy
from ..reasons import Reason
from ..scenario import Scenario, Scenarios
from . import accusations, cards, checks, signs
from .database import upsert
from .schema import card, device, event, network, observation
from .schema import sign as sign_table
from .signs import Told

_LOOKED_AT = 1000
"""Cards of one IMEI."""


class Outcome(StrEnum):
    """What became of an observation."""

    TAKEN = "taken"
    REPEATED = "repeated"
    """Taken before, exactly so; it counts once."""
    UNKNOWN = "unknown"
    """No card has this IMSI: not kept."""
    REFUSED = "refused"


class Taken(NamedTuple):
    """What became of an observation, and what it set in motion."""

    outcome: Outcome
    problem: str = ""
    """Why it was refused."""
    card: Card | None = None
    """As it is now."""
    signs: tuple[Sign, ...] = ()
    """What it says against the card."""
    changed: bool = False
    """The card changed its state: there may be something in the outbox."""


def take(connection: Connection, seen: Observation, scenarios: Scenarios, policy: Policy, now: float) -> Taken:
    """Keeps an observation and does what follows from it: a unit of work. Taken again, it changes nothing.

    What is older than what is known of the card is kept, and neither takes the view back nor says where the card is.
    """
    try:
        stated = checked(seen, now)
    except Unusable as e:
        return Taken(Outcome.REFUSED, str(e))
    known = _known(connection, stated.imsi)
    if known is None:
        return Taken(Outcome.UNKNOWN)
    about = cards.card_from_row(tuple(known.values())[: len(cards.COLUMNS)])
    before = _view(known)
    # What a clock ahead of ours stated is kept so, by which it is known when it comes again, and counts as of now.
    may_be_known = before.traffic_at is not None and stated.at <= before.traffic_at + AHEAD_S
    if may_be_known and _is_known(connection, about.id, stated):
        return Taken(Outcome.REPEATED, card=about)
    connection.execute(insert(observation).values(card_id=about.id, received_at=now, **_columns(stated)))
    seen = stated._replace(at=min(stated.at, now))
    _move(connection, about.id, before, seen)
    scenario = scenarios.get(about.scenario)
    if scenario is None or about.status.state is State.RETIRED:
        return Taken(Outcome.TAKEN, card=about)
    found = look(_facts(connection, known, before, seen, scenario, policy))
    against = _against(connection, about, known, before, seen, found, scenario)
    after = about
    if against:
        after = signs.note(connection, about, against, scenario, policy, Told(now, seen.source))
    if _end(connection, about.id, found, now):
        after = checks.agree(connection, after, scenario, now)
    if _bear_out(connection, about, seen, policy, now):
        after = cards.by_id(connection, about.id)
    return Taken(Outcome.TAKEN, card=after, signs=against, changed=after.status != about.status)


def view(connection: Connection, card_id: int) -> dict[str, Any] | None:
    """What networks last reported of a card."""
    row = connection.execute(select(network).where(network.c.card_id == card_id)).mappings().first()
    return None if row is None else {name: row[name] for name in row if name != "card_id"}


def against(connection: Connection, card_id: int) -> list[dict[str, Any]]:
    """Every sign that there is or was against a card, those that last first."""
    query = (
        select(sign_table)
        .where(sign_table.c.card_id == card_id)
        .order_by(sign_table.c.cleared_at.is_not(None), sign_table.c.first_at)
    )
    rows = connection.execute(query).mappings()
    return [{name: row[name] for name in row if name != "card_id"} | {"reason": Reason(row["reason"])} for row in rows]


_SWAP = device.alias("swap")
_KNOWN = (
    select(
        *cards.COLUMNS,
        device.c.imei.label("bound_imei"),
        device.c.imei2.label("bound_imei2"),
        device.c.seen_at.label("attested_at"),
        _SWAP.c.imei.label("swap_imei"),
        _SWAP.c.imei2.label("swap_imei2"),
        network.c.imei,
        network.c.imei_at,
        *(network.c[name] for name in Place._fields),
        network.c.place_at,
        network.c.traffic_at,
    )
    .select_from(card)
    .outerjoin(device, device.c.id == card.c.device_id)
    .outerjoin(_SWAP, _SWAP.c.id == card.c.swap_device_id)
    .outerjoin(network, network.c.card_id == card.c.id)
)


def _known(connection: Connection, imsi: str) -> RowMapping | None:
    return connection.execute(_KNOWN.where(card.c.imsi == imsi)).mappings().first()


def _view(row: RowMapping) -> View:
    place = Place(*(row[name] for name in Place._fields))
    return View(row["imei"], row["imei_at"], place, row["place_at"], row["traffic_at"])


def _columns(seen: Observation) -> dict[str, Any]:
    stated = seen._asdict() | seen.place._asdict()
    return {name: value for name, value in stated.items() if name not in ("imsi", "place")}


def _is_known(connection: Connection, card_id: int, seen: Observation) -> bool:
    same = [observation.c[name].is_not_distinct_from(value) for name, value in _columns(seen).items()]
    # PostgreSQL looks into its index for what is equal only.
    query = select(observation.c.id).where(observation.c.card_id == card_id, observation.c.at == seen.at, *same)
    return connection.execute(query).first() is not None


def _move(connection: Connection, card_id: int, before: View, seen: Observation) -> None:
    """Takes the card's view on to what was seen."""
    values: dict[str, Any] = {}
    if seen.imei is not None and _is_news(seen.at, before.imei_at):
        values |= {"imei": seen.imei[:14], "imei_at": seen.at}
    if seen.place != Place() and _is_news(seen.at, before.place_at):
        values |= {**seen.place._asdict(), "place_at": seen.at}
    if _is_news(seen.at, before.traffic_at):
        values |= {"traffic_at": seen.at, "source": seen.source}
    if values:
        upsert(connection, network, {"card_id": card_id}, values)


def _is_news(at: float, known: float | None) -> bool:
    return known is None or at >= known


def _facts(
    connection: Connection, known: RowMapping, before: View, seen: Observation, scenario: Scenario, policy: Policy
) -> Facts:
    names = ["bound_imei", "bound_imei2"]
    if known["swap_until"] is not None and seen.at <= known["swap_until"]:
        names += ["swap_imei", "swap_imei2"]
    imeis = frozenset(known[name] for name in names if known[name] is not None)
    facts = Facts(seen, scenario, before, imeis, policy.phones.tac)
    if facts.imei is None or facts.imei in imeis:
        return facts
    since = seen.at - scenario.network.cards_within_s
    return facts._replace(sharing=_strangers(connection, facts.imei, since, scenario.network.cards_per_imei + 1))


def _strangers(connection: Connection, imei: str, since: float, at_most: int) -> int:
    """How many cards were seen in an IMEI since then that belong to no device with it, nor will by an announced swap.
    A batch that shares an IMEI may be large: no more than a number of its cards is looked at."""
    query = select(network.c.card_id).where(network.c.imei == imei, network.c.imei_at > since)
    inside = query.limit(_LOOKED_AT).subquery()
    slots = (device.c.imei, device.c.imei2, _SWAP.c.imei, _SWAP.c.imei2)
    strange = (
        select(card.c.id)
        .join(inside, inside.c.card_id == card.c.id)
        .outerjoin(device, device.c.id == card.c.device_id)
        .outerjoin(_SWAP, _SWAP.c.id == card.c.swap_device_id)
        .where(literal(imei).not_in([func.coalesce(slot, "") for slot in slots]))
        .limit(at_most)
    )
    found: int = connection.execute(select(func.count()).select_from(strange.subquery())).scalar_one()
    return found


def _against(
    connection: Connection,
    about: Card,
    known: RowMapping,
    before: View,
    seen: Observation,
    found: Found,
    scenario: Scenario,
) -> tuple[Sign, ...]:
    """What the observation says against the card, unless a person has decided over the card since."""
    used_at = max(known["attested_at"] or 0.0, before.traffic_at or 0.0)
    soonest_s = 86400 * min(scenario.absence.never_used_days, scenario.absence.sleeping_days)
    wakes = about.device_id is not None and seen.at - used_at > soonest_s
    if not (found.signs or wakes):
        return ()
    query = (
        select(event.c.kind, func.max(event.c.at))
        .where(event.c.card_id == about.id, event.c.kind.in_(accusations.SETTLED_BY))
        .group_by(event.c.kind)
    )
    decided: dict[str, float] = dict(map(tuple, connection.execute(query)))
    if seen.at < max(decided.values(), default=0.0):
        return ()
    against = list(found.signs)
    if wakes and Event.BIND in decided:
        against += waking(Quiet(seen.at, decided[Event.BIND], known["attested_at"], before.traffic_at), scenario)
    return tuple(sign._replace(facts={**sign.facts, "at": seen.at}) for sign in against)


def _end(connection: Connection, card_id: int, found: Found, now: float) -> bool:
    """Ends signs that the network itself had seen, and sees no more. What Evidence said, Evidence takes back. Returns
    whether there were any."""
    if not found.ended:
        return False
    query = select(sign_table.c.reason).where(
        sign_table.c.card_id == card_id,
        sign_table.c.cleared_at.is_(None),
        sign_table.c.source != signs.EVIDENCE,
        sign_table.c.reason.in_(found.ended),
    )
    ended = [Reason(reason) for reason in connection.execute(query).scalars()]
    if ended:
        signs.clear(connection, card_id, now, reasons=ended)
    return bool(ended)


def _bear_out(connection: Connection, about: Card, seen: Observation, policy: Policy, now: float) -> bool:
    """The network sees the card in a device that claims it: that is the second source which the claim waits for."""
    if about.accused_at is None or seen.imei is None:
        return False
    borne_out = [a for a in accusations.still_open(connection, about.id) if a.is_borne_out(seen.imei, seen.at)]
    for accusation in borne_out:
        accusations.uphold(connection, accusation.id, "network view", policy, now)
    return bool(borne_out)
