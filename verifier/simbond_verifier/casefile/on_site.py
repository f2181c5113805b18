"""What devices answered on site: each answer of a card's history against its proof, as whoever has the verifier's key
checks it."""

from collections.abc import Sequence
from typing import NamedTuple

from ..envelope import BadEvidence
from ..event_kinds import ERASED, FIELD_CHECK
from ..work_orders.finding import Finding, Judgement, KnownDevice, judge
from ..work_orders.proof import Proof, digest, from_octets
from ..work_orders.ticket import NotGenuine
from .case import Case
from .facts import Fact, Facts
from .keys import Keys

_OF_THE_VERIFIER = (Finding.EXPIRED, Finding.KEY_REVOKED, Finding.OTHER_DEVICE, Finding.OLDER)
"""What may speak against an answer that is good by itself: clocks, keys, bindings and counters at the verifier."""


class Answers(NamedTuple):
    """What the answers are worth."""

    good: dict[int, Judgement]
    """By the sequence numbers of the entries that record them."""
    doubts: list[str]
    notes: list[str]


def check(case: Case, facts: Facts, keys: Keys, points: Sequence[bytes]) -> Answers:
    """points: the verifier's public keys, from somebody who is trusted."""
    found = Answers({}, [], [])
    proofs = _by_digest(case, found.doubts)
    erased_at = max((fact.seq for fact in facts.history() if fact.fields["kind"] == ERASED), default=-1)
    for fact in facts.history():
        if fact.fields["kind"] != FIELD_CHECK:
            continue
        proof = proofs.pop(str(fact.detail.get("sha256")), None)
        if proof is not None:
            _judge(fact, proof, case, keys, points, found)
        elif fact.seq < erased_at:
            found.notes.append(f"What the device answered on site (entry {fact.seq}) was erased with the card's data.")
        else:
            found.doubts.append(
                f"What the device answered on site is not here, or is not what entry {fact.seq} recorded."
            )
    found.doubts.extend(f"No entry records the answer on site with the SHA-256 {name}." for name in proofs)
    return found


def _by_digest(case: Case, doubts: list[str]) -> dict[str, Proof]:
    proofs = {}
    for octets in case.proofs:
        try:
            proof = from_octets(octets)
            proofs[digest(proof).hex()] = proof
        except (NotGenuine, BadEvidence) as e:
            doubts.append(f"An answer on site cannot be read ({e}).")
    return proofs


def _judge(fact: Fact, proof: Proof, case: Case, keys: Keys, points: Sequence[bytes], found: Answers) -> None:
    holders = [] if fact.fields["device"] is None else keys.of(fact.fields["device"])
    every = tuple(holder.point for holder in holders)
    known = [KnownDevice(point, "", earlier=every) for point in every]
    judged = judge(proof, points, {device.kid: device for device in known}, None)
    doubt = _doubt(fact, judged, case, known)
    if doubt is None:
        found.good[fact.seq] = judged
    else:
        found.doubts.append(f"What the device answered on site (entry {fact.seq}) proves nothing: {doubt}.")


def _doubt(fact: Fact, judged: Judgement, case: Case, known: list[KnownDevice]) -> str | None:
    ticket = judged.ticket
    if ticket is None:
        return "its work order is not signed by a given key; give each that the verifier has had"
    if (ticket.iccid, ticket.order) != (case.iccid, fact.detail.get("order")):
        return f"it is the answer to work order {ticket.order} about card {ticket.iccid}"
    if judged.kid not in {device.kid for device in known}:
        return "nobody's enrolment shows whose key signed it"
    if not judged.finding.is_proved:
        return f"{judged.finding}"
    stated = str(fact.detail.get("finding"))
    if stated != judged.finding and stated not in _OF_THE_VERIFIER:
        return f"the verifier recorded '{stated}', and the device signed what makes '{judged.finding}'"
    return None
