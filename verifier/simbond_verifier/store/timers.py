"""What is due by the clock: reminders, checks that run out, accusations that time decides, appeals that nobody decided.

Every timer is a column of a row. Whether anything is due is a look into a few indexes, whatever the fleet's size."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Select, bindparam, select, update

from ..appraisal import Card
from ..lifecycle import Event, State
from ..notice import Happened, Kind
from ..policy import Policy
from ..reasons import Reason
from ..scenario import Scenarios
from . import accusations, appeals, cards, checks, notices, signs
from .schema import card, event
from .signs import Told

_EXTENDED = "extended"
_CHECKED = (State.REVERIFYING, State.WARNED)

_CHANGE = update(card).where(card.c.id == bindparam("about"))
_GIVEN = select(event.c.detail).where(
    event.c.card_id == bindparam("about"), event.c.kind == _EXTENDED, event.c.at >= bindparam("since")
)


def _first_by(column: Column[float]) -> Select[Any]:
    return select(column, card.c.id).where(column <= bindparam("now")).order_by(column).limit(bindparam("limit"))


_REMINDERS, _CHECKS = _first_by(card.c.remind_at), _first_by(card.c.deadline)


class Respite(NamedTuple):
    """The last time that the verifier came back, and how long nobody could reach it before."""

    since: float
    away_s: float


class _Timer(StrEnum):
    REMINDER = "reminder"
    CHECK = "check"
    ACCUSATION = "accusation"
    APPEAL = "appeal"


class Due(NamedTuple):
    """Something whose time has come. In order, the one that was due first comes first."""

    at: float
    timer: _Timer
    id: int


class Timers:
    """Finds and carries out what is due."""

    def __init__(self, scenarios: Scenarios, policy: Policy) -> None:
        self._scenarios = scenarios
        self._policy = policy
        self._accusations_looked = self._accusations_next = float("-inf")
        self._carry_out: dict[_Timer, Callable[[Connection, Due, float, Respite], None]] = {
            _Timer.REMINDER: self._remind,
            _Timer.CHECK: self._run_out,
            _Timer.ACCUSATION: self._decide,
            _Timer.APPEAL: self._hurry,
        }

    def due(self, connection: Connection, now: float, respite: Respite, limit: int) -> list[Due]:
        """The first of what is due, in the order of its time."""
        found = [
            *_first(connection, _Timer.REMINDER, _REMINDERS, now, limit),
            *_first(connection, _Timer.CHECK, _CHECKS, now, limit),
            *self._decided(connection, now, respite),
            *(Due(at, _Timer.APPEAL, id_) for at, id_ in appeals.overdue(connection, now, limit)),
        ]
        return sorted(found)[:limit]

    def carry_out(self, connection: Connection, due: Due, now: float, respite: Respite) -> None:
        """Does what is due. What an earlier one has made moot is left alone."""
        self._carry_out[due.timer](connection, due, now, respite)

    def _remind(self, connection: Connection, due: Due, now: float, _: Respite) -> None:
        """Reminds a card's holder of its check."""
        about = cards.by_id(connection, due.id)
        connection.execute(_CHANGE, {"about": about.id, "remind_at": None})
        if about.deadline is None or about.deadline <= now:
            return  # there is a notice of what follows from that
        _tell(connection, about, Kind.REMINDER, "reminded", now, due_at=due.at)

    def _run_out(self, connection: Connection, due: Due, now: float, respite: Respite) -> None:
        """Suspends a card whose check has run out; later where the verifier could not have been told in time."""
        late = cards.by_id(connection, due.id)
        if late.deadline != due.at or late.status.state not in _CHECKED:
            return
        more_s = respite.since + self._grace_s(connection, late, respite.away_s) - now
        if more_s > 0 and late.since < respite.since:  # it was running when the verifier was away
            connection.execute(_CHANGE, {"about": late.id, "deadline": now + more_s})
            late = late._replace(deadline=now + more_s)
            _tell(connection, late, Kind.EXTENDED, _EXTENDED, now, due_at=due.at, more_s=more_s)
            return
        told = Told(now, "deadline")
        scenario = self._scenarios.get(late.scenario)
        found = [] if scenario is None else checks.standing(connection, late.id, scenario)
        if checks.is_disputed(connection, late, found):
            standing = [each.reason for each in found]
            signs.leave_to_a_person(connection, late, Event.EXPIRE, standing, told, due_at=due.at)
            return
        reasons = [Reason.CHECK_EXPIRED, *signs.still_there(connection, late.id)]
        signs.enforce(connection, late, Event.EXPIRE, reasons, self._policy, told, due_at=due.at)

    def _grace_s(self, connection: Connection, about: Card, away_s: float) -> float:
        """How much longer a check runs after the verifier was away for so long. Never in all more than once the longest
        grace: a verifier that comes and goes must suspend in the end."""
        scenario = self._scenarios.get(about.scenario)
        longest_s = self._policy.checks.grace_s
        if scenario is not None:
            longest_s = min(longest_s, scenario.nonce_age_s)
        given = connection.execute(_GIVEN, {"about": about.id, "since": about.since}).scalars()
        given_s = sum(float(detail["more_s"]) for detail in given)
        return min(longest_s - given_s, away_s)

    def _decided(self, connection: Connection, now: float, respite: Respite) -> list[Due]:
        """Accusations that time has decided. Reading all that are open once a second would let whoever floods the
        verifier with claims slow it down: a new one cannot be due before the shortest window is over."""
        if self._accusations_looked <= now < self._accusations_next:
            return []
        found = [
            Due(decided.at, _Timer.ACCUSATION, accusation.card_id)
            for accusation in accusations.still_open(connection)
            if (decided := self._decides(accusation, respite)) is not None
        ]
        due = [each for each in found if each.at <= now]
        if not due:
            later = [each.at for each in found]
            self._accusations_looked = now
            self._accusations_next = min([now + self._shortest_s(), *later])
        return due

    def _shortest_s(self) -> float:
        loaded = filter(None, map(self._scenarios.get, self._scenarios.names()))
        windows = [(s.accusation.window_s, s.accusation.suspend_on_silence_s) for s in loaded]
        return min((s for pair in windows for s in pair if s is not None), default=60.0)

    def _decides(self, accusation: accusations.Open, respite: Respite) -> "_Decided | None":
        scenario = self._scenarios.get(accusation.scenario)
        if scenario is None:
            return None
        lapses = _Decided(accusation.at + scenario.accusation.window_s, silent=False)
        silence_s = scenario.accusation.suspend_on_silence_s
        # Silence speaks for an accuser who was not refuted before, and only where somebody could have answered.
        believed = not (accusation.accuser_refuted or accusation.same_imei or accusation.bound_revoked)
        if silence_s is None or not believed:
            return lapses
        silent = _Decided(max(accusation.at, respite.since) + silence_s, silent=True)
        return silent if silent.at <= lapses.at else lapses

    def _decide(self, connection: Connection, due: Due, now: float, respite: Respite) -> None:
        for accusation in accusations.still_open(connection, due.id):
            decided = self._decides(accusation, respite)
            if decided is None or decided.at > now:
                continue
            if decided.silent:
                accusations.uphold(connection, accusation.id, "silence of the bound device", self._policy, now)
            else:
                accusations.expire(connection, accusation.id, now)

    def _hurry(self, connection: Connection, due: Due, now: float, _: Respite) -> None:
        appeals.remind(connection, due.id, now, again_s=self._policy.appeals.decide_s)


class _Decided(NamedTuple):
    """When time decides an accusation: by the bound device's silence, or because nothing agreed."""

    at: float
    silent: bool


def _first(connection: Connection, timer: _Timer, query: Select[Any], now: float, limit: int) -> list[Due]:
    return [Due(at, timer, id_) for at, id_ in connection.execute(query, {"now": now, "limit": limit})]


def _tell(
    connection: Connection, about: Card, kind: Kind, what: str, now: float, *, due_at: float, **detail: float
) -> None:
    """Writes a line of history about a card's check, and a notice of it."""
    reasons = signs.still_there(connection, about.id)
    told: dict[str, Any] = {"due_at": due_at, "deadline": about.deadline, **detail}
    event_id = cards.record(connection, about, what, at=now, actor="verifier", reasons=reasons, **told)
    happened = Happened(now, "verifier", tuple(reasons), detail={"due_at": due_at})
    notices.add(connection, about, kind, event_id, happened)
