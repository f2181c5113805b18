"""Devices and their keys."""

from typing import Any

from sqlalchemy import Connection, insert, select, update

from ..enrolment import read_enrolment
from ..envelope import BadEvidence
from ..event_kinds import DEVICE_ENROLLED
from ..imei import device_number
from ..reasons import EXPLAINED
from ..refusal import Conflict, Invalid
from ..store import cards, fleet_events, retired_keys
from ..store.schema import device
from . import lookup


def enrol(
    connection: Connection,
    request: bytes,
    *,
    imei: str | None,
    label: str,
    allow_duplicate_imei: bool,
    actor: str,
    now: float,
    imei2: str | None = None,
) -> str:
    """Registers a device's key with its IMEI. request: the device's signed enrolment request, which proves that it
    holds the key; imei: what the operator says it is, checked against the request; imei2: of its second slot, which
    nothing proves. Returns the kid in hex."""
    try:
        asked = read_enrolment(request)
    except BadEvidence as e:
        raise Invalid(
            "enrolment-request",
            f"The enrolment request is refused ({e.reason}): {EXPLAINED[e.reason]}",
            reason=e.reason,
        ) from None
    number = asked.imei or imei_number(imei)
    if number is None:
        raise Invalid("imei-missing", "The request holds no IMEI, the modem gave none; state it with the request.")
    if imei is not None and imei_number(imei) != number:
        raise Conflict(
            "imei-differs",
            f"The device says that its IMEI is {number}, and its label {imei_number(imei)} (the first 14 digits). "
            "Is this the right device? If it is, leave the label's IMEI out, and find out who changed the device.",
        )
    query = select(device.c.point, device.c.imei, device.c.revoked_at).where(device.c.kid == asked.kid)
    known = connection.execute(query).first()
    if known == (asked.point, number, None):
        return asked.kid.hex()
    if known is not None and known.point != asked.point:
        raise Conflict(
            "key-enrolled", f"Another key has the key id {asked.kid.hex()} already; let the device make a new key."
        )
    if known is not None or retired_keys.find(connection, asked.kid) is not None:
        raise Conflict(
            "key-enrolled", "This key is enrolled already, with another IMEI, revoked or rotated; a key is used once."
        )
    second = imei_number(imei2)
    if not allow_duplicate_imei:
        _require_unused(connection, number, second)
    row = insert(device).values(
        kid=asked.kid, point=asked.point, imei=number, imei2=second, label=label, enrolled_at=now, enrolled_by=actor
    )
    added = connection.execute(row.returning(device.c.id)).scalar_one()
    fleet_events.record(
        connection,
        DEVICE_ENROLLED,
        at=now,
        actor=actor,
        device_id=added,
        kid=asked.kid.hex(),
        imei=number,
        **({} if second is None else {"imei2": second}),
        request=request.hex(),
    )
    return asked.kid.hex()


def _require_unused(connection: Connection, *numbers: str | None, by: int | None = None) -> None:
    """Raises Conflict where one of the IMEIs is another device's."""
    for number in numbers:
        theirs = (device.c.imei == number) | (device.c.imei2 == number)
        query = select(device.c.kid).where(theirs, device.c.revoked_at.is_(None), device.c.id.is_distinct_from(by))
        other = None if number is None else connection.execute(query).first()
        if other is not None:
            raise Conflict(
                "imei-enrolled",
                f"IMEI {number} is enrolled with key {other.kid.hex()}. Revoke that one if its device lost its key; "
                "allow the duplicate if the batch really shares an IMEI.",
            )


def set_imei2(
    connection: Connection, kid: str, imei2: str | None, *, reason: str, actor: str, now: float, **why: Any
) -> None:
    """States the IMEI of a device's second slot, or with None that it has none. Raises NotFound, Conflict, Invalid."""
    found = lookup.find_device(connection, kid)
    number = imei_number(imei2)
    if number == found["imei2"]:
        return
    _require_unused(connection, number, by=found["id"])
    connection.execute(update(device).where(device.c.id == found["id"]).values(imei2=number))
    told = {"kid": found["kid"].hex(), "imei2": number, "before": found["imei2"], "reason": reason, **why}
    fleet_events.record(connection, "second-slot", at=now, actor=actor, device_id=found["id"], **told)


def imei_number(text: str | None) -> str | None:
    """The 14 digits of an IMEI that may carry its check digit or software version. Raises Invalid."""
    if text is None:
        return None
    number = device_number(text)
    if number is None:
        raise Invalid("imei-invalid", f"'{text}' is no IMEI: 14 or 15 digits, not all zero.")
    return number


def revoke(connection: Connection, kid: str, *, reason: str, actor: str, now: float) -> bytes:
    """Revokes a device's key: its Evidence counts for nothing from now on. The history of its card tells who did it
    and why. Returns the kid."""
    found = lookup.find_device(connection, kid)
    if found["revoked_at"] is None:
        connection.execute(update(device).where(device.c.id == found["id"]).values(revoked_at=now))
        for about in cards.of_device(connection, found["id"]):
            cards.record(connection, about, "key-revoked", at=now, actor=actor, device_id=found["id"], reason=reason)
    return bytes(found["kid"])
