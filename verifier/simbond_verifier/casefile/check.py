"""Whether a case is proved: by the devices' signatures, the ledger's receipts, and what has to follow from what."""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from ..envelope import BadEvidence, open_envelope, verify
from ..event_kinds import SCENARIO_LOADED
from ..evidence import Evidence, read_claims
from ..ledger import checkpoint, receipt
from ..ledger.checkpoint import BadCheckpoint, Checkpoint
from ..ledger.merkle import leaf_hash
from ..ledger.receipt import BadReceipt
from ..lifecycle import Access, Event, Refused, State, Status, transition
from ..work_orders.finding import Judgement
from . import facts, on_site, stations
from .case import Case
from .facts import Fact, Facts
from .keys import Keys
from .stations import Vouched

_LIFECYCLE = {event.value: event for event in Event}


class Checked(NamedTuple):
    """What a case is worth."""

    facts: Facts
    head: Checkpoint | None
    claims: dict[int, Evidence]
    """What devices said, by the ids of the Evidence whose signature is good."""
    on_site: dict[int, Judgement]
    """What devices said on site, by the sequence numbers of the entries whose proof is here and good."""
    vouched: dict[int, Vouched]
    """What stations vouched for, by the sequence numbers of the entries whose station did sign so."""
    doubts: list[str]
    """What is not proved, in words; empty: everything is."""
    notes: list[str]
    """What a reader should know, and is no fault."""


def check(case: Case, points: Sequence[bytes]) -> Checked:
    """points: the verifier's public keys, from somebody who is trusted."""
    return _Checker(case, points).checked()


