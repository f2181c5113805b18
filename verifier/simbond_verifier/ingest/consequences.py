"""What a verdict leads to beyond being kept: for the bound card, for the claimed one, and for others of the device."""

from sqlalchemy import Connection

from ..appraisal import Appraisal, Card
from ..evidence import Evidence
from ..lifecycle import Event, State
from ..observation import Sign
from ..policy import Policy
from ..reasons import Reason, Tier
from ..scenario import Scenario, Scenarios
from ..store import accusations, bindings, cards, signs, swaps
from ..store.database import statements
from ..store.signs import Told
from .result import Result

_ABSENT = "SELECT absent FROM device WHERE id = ?"


class Consequences:
    """Written at once, within a transaction."""

    def __init__(self, connection: Connection, scenarios: Scenarios, policy: Policy) -> None:
        self._connection = connection
        self._scenarios = scenarios
        self._policy = policy

    def follow(
        self,
        result: Result,
        verdict: Appraisal,
        bound: Card | None,
        claimed: Card | None,
        scenario: Scenario | None,
        told: Told,
    ) -> Result:
        """What a verdict leads to beyond being kept."""
        connection, policy, now = self._connection, self._policy, told.at
        if claimed is not None and verdict.binds is not None:
            self._take(claimed, verdict.binds, told)
            return result._replace(changed=True)
        if bound is not None and verdict.event is not None:
            bound = self._change(bound, verdict.event, verdict.reasons, scenario, told)
            if bound.status.state is State.SUSPENDED and scenario is not None:
                result = result._replace(interval_s=scenario.reporting.interval_s)  # more of the same lifts nothing
        elif bound is not None and verdict.signs and scenario is not None:
            bound = signs.note(connection, bound, verdict.signs, scenario, policy, told)
        if bound is not None and verdict.answers:
            accusations.refute(connection, bound, told)
        if bound is not None and verdict.absent:
            self._corroborate(bound.id, now)
        if claimed is None or not verdict.accuses:
            return result._replace(changed=True)
        accused = False
        if verdict.proved:
            accusations.prove(connection, claimed, policy, told)
        else:
            accused = accusations.accuse(connection, claimed, told) is not None
        if statements(connection).execute(_ABSENT, (claimed.device_id,)).fetchone()[0]:
            self._corroborate(claimed.id, now)
        if cards.by_id(connection, claimed.id).status.state is not State.SUSPENDED:
            return result._replace(accused=accused, changed=True)
        reasons = (*(r for r in result.reasons if r is not Reason.FOREIGN_DEVICE_CLAIM), Reason.FOREIGN_DEVICE)
        return result._replace(tier=Tier.CONTRAINDICATED, reasons=reasons, changed=True)

    def _change(
        self, bound: Card, event: Event, reasons: tuple[Reason, ...], scenario: Scenario | None, told: Told
    ) -> Card:
        """Takes the bound card through the verdict's event. Affirming Evidence may be too little for that."""
        affirms = event is Event.AFFIRM
        if affirms and scenario is not None and not signs.affirmed(self._connection, bound, scenario, told):
            return bound
        return cards.change(
            self._connection,
            bound,
            event,
            at=told.at,
            actor="verifier",
            reasons=reasons,
            device_id=told.device_id,
            evidence_id=told.evidence_id,
        )

    def miss(self, other: Card, sign: Reason, evidence: Evidence, told: Told) -> None:
        """Another card of the device is not in it."""
        scenario = self._scenarios.get(other.scenario)
        if scenario is not None:
            says = [Sign(sign, {"says": evidence.iccid})]
            signs.note(self._connection, other, says, scenario, self._policy, told)
        if sign is not Reason.CARD_UNREADABLE:
            self._corroborate(other.id, told.at)

    def _take(self, claimed: Card, why: Reason, told: Told) -> None:
        """The card that the device claims is its own from now on."""
        if why is Reason.SWAP_ANNOUNCED:
            swaps.close(self._connection, claimed, told)
            return
        assert told.device_id is not None
        bindings.bind(
            self._connection,
            claimed,
            told.device_id,
            at=told.at,
            actor="verifier",
            reasons=(why,),
            evidence_id=told.evidence_id,
        )

    def _corroborate(self, card_id: int, now: float) -> None:
        """The bound device says that the card is gone: every open accusation of it is upheld."""
        for found in accusations.still_open(self._connection, card_id):
            accusations.uphold(self._connection, found.id, "bound device", self._policy, now)
