"""What Attestation Results are made of, read from the database."""

from typing import Any

from sqlalchemy import Connection, RowMapping, select

from ..envelope import open_envelope
from ..evidence import Evidence, read_claims
from ..lifecycle import Access, State
from ..reasons import Reason, Tier
from ..trustworthiness import Attester, Bond
from .schema import card, device, event, evidence, sign


def bond_of_card(connection: Connection, iccid: str) -> Bond | None:
    """A card and its device. iccid: in its normal form."""
    row = connection.execute(select(card).where(card.c.iccid == iccid)).mappings().first()
    return None if row is None else _bond(connection, row, _attester_by(connection, device.c.id == row["device_id"]))


def attester_of(connection: Connection, kid: bytes) -> Attester | None:
    """A device by its present key."""
    return _attester_by(connection, device.c.kid == kid)


def bonds_of(connection: Connection, attester: Attester) -> list[Bond]:
    """The cards that a device is bound to, in the order of their ICCID; none, one, or the profiles of an eSIM."""
    query = (
        select(card)
        .join(device, device.c.id == card.c.device_id)
        .where(device.c.kid == attester.kid)
        .order_by(card.c.iccid)
    )
    return [_bond(connection, row, attester) for row in connection.execute(query).mappings()]


def _bond(connection: Connection, row: RowMapping, attester: Attester | None) -> Bond:
    signs = select(sign.c.reason).where(sign.c.card_id == row["id"], sign.c.cleared_at.is_(None))
    state = State(row["state"])
    return Bond(
        iccid=row["iccid"],
        scenario=row["scenario"],
        state=state,
        access=Access(row["access"]),
        since=row["since"],
        attester=attester,
        signs=tuple(Reason(reason) for reason in connection.execute(signs.order_by(sign.c.reason)).scalars()),
        causes=() if state is State.BOUND else _causes(connection, row["id"], row["since"]),
        has_sim_key=row["sim_key"] is not None,
    )


def _causes(connection: Connection, card_id: int, since: float) -> tuple[Reason, ...]:
    """Why the card is in its state: the reasons of the event that took it there."""
    query = (
        select(event.c.reasons)
        .where(event.c.card_id == card_id, event.c.at == since, event.c.reasons != "")
        .order_by(event.c.id.desc())
        .limit(1)
    )
    return _reasons(connection.execute(query).scalar() or "")


def _attester_by(connection: Connection, which: Any) -> Attester | None:
    found = connection.execute(select(device).where(which)).mappings().first()
    if found is None:
        return None
    query = select(evidence.c.message, evidence.c.reasons).where(evidence.c.id == found["evidence_id"])
    latest = connection.execute(query).first()
    return Attester(
        kid=bytes(found["kid"]),
        imei=found["imei"],
        revoked=found["revoked_at"] is not None,
        seen_at=found["seen_at"],
        tier=Tier(found["tier"]),
        holds=found["holds"],
        evidence=None if latest is None or latest.message is None else _read(bytes(latest.message)),
        reasons=() if latest is None else _reasons(latest.reasons),
    )


def _read(message: bytes) -> Evidence:
    return read_claims(open_envelope(message))


def _reasons(text: str) -> tuple[Reason, ...]:
    return tuple(Reason(reason) for reason in text.split(",") if reason)