class _Checker:
    def __init__(self, case: Case, points: Sequence[bytes]) -> None:
        self._case = case
        self._points = points
        self._facts = facts.read(case)
        self._doubts: list[str] = []
        self._notes: list[str] = []

    def checked(self) -> Checked:
        self._doubts += [f"Entry {seq} has no form that is known." for seq in self._facts.malformed]
        head = self._head()
        self._entries(head)
        self._links()
        keys = Keys(self._facts)
        self._doubts += keys.doubts
        claims = self._evidence(keys)
        answers = on_site.check(self._case, self._facts, keys, self._points)
        endorsed = stations.check(self._facts, keys)
        self._doubts += answers.doubts + endorsed.doubts
        self._notes += answers.notes + endorsed.notes
        self._scenarios()
        self._history()
        if self._facts.deleted:
            count = len(self._facts.deleted)
            self._notes.append(
                f"The content of {count} rows was deleted; their entries are in the ledger all the same."
            )
        return Checked(self._facts, head, claims, answers.good, endorsed.good, self._doubts, self._notes)

    def _head(self) -> Checkpoint | None:
        try:
            return checkpoint.verify(self._case.checkpoint, self._points)
        except BadCheckpoint as e:
            self._doubts.append(f"The checkpoint is not to be trusted: {e}.")
            return None

    def _entries(self, head: Checkpoint | None) -> None:
        last = -1
        for item in self._case.items:
            if item.seq <= last:
                self._doubts.append(f"Entry {item.seq} stands behind entry {last}: the order was changed.")
            last = max(last, item.seq)
            if item.body is not None and leaf_hash(item.body) != item.leaf:
                self._doubts.append(f"Entry {item.seq} was altered: its content does not have its leaf.")
            try:
                proved = receipt.verify_inclusion(item.receipt, item.leaf, self._points)
            except BadReceipt as e:
                self._doubts.append(f"Entry {item.seq} is not shown to be in the ledger: of its receipt, {e}.")
                continue
            if proved.seq != item.seq or (head is not None and (proved.size, proved.root) != (head.size, head.root)):
                self._doubts.append(f"The receipt of entry {item.seq} is for another place or another ledger.")

    def _links(self) -> None:
        """That nothing about the card was left out between its entries."""
        there = {item.seq for item in self._case.items}
        if self._facts.card is None:
            self._doubts.append(f"No event in the case is about the card {self._case.iccid}.")
            return
        for fact in self._facts.all:
            if fact.fields["card"] == self._facts.card and fact.previous is not None and fact.previous not in there:
                self._doubts.append(
                    f"Entry {fact.previous} is about this card, too, and was left out: entry {fact.seq} follows it."
                )

    def _evidence(self, keys: Keys) -> dict[int, Evidence]:
        claims = {}
        for fact in self._facts.of("evidence"):
            try:
                envelope = open_envelope(fact.fields["message"])
                holder = keys.get(envelope.kid)
                if holder is None or holder.device != fact.fields["device"]:
                    self._doubts.append(
                        f"Nobody's enrolment shows whose key {envelope.kid.hex()} is, which signed "
                        f"Evidence {fact.row_id} (entry {fact.seq})."
                    )
                    continue
                verify(envelope, holder.key)
                claims[fact.row_id] = read_claims(envelope)
            except BadEvidence as e:
                self._doubts.append(f"Evidence {fact.row_id} (entry {fact.seq}) is not what a device signed ({e}).")
        return claims

    def _scenarios(self) -> None:
        for fact in self._facts.fleet(SCENARIO_LOADED):
            text = str(fact.detail.get("text", ""))
            if sha256(text.encode()).hexdigest() != fact.detail.get("sha256"):
                self._doubts.append(f"The scenario's text in entry {fact.seq} does not have the digest beside it.")
        if not self._facts.fleet(SCENARIO_LOADED):
            self._notes.append(
                "No scenario's text is in the ledger for this card: nothing says what it was weighed by."
            )

    def _history(self) -> None:
        """That states follow the lifecycle's rules, and the network was told and answered."""
        before: Status | None = None
        for fact in self._facts.history():
            try:
                after = Status(State(fact.fields["state"]), Access(fact.fields["access"]))
            except ValueError:
                self._doubts.append(f"Entry {fact.seq} leaves the card in a state that there is not.")
                continue
            event = _LIFECYCLE.get(fact.fields["kind"])
            if event is None:
                before = before or after
                continue
            if before is not None:
                self._transition(fact, before, event, after)
                if after.access is not before.access:
                    self._enforced(fact, after.access)
            before = after

    def _transition(self, fact: Fact, before: Status, event: Event, after: Status) -> None:
        try:
            allowed = {transition(before, event, has_device=has) for has in (True, False)}
        except Refused:
            allowed = set()
        if after not in allowed:
            self._doubts.append(
                f"Entry {fact.seq}: '{event.value}' does not lead from {before.state} ({before.access}) "
                f"to {after.state} ({after.access})."
            )
        if after.access is Access.BARRED and before.access is not Access.BARRED:
            self._justified(fact, event)

    def _justified(self, fact: Fact, event: Event) -> None:
        """That whoever barred the card said why, by evidence that is here."""
        if not (fact.reasons or fact.detail.get("reason") or event is Event.EXPIRE):
            self._doubts.append(f"Entry {fact.seq} bars the card, and no reason stands there.")
        evidence_id = fact.fields["evidence"]
        there = {f.row_id for f in self._facts.of("evidence")}
        if evidence_id is not None and evidence_id not in there:
            if any((item.kind, item.row_id) == ("evidence", evidence_id) for item in self._facts.deleted):
                self._notes.append(f"Evidence {evidence_id}, which entry {fact.seq} names, was deleted meanwhile.")
            else:
                self._doubts.append(f"Evidence {evidence_id}, for which entry {fact.seq} bars the card, is not here.")
        told = self._facts.following("notice", "event", fact.row_id)
        if not told and not any(item.kind == "notice" for item in self._facts.deleted):
            self._doubts.append(f"No notice tells the card's holder of entry {fact.seq}, which bars it.")

    def _enforced(self, fact: Fact, access: Access) -> None:
        """That a command followed from the event, and that the network's own records agreed to it."""
        commands = self._facts.following("command", "event", fact.row_id)
        if [c.fields["access"] for c in commands] != [access.value] or commands[0].fields["iccid"] != self._case.iccid:
            self._doubts.append(f"No command to the network follows from entry {fact.seq}, which needs one.")
            return
        (command,) = commands
        said = [answer.fields["said"] for answer in self._facts.following("readback", "command", command.row_id)]
        newer = [c for c in self._facts.of("command") if c.row_id > command.row_id]
        if access.value in said:
            return
        if newer:
            self._notes.append(f"Command {command.row_id} (entry {command.seq}) was overtaken by a newer one.")
        elif access is Access.RESTRICTED and any(said):
            self._notes.append(f"The network does what it can of command {command.row_id}: it reads '{said[-1]}'.")
        else:
            answer = f"it reads '{said[-1]}'" if said and said[-1] else "no answer is recorded"
            self._doubts.append(
                f"The network has not confirmed command {command.row_id} (entry {command.seq}, {access}): {answer}."
            )
