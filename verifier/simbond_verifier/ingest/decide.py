"""One piece of Evidence against the database: a unit of work of the group commit.

The two statements that every Evidence costs are plain SQL; SQLAlchemy takes the rest.
"""

from typing import Any, NamedTuple

from sqlalchemy import Connection

from .. import freshness
from ..appraisal import Appraisal, Card, Device, appraise
from ..evidence import Evidence
from ..lifecycle import State
from ..reasons import Reason, Tier
from ..scenario import Scenarios
from ..store import accusations, cards

UNBOUND_INTERVAL_S = 900
"""Until the next Evidence of a device that no card is bound to."""
_UNBOUND_NONCE_AGE_S = 2 * UNBOUND_INTERVAL_S

_FIND = """
SELECT d.id, d.imei, d.revoked_at, d.bootcount, d.uptime,
       c.id, c.iccid, c.imsi, c.scenario, c.state, c.access, c.since, c.device_id, c.accused_at
FROM device d LEFT JOIN card c ON c.device_id = d.id WHERE d.kid = ?
"""
_SEEN = "UPDATE device SET bootcount = ?, uptime = ?, seen_at = ?, tier = ?, holds = ?, absent = ? WHERE id = ?"
_KEEP = "INSERT INTO evidence (at, device_id, card_id, tier, reasons, message) VALUES (?, ?, ?, ?, ?, ?)"
_ABSENT = "SELECT absent FROM device WHERE id = ?"


class Result(NamedTuple):
    """The answer to one message, and what its appraisal set in motion."""

    tier: Tier
    reasons: tuple[Reason, ...]
    interval_s: int
    kid: bytes | None = None
    evidence_id: int | None = None
    accused: bool = False
    """A new accusation waits for the network view."""
    changed: bool = False
    """A card changed its state: there may be something in the outbox."""


def refused(reason: Reason, kid: bytes | None, interval_s: int = UNBOUND_INTERVAL_S) -> Result:
    """The result for Evidence that counts for nothing."""
    return Result(Tier.CONTRAINDICATED, (reason,), interval_s, kid)


class Decider:
    """Decides over Evidence whose signature is already good."""

    def __init__(self, scenarios: Scenarios, secret: bytes) -> None:
        """secret: the key of the nonces, 32 octets."""
        self._scenarios = scenarios
        self._secret = secret

    def decide(self, evidence: Evidence, message: bytes, now: float, connection: Connection) -> Result:
        """Appraises, and writes what follows from it. now: seconds since the epoch."""
        raw: Any = connection.connection.driver_connection
        row = raw.execute(_FIND, (evidence.kid,)).fetchone()
        if row is None:
            return refused(Reason.KEY_UNKNOWN, evidence.kid)
        device_id, imei, revoked_at, bootcount, uptime = row[:5]
        if revoked_at is not None:
            return refused(Reason.KEY_REVOKED, evidence.kid)
        bound = None if row[5] is None else cards.card_from_row(row[5:])
        scenario = None if bound is None else self._scenarios.get(bound.scenario)
        interval_s = UNBOUND_INTERVAL_S if scenario is None else scenario.reporting.interval_s

        disorder = freshness.order(evidence.bootcount, evidence.uptime, bootcount, uptime)
        if disorder is not None:
            return refused(disorder, evidence.kid, interval_s)
        age = _UNBOUND_NONCE_AGE_S if scenario is None else scenario.nonce_age_s
        issued = freshness.check(self._secret, evidence.kid, evidence.nonce, now, age)
        if isinstance(issued, Reason):
            return refused(issued, evidence.kid, interval_s)

        claimed = None
        if evidence.iccid is not None and (bound is None or evidence.iccid != bound.iccid):
            claimed = cards.by_iccid(connection, evidence.iccid)
        verdict = appraise(evidence, Device(device_id, imei), bound, claimed, scenario, issued)

        about = claimed or bound
        reasons = ",".join(verdict.reasons)
        raw.execute(
            _SEEN,
            (evidence.bootcount, evidence.uptime, now, verdict.tier, evidence.iccid, verdict.absent, device_id),
        )
        evidence_id = raw.execute(
            _KEEP, (now, device_id, None if about is None else about.id, verdict.tier, reasons, message)
        ).lastrowid
        result = Result(verdict.tier, verdict.reasons, 0 if verdict.again else interval_s, evidence.kid, evidence_id)
        if verdict.event is None and not (verdict.accuses or verdict.answers):
            return result
        return self._follow(connection, result, verdict, bound, claimed, device_id, now)

    def _follow(
        self,
        connection: Connection,
        result: Result,
        verdict: Appraisal,
        bound: Card | None,
        claimed: Card | None,
        device_id: int,
        now: float,
    ) -> Result:
        """What a verdict leads to beyond being kept."""
        evidence_id = result.evidence_id
        accused = False
        reasons = result.reasons
        if bound is not None and verdict.event is not None:
            bound = cards.change(
                connection,
                bound,
                verdict.event,
                at=now,
                actor="verifier",
                reasons=verdict.reasons,
                device_id=device_id,
                evidence_id=evidence_id,
            )
        if bound is not None and verdict.answers and evidence_id is not None:
            accusations.refute(connection, bound, evidence_id, now)
        if bound is not None and verdict.absent:
            self._corroborate(connection, bound.id, now)
        if claimed is not None and verdict.accuses and evidence_id is not None:
            accused = accusations.accuse(connection, claimed, device_id, evidence_id, now) is not None
            raw: Any = connection.connection.driver_connection
            if raw.execute(_ABSENT, (claimed.device_id,)).fetchone()[0]:
                self._corroborate(connection, claimed.id, now)
            if cards.by_id(connection, claimed.id).status.state is State.SUSPENDED:
                reasons = (*(r for r in reasons if r is not Reason.FOREIGN_DEVICE_CLAIM), Reason.FOREIGN_DEVICE)
                return result._replace(tier=Tier.CONTRAINDICATED, reasons=reasons, changed=True)
        return result._replace(reasons=reasons, accused=accused, changed=True)

    def _corroborate(self, connection: Connection, card_id: int, now: float) -> None:
        """The bound device says that the card is gone: every open accusation of it is upheld."""
        for found in accusations.still_open(connection, card_id):
            accusations.uphold(connection, found.id, "bound device", now)
