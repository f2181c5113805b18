"""A scratch database on which history happens once more, by given rules."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from ..appraisal import Card
from ..evidence import Evidence
from ..ingest.decide import Decider
from ..ingest.result import Result, Verified
from ..lifecycle import NEW, Access, Event, Refused, State
from ..policy import Policy
from ..reasons import Reason
from ..scenario import Scenarios
from ..store import bindings, cards, identities, observations, quiet, swaps, sweep, warnings
from ..store.database import Database
from ..store.schema import card, device, event
from ..store.timers import Respite, Timers
from .history import Bond, Order, Sighting

_AT_ONCE = 1000
_EPOCH = float("-inf")
_ORDERS = frozenset({Event.SUSPEND, Event.OPEN, Event.LIFT, Event.RETIRE})
"""What people order beside bonds: the lifecycle's own events."""


class Stage:
    """One run of history. Everything is decided by the code that decides in earnest; only the target, to which nothing
    is ever said, is missing."""

    def __init__(self, path: Path, source: Database, scenarios: Scenarios, policy: Policy, secret: bytes) -> None:
        """path: of the scratch database. secret: the key of the source's nonces."""
        self.database = Database(path)
        self._scenarios = scenarios
        self._policy = policy
        self._decider = Decider(scenarios, secret, policy)
        self._sweep = sweep.Sweep(scenarios, policy)
        self._timers = Timers(scenarios, policy)
        with source.read() as connection:
            identities.use(self.database.engine, identities.of(connection))
        self._connection = self.database.backend.write()
        self._connection.connection.cursor().execute("PRAGMA synchronous = OFF")  # nobody misses it
        self._transaction = self._connection.begin()
        self.first_event = 1

    def close(self) -> None:
        self._transaction.rollback()
        self._connection.close()
        self.database.close()

    def commit(self) -> None:
        """Makes what happened visible to `database`'s readers."""
        self._transaction.commit()
        self._transaction = self._connection.begin()

    def seed(self, source: Database, bonds: dict[int, Bond], since: float) -> None:
        """The fleet as the history begins: its cards bound as they were, and nothing said against any of them."""
        for rows in _pages(source, device):
            self._connection.execute(insert(device), [_as_new(row) for row in rows])
        for rows in _pages(source, card):
            self._connection.execute(insert(card), [_as_bound(row, bonds.get(row["id"]), since) for row in rows])
        bound = [
            {
                "at": bond.at, "card_id": card_id, "device_id": bond.device_id, "kind": Event.BIND, "actor": "history",
                "state": State.BOUND, "access": Access.ALLOWED, "reasons": "", "detail": {},
            }
            for card_id, bond in bonds.items()
        ]  # fmt: skip
        for start in range(0, len(bound), _AT_ONCE):
            self._connection.execute(insert(event), bound[start : start + _AT_ONCE])
        self.first_event = len(bound) + 1
        warnings.set_counted(self._connection, len(bound))

    def attest(self, found: list[tuple[float, int, Evidence]]) -> int:
        """Takes (time, device id, Evidence) in the order in which they came. Returns how many did not count: their
        nonces are of another database, the one before a restore."""
        items = [Verified(evidence, b"", at) for at, _, evidence in found]
        results = self._decider.decide(self._connection, items)
        lost = 0
        for first, item, (_, device_id, _) in zip(results, items, found, strict=True):
            renamed = first.reasons == (Reason.KEY_UNKNOWN,)
            result = self._with_its_key(device_id, item) if renamed else first
            lost += result.reasons == (Reason.NONCE_WRONG,)
        return lost

    def _with_its_key(self, device_id: int, item: Verified) -> Result:
        """Evidence that had counted under a key that the device had then: its counters began anew with it."""
        values: dict[str, Any] = {"kid": item.evidence.kid, "bootcount": -1, "uptime": -1}
        self._connection.execute(update(device).where(device.c.id == device_id).values(**values))
        return self._decider.decide(self._connection, [item])[0]

    def see(self, sighting: Sighting) -> None:
        observations.take(self._connection, sighting.observation, self._scenarios, self._policy, sighting.at)

    def order(self, order: Order) -> None:
        """What people decided. What they would not have had to decide here is left out."""
        found = cards.by_id(self._connection, order.card_id)
        try:
            self._order(found, order)
        except Refused:
            return

    def _order(self, found: Card, order: Order) -> None:
        told: dict[str, Any] = {"at": order.at, "actor": "history"}
        if order.kind == Event.BIND and order.device_id is not None:
            bindings.bind(
                self._connection, found, order.device_id, scenario=order.detail.get("scenario", found.scenario), **told
            )
        elif order.kind == Event.UNBIND:
            bindings.unbind(self._connection, found, **told)
        elif order.kind == "swap-opened" and order.device_id is not None:
            swaps.open_(self._connection, found, order.device_id, until=order.detail["until"], **told)
        elif order.kind in _ORDERS:
            hold = order.kind == Event.SUSPEND
            cards.change(self._connection, found, Event(order.kind), hold=hold, **told)

    def tick(self, now: float) -> None:
        """What is due by the clock."""
        while due := self._timers.due(self._connection, now, Respite(_EPOCH, 0.0), _AT_ONCE):
            for one in due:
                self._timers.carry_out(self._connection, one, one.at, Respite(_EPOCH, 0.0))
        for card_id in swaps.due(self._connection, now):
            swaps.expire(self._connection, card_id, now)

    def sweep(self, now: float, listens_since: float) -> None:
        """What the watch finds."""
        last = quiet.last_id(self._connection)
        for card_id in self._sweep.begun(self._connection, range(1, last + 1), now, listens_since):
            self._sweep.note_absence(self._connection, card_id, now, listens_since)
        for card_id in self._sweep.passed(self._connection, now):
            self._sweep.end_passing(self._connection, card_id, now)
        while begun := sweep.uncounted(self._connection, _AT_ONCE):
            for _, card_id in begun:
                self._sweep.note_often(self._connection, card_id, now)
            warnings.set_counted(self._connection, begun[-1][0])


def _pages(source: Database, table: Any) -> Iterator[list[Any]]:
    last = 0
    while True:
        with source.read() as connection:
            query = select(table).where(table.c.id > last).order_by(table.c.id).limit(_AT_ONCE)
            page = list(connection.execute(query).mappings())
        if not page:
            return
        yield page
        last = page[-1]["id"]


def _as_new(row: Any) -> dict[str, Any]:
    """A device that has not attested yet. Whose key was revoked later had a key then."""
    never = {"bootcount": -1, "uptime": -1, "seen_at": None, "tier": 0, "holds": None, "absent": False, "refuted": 0}
    return {**row, **never, "revoked_at": None, "rotated_at": None, "evidence_id": None}


def _as_bound(row: Any, bond: Bond | None, since: float) -> dict[str, Any]:
    state = NEW.state if bond is None else State.BOUND
    fresh = {"accused_at": None, "challenged": False, "deadline": None, "remind_at": None, "affirmed": 0, "held": False}
    swap = {"swap_device_id": None, "swap_until": None}
    return {
        **row, **fresh, **swap, "state": state, "access": Access.ALLOWED, "since": since if bond is None else bond.at,
        "device_id": None if bond is None else bond.device_id,
    }  # fmt: skip
