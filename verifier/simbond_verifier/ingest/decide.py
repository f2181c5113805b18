"""Evidence against the database. What every Evidence costs is plain SQL, shared by those that are committed together;
SQLAlchemy takes the rest.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from .. import freshness
from ..appraisal import STAYS, Card, Device, Move, absence, appraise, late
from ..binding import swap_is_open, takes_by_use
from ..envelope import is_stated_by
from ..evidence import Evidence
from ..lifecycle import State
from ..policy import Policy
from ..reasons import Reason, Tier
from ..scenario import Mode, Scenario, Scenarios
from ..store import bindings, cards, clone, identities, profiles, retired_keys, signs
from ..store.database import statements
from ..store.signs import Told
from .attester import Attester
from .consequences import Consequences
from .ordinary import Ordinary, Pair
from .result import UNBOUND_INTERVAL_S, Result, Verified, refused

_UNBOUND_NONCE_AGE_S = 2 * UNBOUND_INTERVAL_S

_CARD = ", ".join(f"c.{column.name}" for column in cards.COLUMNS)
_FIND = f"""
SELECT d.kid, d.id, d.imei, d.imei2, d.revoked_at, d.bootcount, d.uptime, {_CARD}
FROM device d LEFT JOIN card c ON c.device_id = d.id WHERE d.kid IN (%s)
"""  # noqa: S608 - of column names
_FIND_PAIRS = """
SELECT d.kid, d.revoked_at IS NULL AND c.state = 'bound' AND c.accused_at IS NULL AND c.sim_key IS NULL,
d.id, d.imei, d.bootcount, d.uptime, c.id, c.iccid, c.imsi, c.scenario
FROM device d LEFT JOIN card c ON c.device_id = d.id WHERE d.kid IN (%s)
"""
_FIND_AT_ONCE = 500
_SEEN = """
UPDATE device SET bootcount = ?, uptime = ?, seen_at = ?, tier = ?, holds = ?, absent = (? = 1), evidence_id = ?
WHERE id = ?
"""
_COUNTED = "UPDATE device SET bootcount = ?, uptime = ? WHERE id = ?"
_KEEP = "INSERT INTO evidence (id, at, device_id, card_id, tier, reasons, message) VALUES (?, ?, ?, ?, ?, ?, ?)"
_LAST = "SELECT coalesce(max(id), 0) FROM evidence"
_AFFIRMING = int(Tier.AFFIRMING)  # the driver takes plain int and bytearray as they are, and asks around about others
_pair = tuple.__new__  # half the time of the named tuple's own


class Decider:
    """Decides over Evidence whose signature is already good."""

    def __init__(
        self, scenarios: Scenarios, secret: bytes, policy: Policy | None = None, listens_since: float = 0.0
    ) -> None:
        """secret: the key of the nonces, 32 octets. listens_since: when the verifier started."""
        self._listens_since = listens_since
        self._scenarios = scenarios
        self._secret = secret
        self._policy = policy or Policy()
        self._ordinary = Ordinary()

    def decide(self, connection: Connection, items: list[Verified]) -> list[Result]:
        """Appraises Evidence in the order given, and writes what follows from it: a handler of the group commit."""
        round_ = _Round(connection, self._scenarios, self._policy, self._secret, self._listens_since, self._ordinary)
        return round_.decide(items)


class _Round:
    """One transaction's Evidence. Devices are read together and written together; whatever has consequences beyond
    its own device is written at once, and what was read is read again after it."""

    def __init__(
        self,
        connection: Connection,
        scenarios: Scenarios,
        policy: Policy,
        secret: bytes,
        listens_since: float,
        ordinary: Ordinary,
    ) -> None:
        self._connection = connection
        self._raw = statements(connection)
        self._consequences = Consequences(connection, scenarios, policy)
        self._identities = identities.of(connection)
        self._scenarios = scenarios
        self._policy = policy
        self._secret = secret
        self._listens_since = listens_since
        self._ordinary = ordinary
        self._pairs: dict[bytes, Pair] = {}
        self._known: dict[bytes, Attester] = {}
        self._seen: list[tuple[Any, ...]] = []
        self._kept: list[tuple[Any, ...]] = []
        self._stale = False
        self._alone = False  # every key appears once
        self._last_id: int = self._raw.execute(_LAST).fetchone()[0]

    def decide(self, items: list[Verified]) -> list[Result]:
        kids = {item.evidence.kid for item in items}
        self._alone = len(kids) == len(items)
        self._read_pairs(kids)
        self._read(kids - self._pairs.keys())
        results = [self._of_pair(item) or self._one(item) for item in items]
        self._write()
        return results

    def _read_pairs(self, kids: set[bytes]) -> None:
        """What ordinary Evidence is about needs few columns and no Card."""
        others = set()
        for row in self._select(_FIND_PAIRS, kids):
            kid = row[0]
            if row[1] and kid not in self._pairs:
                self._pairs[kid] = _pair(Pair, row[2:])
            else:
                others.add(kid)
        for kid in others:
            self._pairs.pop(kid, None)  # it has several cards
        if self._identities.sealed:
            for kid, pair in self._pairs.items():
                self._pairs[kid] = pair._replace(imsi=self._identities.read(pair.imsi))

    def _of_pair(self, item: Verified) -> Result | None:
        """The result for ordinary Evidence of a pair, None for any other."""
        evidence, message, now = item
        kid = evidence.kid
        pair = self._pairs.get(kid)
        if pair is None:
            return None
        device_id, _, bootcount, uptime, card_id, iccid, _, name = pair
        counters = evidence.bootcount, evidence.uptime
        scenario = self._scenarios.get(name)
        if (
            counters > (bootcount, uptime)
            and scenario is not None
            and self._ordinary.affirms(evidence, pair, scenario)
            and type(freshness.check(self._secret, kid, evidence.nonce, now, scenario.nonce_age_s)) is float
        ):
            self._last_id += 1
            self._seen.append((*counters, now, _AFFIRMING, iccid, 0, self._last_id, device_id))
            kept = bytearray(self._identities.store_octets(message))
            self._kept.append((self._last_id, now, device_id, card_id, _AFFIRMING, "", kept))
            if not self._alone:
                self._pairs[kid] = pair._replace(bootcount=evidence.bootcount, uptime=evidence.uptime)
            return Result(Tier.AFFIRMING, (), scenario.reporting.interval_s, kid, self._last_id)
        del self._pairs[kid]
        self._write()
        self._read({kid})
        return None

    def _read(self, kids: set[bytes]) -> None:
        for row in self._select(_FIND, kids):
            kid, device_id, imei, imei2, revoked_at, bootcount, uptime, card_id = row[:8]
            bound: tuple[Card, ...] = () if card_id is None else (self._card(row[7:]),)
            if kid in self._known:
                bound = self._known[kid].cards + bound
            self._known[kid] = Attester(
                Device(device_id, imei, imei2), revoked_at is not None, bootcount, uptime, bound
            )

    def _select(self, query: str, kids: set[bytes]) -> Iterator[tuple[Any, ...]]:
        wanted = list(kids)
        for start in range(0, len(wanted), _FIND_AT_ONCE):
            some = wanted[start : start + _FIND_AT_ONCE]
            yield from self._raw.execute(query % ",".join("?" * len(some)), some)

    def _card(self, row: tuple[Any, ...]) -> Card:
        found = cards.card_from_row(row)
        return found._replace(imsi=self._identities.read(found.imsi)) if self._identities.sealed else found

    def _write(self) -> None:
        self._raw.executemany(_SEEN, self._seen)
        self._raw.executemany(_KEEP, self._kept)
        self._seen.clear()
        self._kept.clear()

    def _one(self, item: Verified) -> Result:
        evidence, message, now = item
        kid = evidence.kid
        if self._stale and kid not in self._known:
            self._read({kid})
        attester = self._known.get(kid)
        if attester is None:
            return self._unknown(evidence, now)
        device, revoked, bootcount, uptime, _ = attester
        bound = attester.holds(evidence.iccid)
        if revoked:
            return refused(Reason.KEY_REVOKED, kid)
        scenario = None if bound is None else self._scenarios.get(bound.scenario)
        interval_s = UNBOUND_INTERVAL_S if scenario is None else scenario.reporting.interval_s
        disorder = freshness.order(evidence.bootcount, evidence.uptime, bootcount, uptime)
        if disorder is not None:
            changed = disorder is Reason.COUNTER_BACK and self._behind(evidence, device, bound, scenario, now)
            return refused(disorder, kid, interval_s)._replace(changed=changed)
        age_s = _UNBOUND_NONCE_AGE_S if scenario is None else scenario.nonce_age_s
        issued = freshness.check(self._secret, kid, evidence.nonce, now, age_s)
        in_time = issued is not Reason.LATE
        if not in_time:
            issued = 0.0  # of no time at all
        if isinstance(issued, Reason):
            return refused(issued, kid, interval_s)

        claimed = None
        if evidence.iccid is not None and (bound is None or evidence.iccid != bound.iccid):
            claimed = cards.by_iccid(self._connection, evidence.iccid)
        about = claimed or bound
        stated = evidence.statement is not None and _is_stated(evidence, about)
        at_home = bound is not None and evidence.iccid == bound.iccid
        move = STAYS if at_home else self._move(device, bound, claimed, now)
        if not in_time:
            move = move._replace(takes=None)
        verdict = appraise(evidence, device, bound, claimed, scenario, issued, stated, move)
        if not in_time:
            verdict = late(verdict, bound)

        if bound is not None and at_home and in_time and len(attester.cards) > 1:
            self._write()  # what it named last, perhaps just before
            profiles.note_use(self._connection, device.id, attester.cards, bound.iccid, self._scenarios, now)
        tier = int(verdict.tier)
        self._last_id += 1
        if in_time:
            self._seen.append(
                (
                    *(evidence.bootcount, evidence.uptime, now, tier, evidence.iccid, int(verdict.absent)),
                    *(self._last_id, device.id),
                )
            )
        else:
            self._write()  # in order: what came before has lower counters
            self._raw.execute(_COUNTED, (evidence.bootcount, evidence.uptime, device.id))
        self._kept.append(
            (
                self._last_id,
                now,
                device.id,
                None if about is None else about.id,
                tier,
                ",".join(verdict.reasons),
                bytearray(self._identities.store_octets(message)),
            )
        )
        if not self._alone:
            self._known[kid] = attester._replace(bootcount=evidence.bootcount, uptime=evidence.uptime)
        if verdict.binds is not None and move.scenario is not None:
            interval_s = move.scenario.reporting.interval_s
        result = Result(verdict.tier, verdict.reasons, 0 if verdict.again else interval_s, kid, self._last_id)
        # An ignored sign is no alert, but "gone" from the bound device is still what an accusation waits for.
        settles = verdict.answers or (verdict.absent and bound is not None and bound.accused_at is not None)
        missed = attester.misses(bound, at_home, self._scenarios, now) if in_time and len(attester.cards) > 1 else []
        if verdict.event is None and not (verdict.signs or verdict.accuses or verdict.binds or settles or missed):
            return result
        self._write()
        told = Told(now, signs.EVIDENCE, device.id, self._last_id)
        result = self._consequences.follow(result, verdict, bound, claimed, scenario, told)
        for other in missed:
            self._consequences.miss(other, absence(evidence), evidence, told)
        self._forget()
        return result

    def _forget(self) -> None:
        """Any card and device may have changed."""
        self._pairs.clear()
        self._known.clear()
        self._stale = True

    def _behind(
        self, evidence: Evidence, device: Device, bound: Card | None, scenario: Scenario | None, now: float
    ) -> bool:
        """Evidence with a counter that is behind: the counter was lost, or somebody else has the bound card's key.
        Returns whether the card changed."""
        if bound is None or scenario is None:
            return False
        issued = freshness.check(self._secret, evidence.kid, evidence.nonce, now, scenario.nonce_age_s)
        if isinstance(issued, Reason):
            return False
        self._write()  # what the other counter said, perhaps just before
        about = cards.by_id(self._connection, bound.id)
        told = Told(now, signs.COUNTER, device.id)
        counter = (evidence.bootcount, evidence.uptime)
        after = clone.note_fork(self._connection, about, counter, issued, scenario, self._policy, told)
        if after is about:
            return False
        self._forget()
        return True

    def _unknown(self, evidence: Evidence, now: float) -> Result:
        """The result for a key that no device has now."""
        retired = retired_keys.find(self._connection, evidence.kid)
        if retired is None:
            return refused(Reason.KEY_UNKNOWN, evidence.kid)
        issued = freshness.check(self._secret, evidence.kid, evidence.nonce, now, now - retired.at)
        if not isinstance(issued, Reason) and issued > retired.at:
            retired_keys.note_use(self._connection, retired, now)
        return refused(Reason.KEY_REVOKED, evidence.kid)

    def _move(self, device: Device, bound: Card | None, claimed: Card | None, now: float) -> Move:
        """Whether the bound card is about to leave this device, and the claimed one may come to it."""
        leaves = bound is not None and swap_is_open(bound, now) and bound.swap_device_id != device.id
        scenario = None if claimed is None else self._scenarios.get(claimed.scenario)
        if claimed is None or scenario is None:
            return Move(leaves)
        announced = swap_is_open(claimed, now) and claimed.swap_device_id == device.id
        if not announced and scenario.binding.mode in (Mode.PAIR, Mode.SET):
            return Move(leaves)
        takes = None
        self._write()  # what the bound device said last, perhaps just before
        known = bindings.facts(self._connection, claimed, device.id, self._scenarios, now)
        known = known._replace(listens_since=self._listens_since)
        if announced and not known.elsewhere and claimed.status.state in (State.BOUND, State.WARNED):
            takes = Reason.SWAP_ANNOUNCED
        elif takes_by_use(claimed, device, scenario, known, now):
            takes = Reason.BOUND_BY_USE
        return Move(leaves, announced, takes, scenario)


def _is_stated(evidence: Evidence, about: Card | None) -> bool:
    """Whether the SIM of the card that the Evidence is about signed it, too."""
    if evidence.statement is None or about is None or about.sim_key is None:
        return False
    return is_stated_by(evidence.statement, about.sim_key)
