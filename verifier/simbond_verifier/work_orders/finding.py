"""What a proof proves: the ticket against what the device said. Pure: known keys and the time are arguments."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from simbond_agent import claims

from ..envelope import BadEvidence, Envelope, open_envelope, verify
from ..evidence import Evidence, read_field_claims
from ..p256 import load_key
from ..reasons import Reason
from ..signing_key import PublicKey
from . import ticket as tickets
from .proof import Proof
from .ticket import NotGenuine, Ticket


class Finding(StrEnum):
    """What was found. Up to CHALLENGE_WRONG nothing is proved; from there on the device itself said it."""

    FORGED = "forged"
    """The ticket is not the verifier's."""
    EVIDENCE_BAD = "evidence-bad"
    """The device's answer is no Evidence."""
    KEY_UNKNOWN = "key-unknown"
    """It answers with a key that nothing is known of, so its signature cannot be checked: another device."""
    SIGNATURE_BAD = "signature-bad"
    CHALLENGE_WRONG = "challenge-wrong"
    """Signed for another order, another day, or beforehand."""

    EXPIRED = "expired"
    """Good, but too late."""
    KEY_REVOKED = "key-revoked"
    """Signed with a key that is revoked, or that its device has replaced."""
    OTHER_DEVICE = "other-device"
    """Another device's key signed."""
    OLDER = "older"
    """Boot counter and uptime are behind what the verifier knew when it issued the ticket: a copy of the key."""
    TRAY_EMPTY = "tray-empty"
    CARD_UNREADABLE = "card-unreadable"
    OTHER_CARD = "other-card"
    IMEI_UNREADABLE = "imei-unreadable"
    IMEI_DIFFERS = "imei-differs"
    CONFIRMED = "confirmed"

    @property
    def is_proved(self) -> bool:
        """Whether the device's signature over the ticket's challenge is good."""
        return self not in _UNPROVED


_UNPROVED = (
    Finding.FORGED,
    Finding.EVIDENCE_BAD,
    Finding.KEY_UNKNOWN,
    Finding.SIGNATURE_BAD,
    Finding.CHALLENGE_WRONG,
)


class Standing(StrEnum):
    """Of a device's key."""

    IN_FORCE = "in-force"
    REVOKED = "revoked"
    RETIRED = "retired"
    """The device has replaced it."""


class KnownDevice(NamedTuple):
    """A device's key as the verifier knew it at some time."""

    point: bytes
    """Uncompressed, 65 octets."""
    imei: str
    standing: Standing = Standing.IN_FORCE
    counters: tuple[int, int] = (-1, -1)
    """Boot counter and uptime (s) of its last Evidence by then."""
    earlier: tuple[bytes, ...] = ()
    """Keys that this one has replaced since: a ticket for one of them is for this device. No bundle has any."""

    @property
    def kid(self) -> bytes:
        return PublicKey(self.point).kid


class Judgement(NamedTuple):
    """A finding, and what it is made of, as far as that could be read and checked."""

    finding: Finding
    ticket: Ticket | None = None
    evidence: Evidence | None = None
    """None: nothing of what it says is signed by a key that is known."""
    reason: Reason | None = None
    """What is wrong with Evidence that is bad."""
    kid: bytes | None = None
    """The key that the Evidence names."""


def judge(
    proof: Proof, points: Iterable[bytes], devices: Mapping[bytes, KnownDevice], signed_before: float | None
) -> Judgement:
    """Judges a proof. points: the verifier's public keys. devices: by key id. signed_before: a time at which the device
    had signed, seconds since the epoch; None: nobody can say, and whether that was in time is left open."""
    try:
        ticket = tickets.read(proof.ticket, points)
    except NotGenuine:
        return Judgement(Finding.FORGED)
    try:
        envelope = open_envelope(proof.evidence)
        known = _signer(envelope, ticket, devices)
        if known is None:
            return Judgement(Finding.KEY_UNKNOWN, ticket, kid=envelope.kid)
        verify(envelope, load_key(known.point))
        evidence = read_field_claims(envelope)
    except BadEvidence as e:
        bad = Finding.SIGNATURE_BAD if e.reason is Reason.SIGNATURE_INVALID else Finding.EVIDENCE_BAD
        return Judgement(bad, ticket, reason=e.reason, kid=e.kid)
    if evidence.nonce != tickets.challenge(proof.ticket):
        return Judgement(Finding.CHALLENGE_WRONG, ticket, evidence, kid=evidence.kid)
    late = signed_before is not None and signed_before > ticket.expires
    finding = Finding.EXPIRED if late else _compare(evidence, ticket, known)
    return Judgement(finding, ticket, evidence, kid=evidence.kid)


def _signer(envelope: Envelope, ticket: Ticket, devices: Mapping[bytes, KnownDevice]) -> KnownDevice | None:
    """Whose key the message names. The ticket vouches for one key by itself."""
    known = devices.get(envelope.kid)
    if known is None and ticket.kid == envelope.kid:
        return KnownDevice(ticket.point, ticket.imei)
    return known


def _compare(evidence: Evidence, ticket: Ticket, signer: KnownDevice) -> Finding:
    if signer.standing is not Standing.IN_FORCE:
        return Finding.KEY_REVOKED
    if ticket.point not in (signer.point, *signer.earlier):
        return Finding.OTHER_DEVICE
    if (evidence.bootcount, evidence.uptime) <= signer.counters:
        return Finding.OLDER
    if evidence.iccid is None:
        return Finding.TRAY_EMPTY if evidence.status & claims.TRAY_EMPTY else Finding.CARD_UNREADABLE
    if evidence.iccid != ticket.iccid:
        return Finding.OTHER_CARD
    if evidence.imei is None:
        return Finding.IMEI_UNREADABLE
    return Finding.CONFIRMED if evidence.imei in (ticket.imei, ticket.imei2) else Finding.IMEI_DIFFERS
