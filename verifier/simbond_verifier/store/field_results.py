"""What devices proved on site, as it is uploaded: judged by the Evidence and by what is known here, whatever the laptop
thought of it (docs/work-orders.md)."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, func, insert, select

from ..appraisal import Card
from ..envelope import BadEvidence, open_envelope
from ..event_kinds import FIELD_CHECK
from ..policy import Policy
from ..reasons import EXPLAINED, Reason
from ..refusal import Conflict, Invalid
from ..work_orders.bundle import Kind
from ..work_orders.finding import Finding, Judgement, KnownDevice, Standing, judge
from ..work_orders.proof import Proof, digest, from_text, to_octets
from ..work_orders.ticket import NotGenuine, Ticket
from ..work_orders.timing import LastSeen, signed_before
from . import accusations, cards, second_checks, work_orders
from .schema import device, field_result, retired_key, sign
from .work_bundles import target
from .work_orders import Outcome

_OF_AN_ORDER = 100
_SAID = {
    Finding.FORGED: "The work order in it is none that this verifier has signed.",
    Finding.KEY_UNKNOWN: "It is signed with a key that no device is enrolled with.",
    Finding.SIGNATURE_BAD: "The device's signature is bad.",
    Finding.CHALLENGE_WRONG: "The device signed for another order, or at another time than this order's.",
}


class Assessed(NamedTuple):
    """A proof, judged here and now."""

    proof: Proof
    judged: Judgement
    device_id: int | None
    """Whose key signed."""
    signed_before: float


class Taken(NamedTuple):
    """What became of an upload."""

    number: int
    finding: Finding
    signed_before: float
    repeated: bool = False
    """It had been uploaded before; nothing was written."""
    check_ended: bool = False
    """It ended the second check of the card."""


def assess(connection: Connection, text: str, points: Iterable[bytes], now: float) -> Assessed:
    """Judges a proof as text; writes nothing. points: the verifier's published keys. Raises Invalid for what is no
    proof."""
    points = tuple(points)
    try:
        proof = from_text(text)
    except NotGenuine as e:
        raise Invalid("result-malformed", f"This is {e}.") from None
    signer = _signer(connection, proof)
    devices = {} if signer is None else {signer.known.kid: signer.known}
    read = judge(proof, points, devices, None)
    if signer is None or read.ticket is None or read.evidence is None:
        return Assessed(proof, read, None, now)
    before = signed_before(read.evidence, signer.seen, now)
    if signer.seen is not None and signer.seen.at <= read.ticket.issued:
        # What it sent before the order was issued, it cannot be behind now.
        devices = {kid: known._replace(counters=signer.seen[:2]) for kid, known in devices.items()}
    return Assessed(proof, judge(proof, points, devices, before), signer.device_id, before)


def take(
    connection: Connection,
    number: int,
    text: str,
    points: Iterable[bytes],
    *,
    technician: str | None,
    policy: Policy,
    actor: str,
    now: float,
) -> Taken:
    """Takes the result of an order into the card's history; the same again changes nothing. Where the policy says so,
    it ends an open second check of the card. technician: only for an order of theirs. Raises NotFound, Conflict;
    Invalid for what proves nothing."""
    order = work_orders.find(connection, number, technician)
    about = cards.by_id(connection, order["card_id"])
    found = assess(connection, text, points, now)
    ticket = _require_proved(found.judged)
    _require_same(ticket, order, about)
    name = digest(found.proof)
    known = _before(connection, number, name)
    if known is not None:
        return Taken(number, Finding(known.finding), known.signed_before, repeated=True)
    _require_takes(connection, order)
    finding = found.judged.finding
    if finding is Finding.CONFIRMED and found.device_id != target(order, about, now):
        finding = Finding.OTHER_DEVICE  # the card was bound anew since the order was fetched
    connection.execute(
        insert(field_result).values(
            order_id=number,
            digest=name,
            at=now,
            uploaded_by=actor,
            device_id=found.device_id,
            finding=finding,
            signed_before=found.signed_before,
            proof=to_octets(found.proof),
        )
    )
    told: dict[str, Any] = {"order": number, "finding": finding.value, "sha256": name.hex()}
    cards.record(connection, about, FIELD_CHECK, at=now, actor=actor, device_id=found.device_id, **told)
    taken = Taken(number, finding, found.signed_before)
    if finding is not Finding.CONFIRMED:
        return taken
    if order["outcome"] == Outcome.OPEN:
        work_orders.close(connection, number, Outcome.DONE, actor=actor, now=now)
    ends = policy.checks.technician_confirms and order["kind"] == Kind.CHECK
    ends = ends and ticket.issued >= about.since and not _is_contradicted(connection, about, ticket.issued)
    return taken._replace(check_ended=ends and _end_check(connection, about, number, policy, actor, now))


def _is_contradicted(connection: Connection, about: Card, issued: int) -> bool:
    """Whether something speaks against the card that may be newer than what the device signed: it signed then or later,
    and the card may have been moved since."""
    newer = (sign.c.card_id == about.id) & sign.c.cleared_at.is_(None) & (sign.c.last_at > issued)
    claims = accusations.still_open(connection, about.id)
    return connection.execute(select(sign.c.reason).where(newer)).first() is not None or any(
        claim.at > issued for claim in claims
    )


def _end_check(connection: Connection, about: Card, number: int, policy: Policy, actor: str, now: float) -> bool:
    """Whether there was a second check to end, and whoever uploads may end it."""
    try:
        second_checks.confirm(
            connection,
            about.iccid,
            reason=f"Work order {number}: the device proved on site that it holds the card.",
            materials=[],
            by_another=policy.two_persons.resume,
            actor=actor,
            now=now,
        )
    except Conflict:
        return False
    return True


def _require_proved(judged: Judgement) -> Ticket:
    if judged.finding.is_proved and judged.ticket is not None:
        return judged.ticket
    why = _SAID.get(judged.finding) or EXPLAINED[judged.reason or Reason.MALFORMED]
    raise Invalid(f"result-{judged.finding}", f"This result proves nothing: {why[0].lower()}{why[1:]}")


def _require_same(ticket: Ticket, order: RowMapping, about: Card) -> None:
    """A restored backup gives an order's number to another one."""
    if (ticket.order, ticket.iccid) != (order["id"], about.iccid) or ticket.issued < int(order["made_at"]):
        raise Invalid(
            "work-order-other", f"This is the result of another work order ({ticket.order}), not of {order['id']}."
        )


def _require_takes(connection: Connection, order: RowMapping) -> None:
    if order["outcome"] == Outcome.CANCELLED:
        raise Conflict("work-order-cancelled", f"Work order {order['id']} was cancelled; its results count no more.")
    query = select(func.count()).select_from(field_result).where(field_result.c.order_id == order["id"])
    if connection.execute(query).scalar_one() >= _OF_AN_ORDER:
        raise Conflict("results-too-many", f"Work order {order['id']} has {_OF_AN_ORDER} results; ask for a new one.")


def _before(connection: Connection, number: int, name: bytes) -> Any:
    """The row of the same result, where it was uploaded before."""
    same = (field_result.c.order_id == number) & (field_result.c.digest == name)
    return connection.execute(select(field_result.c.finding, field_result.c.signed_before).where(same)).first()


class _Signer(NamedTuple):
    known: KnownDevice
    device_id: int
    seen: LastSeen | None


def _signer(connection: Connection, proof: Proof) -> _Signer | None:
    """The device whose key a proof names, by its present key or one that it has replaced."""
    try:
        kid = open_envelope(proof.evidence).kid
    except BadEvidence:
        return None
    row = connection.execute(select(device).where(device.c.kid == kid)).mappings().first()
    if row is None:
        retired = select(retired_key.c.point, retired_key.c.device_id, device.c.imei)
        of = retired.join(device, device.c.id == retired_key.c.device_id).where(retired_key.c.kid == kid)
        old = connection.execute(of).first()
        return None if old is None else _Signer(KnownDevice(old.point, old.imei, Standing.RETIRED), old.device_id, None)
    standing = Standing.IN_FORCE if row["revoked_at"] is None else Standing.REVOKED
    earlier = select(retired_key.c.point).where(retired_key.c.device_id == row["id"])
    known = KnownDevice(row["point"], row["imei"], standing, earlier=tuple(connection.execute(earlier).scalars()))
    seen = None if row["seen_at"] is None else LastSeen(row["bootcount"], row["uptime"], row["seen_at"])
    return _Signer(known, row["id"], seen)
