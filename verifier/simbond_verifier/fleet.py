"""What operators do with cards and devices: units of work of the group commit. Each refuses with a `Refusal`."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from simbond_agent import claims, identity

from .appraisal import Card
from .card_import import SIM_KEY_FORM, Fault, Row, read_sim_key
from .evidence import BadEvidence, read_enrolment
from .lifecycle import NEW, Event, Refused, State
from .reasons import EXPLAINED
from .refusal import Conflict, Invalid, NotFound
from .scenario import Scenarios
from .store import accusations, cards, retired_keys
from .store.schema import card, command, device, event

IMPORT_CHUNK = 1000
"""Cards added in one unit of work: an import of a million must not hold up the ingest."""


class Checked(NamedTuple):
    """Rows of a card list against what is imported already."""

    fresh: list[Row]
    unchanged: int
    faults: list[Fault]


def check_import(connection: Connection, rows: list[Row]) -> Checked:
    """Tells new rows from those that are there already. A row that is there, alike in every column, is left alone:
    an interrupted import is simply repeated."""
    fresh: list[Row] = []
    faults: list[Fault] = []
    for start in range(0, len(rows), IMPORT_CHUNK):
        chunk = rows[start : start + IMPORT_CHUNK]
        known = connection.execute(
            select(card).where(
                card.c.iccid.in_([r.iccid for r in chunk])
                | card.c.imsi.in_([r.imsi for r in chunk])
                | card.c.sim_key.in_([r.sim_key for r in chunk if r.sim_key is not None])
            )
        ).mappings()
        by_iccid: dict[str, RowMapping] = {}
        taken: set[str | bytes | None] = set()
        for k in known:
            by_iccid[k["iccid"]] = k
            taken |= {k["imsi"], k["sim_key"]} - {None}
        for row in chunk:
            same = by_iccid.get(row.iccid)
            others = [name for name in ("imsi", "sim_key") if getattr(row, name) in taken]
            if same is None and not others:
                fresh.append(row)
            elif same is None or not _is_same(row, same):
                faults.append(
                    Fault(row.line, others[0] if same is None else "iccid", "is imported already, with other values")
                )
    return Checked(fresh, len(rows) - len(fresh) - len(faults), faults)


def _is_same(row: Row, known: RowMapping) -> bool:
    """Whether the list says of a card what is known of it. One without a SIM's key says nothing about that."""
    told = [name for name in row._fields[1:] if name != "sim_key" or row.sim_key is not None]
    return all(known[name] == getattr(row, name) for name in told)


def add_cards(connection: Connection, rows: list[Row], *, actor: str, now: float) -> None:
    """Adds cards to the stock, each with the first line of its history."""
    last = connection.execute(select(func.coalesce(func.max(card.c.id), 0))).scalar_one()
    stock = {"imported_at": now, "state": NEW.state.value, "access": NEW.access.value, "since": now}
    values = [row._asdict() | stock for row in rows]
    for value in values:
        del value["line"]
    try:
        connection.execute(insert(card), values)
    except IntegrityError:
        raise Conflict("import-overtaken", "Another import added some of these cards meanwhile; repeat it.") from None
    line = select(
        literal(now),
        card.c.id,
        literal("import"),
        literal(actor),
        card.c.state,
        card.c.access,
        literal(""),
        literal({}, event.c.detail.type),
    ).where(card.c.id > last)
    columns = ["at", "card_id", "kind", "actor", "state", "access", "reasons", "detail"]
    connection.execute(insert(event).from_select(columns, line))


def enrol(
    connection: Connection,
    request: bytes,
    *,
    imei: str | None,
    label: str,
    allow_duplicate_imei: bool,
    actor: str,
    now: float,
) -> str:
    """Registers a device's key with its IMEI. request: the device's signed enrolment request, which proves that it
    holds the key; imei: what the operator says it is, checked against the request. Returns the kid in hex."""
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
        raise Conflict("imei-differs", f"The device says its IMEI is {number}, the request says {imei_number(imei)}.")
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
    twin = select(device.c.kid).where(device.c.imei == number, device.c.revoked_at.is_(None))
    if not allow_duplicate_imei and (other := connection.execute(twin).first()) is not None:
        raise Conflict(
            "imei-enrolled",
            f"IMEI {number} is enrolled with key {other.kid.hex()}. Revoke that one if its device lost its key; "
            "allow the duplicate if the batch really shares an IMEI.",
        )
    connection.execute(
        insert(device).values(
            kid=asked.kid, point=asked.point, imei=number, label=label, enrolled_at=now, enrolled_by=actor
        )
    )
    return asked.kid.hex()


def imei_number(text: str | None) -> str | None:
    """The 14 digits of an IMEI that may carry its check digit or software version. Raises Invalid."""
    if text is None:
        return None
    digits = identity.imei(text) or identity.imeisv(text)
    if digits is None:
        raise Invalid("imei-invalid", f"'{text}' is no IMEI: 14 or 15 digits, not all zero.")
    return str(digits)[:14]


def revoke(connection: Connection, kid: str, *, reason: str, actor: str, now: float) -> bytes:
    """Revokes a device's key: its Evidence counts for nothing from now on. The history of its card tells who did it
    and why. Returns the kid."""
    found = _device(connection, kid)
    if found["revoked_at"] is None:
        connection.execute(update(device).where(device.c.id == found["id"]).values(revoked_at=now))
        bound = connection.execute(select(card.c.id).where(card.c.device_id == found["id"])).scalar()
        if bound is not None:
            about = cards.by_id(connection, bound)
            cards.record(connection, about, "key-revoked", at=now, actor=actor, device_id=found["id"], reason=reason)
    return bytes(found["kid"])


def bind(
    connection: Connection, iccid: str, kid: str, *, scenario: str | None, scenarios: Scenarios, actor: str, now: float
) -> Card:
    """Binds a card to a device in a scenario (the card's own unless stated)."""
    found = _card(connection, iccid)
    holder = _device(connection, kid)
    if holder["revoked_at"] is not None:
        raise Conflict("device-revoked", f"The key of device {kid} is revoked; enrol its new key first.")
    name = scenario or found.scenario
    use = scenarios.get(name)
    if use is None:
        raise Invalid(
            "scenario-unknown", f"Scenario '{name}' is not loaded; the server has: {', '.join(scenarios.names())}."
        )
    if use.models.tac and holder["imei"][:8] not in use.models.tac:
        raise Conflict("model-not-allowed", f"Scenario '{name}' does not allow devices of TAC {holder['imei'][:8]}.")
    other = connection.execute(
        select(card.c.iccid).where(card.c.device_id == holder["id"], card.c.id != found.id)
    ).first()
    if other is not None:
        raise Conflict("device-bound", f"Device {kid} is bound to card {other.iccid}; bind that one elsewhere first.")
    if found.device_id == holder["id"] and found.scenario == name:
        return found
    connection.execute(update(card).where(card.c.id == found.id).values(device_id=holder["id"], scenario=name))
    connection.execute(update(device).where(device.c.id == holder["id"]).values(absent=False))
    accusations.settle(connection, found.id, now)
    return _change(
        connection,
        found._replace(device_id=holder["id"], scenario=name),
        Event.BIND,
        actor=actor,
        now=now,
        device_id=holder["id"],
        scenario=name,
    )


def suspend(connection: Connection, iccid: str, *, reason: str, actor: str, now: float) -> Card:
    """Suspends a card by an operator's decision, which no Evidence lifts."""
    return _change(connection, _card(connection, iccid), Event.SUSPEND, actor=actor, now=now, hold=True, reason=reason)


def resume(
    connection: Connection,
    iccid: str,
    *,
    reason: str,
    reverify: bool,
    scenarios: Scenarios,
    actor: str,
    now: float,
) -> Card:
    """Lets a suspended card into the network again: to be re-verified there before the scenario's deadline, or, with
    reverify false, for good."""
    found = _card(connection, iccid)
    if not reverify or found.device_id is None:
        return _change(connection, found, Event.LIFT, actor=actor, now=now, reason=reason)
    scenario = scenarios.get(found.scenario)
    if scenario is None:
        raise Conflict(
            "scenario-unknown", f"Scenario '{found.scenario}' of this card is not loaded; it cannot be re-verified."
        )
    deadline = now + scenario.reverification.deadline_s
    return _change(connection, found, Event.OPEN, actor=actor, now=now, deadline=deadline, reason=reason)


def retire(connection: Connection, iccid: str, *, reason: str, actor: str, now: float) -> Card:
    """Takes a card out of use for good: barred, and free of its device."""
    found = _card(connection, iccid)
    after = _change(connection, found, Event.RETIRE, actor=actor, now=now, reason=reason)
    connection.execute(update(card).where(card.c.id == found.id).values(device_id=None))
    accusations.settle(connection, found.id, now)
    return after


def set_sim_key(connection: Connection, iccid: str, key: str | None, *, reason: str, actor: str, now: float) -> None:
    """Registers the public key on a card's SIM (card_import.SIM_KEY_FORM), or with None removes it."""
    found = _card(connection, iccid)
    point = None if key is None else read_sim_key(key)
    if key is not None and point is None:
        raise Invalid("sim-key-invalid", f"The key is not {SIM_KEY_FORM}.")
    if found.sim_key == point:
        return
    if point is not None:
        holder = connection.execute(select(card.c.iccid).where(card.c.sim_key == point)).scalar()
        if holder is not None:
            raise Conflict("sim-key-registered", f"Card {holder} has this SIM key already; every SIM has its own.")
    connection.execute(update(card).where(card.c.id == found.id).values(sim_key=point))
    kind = "sim-key-removed" if point is None else "sim-key-registered"
    cards.record(connection, found, kind, at=now, actor=actor, reason=reason)


def list_cards(connection: Connection, *, state: State | None, after: str, limit: int) -> list[dict[str, Any]]:
    """Cards in the order of their ICCID, from the one behind `after`."""
    query = _CARDS.where(card.c.iccid > after).order_by(card.c.iccid).limit(limit)
    if state is not None:
        query = query.where(card.c.state == state)
    return [_card_view(row) for row in connection.execute(query).mappings()]


def show_card(connection: Connection, iccid: str) -> dict[str, Any]:
    """One card, with the last command to the network."""
    row = connection.execute(_CARDS.where(card.c.iccid == _iccid(iccid))).mappings().first()
    if row is None:
        raise _no_card(iccid)
    view = _card_view(row)
    last = (
        connection.execute(select(command).where(command.c.card_id == row["id"]).order_by(command.c.id.desc()).limit(1))
        .mappings()
        .first()
    )
    view["enforcement"] = None if last is None else _command_view(last)
    return view


def history(connection: Connection, iccid: str) -> list[dict[str, Any]]:
    """Every event of a card with the commands that followed from it, oldest first."""
    found = _card(connection, iccid)
    commands = {
        row["event_id"]: _command_view(row)
        for row in connection.execute(select(command).where(command.c.card_id == found.id)).mappings()
    }
    return [
        {
            "at": row["at"],
            "kind": row["kind"],
            "actor": row["actor"],
            "state": row["state"],
            "access": row["access"],
            "reasons": _split(row["reasons"]),
            "device": None if row["kid"] is None else row["kid"].hex(),
            "evidence": row["evidence_id"],
            "evidence_at": row["evidence_at"],
            "detail": row["detail"],
            "enforcement": commands.get(row["id"]),
        }
        for row in cards.history(connection, found.id)
    ]


def list_devices(connection: Connection, *, after: str, limit: int) -> list[dict[str, Any]]:
    """Devices in the order of their kid, from the one behind `after` (hex)."""
    query = _DEVICES.where(device.c.kid > _kid(after)).order_by(device.c.kid).limit(limit)
    return [_device_view(row) for row in connection.execute(query).mappings()]


def show_device(connection: Connection, kid: str) -> dict[str, Any]:
    row = connection.execute(_DEVICES.where(device.c.kid == _kid(kid))).mappings().first()
    if row is None:
        raise _no_device(connection, kid)
    return _device_view(row) | {"point": row["point"].hex(), "retired_key": _retired_view(connection, row["id"])}


def _retired_view(connection: Connection, device_id: int) -> dict[str, Any] | None:
    last = retired_keys.last_of(connection, device_id)
    return None if last is None else {"kid": last.kid.hex(), "at": last.at, "used_at": last.used_at}


_CARDS = select(card, device.c.kid, device.c.imei).select_from(card.outerjoin(device, device.c.id == card.c.device_id))
_DEVICES = select(device, card.c.iccid).select_from(device.outerjoin(card, card.c.device_id == device.c.id))


def _card_view(row: RowMapping) -> dict[str, Any]:
    plain = (
        "iccid",
        "imsi",
        "msisdn",
        "scenario",
        "customer",
        "state",
        "access",
        "since",
        "deadline",
        "held",
        "accused_at",
    )
    kid, sim_key = row["kid"], row["sim_key"]
    return {name: row[name] for name in plain} | {
        "sim_key": None if sim_key is None else sim_key.hex(),
        "device": None if kid is None else {"kid": kid.hex(), "imei": row["imei"]},
    }


def _device_view(row: RowMapping) -> dict[str, Any]:
    plain = (
        "imei",
        "label",
        "enrolled_at",
        "enrolled_by",
        "rotated_at",
        "revoked_at",
        "seen_at",
        "tier",
        "holds",
        "refuted",
    )
    return {"kid": row["kid"].hex(), "card": row["iccid"]} | {name: row[name] for name in plain}


def _command_view(row: RowMapping) -> dict[str, Any]:
    view = {name: row[name] for name in ("access", "outcome", "attempts", "error", "at", "done_at")}
    confirmed = row["outcome"] == "confirmed"
    return view | {"ms": round((row["done_at"] - row["at"]) * 1000, 1) if confirmed else None}


def _split(reasons: str) -> list[str]:
    return reasons.split(",") if reasons else []


def _change(connection: Connection, found: Card, what: Event, *, actor: str, now: float, **more: Any) -> Card:
    try:
        return cards.change(connection, found, what, at=now, actor=actor, **more)
    except Refused as e:
        raise Conflict("state", f"Card {found.iccid}: {e}.", state=e.status.state) from None


def _card(connection: Connection, iccid: str) -> Card:
    found = cards.by_iccid(connection, _iccid(iccid))
    if found is None:
        raise _no_card(iccid)
    return found


def _device(connection: Connection, kid: str) -> RowMapping:
    found = connection.execute(select(device).where(device.c.kid == _kid(kid))).mappings().first()
    if found is None:
        raise _no_device(connection, kid)
    return found


def _iccid(text: str) -> str:
    normal = identity.iccid(text)
    if normal is None:
        raise Invalid("iccid-invalid", f"'{text}' is no ICCID: 19 or 20 digits beginning with 89.")
    return str(normal)


def _kid(text: str) -> bytes:
    try:
        kid = bytes.fromhex(text)
    except ValueError:
        kid = b"?"
    if len(kid) not in (0, claims.KID_OCTETS):
        raise Invalid("kid-invalid", f"'{text}' is no key id: {2 * claims.KID_OCTETS} hex digits.")
    return kid


def _no_card(iccid: str) -> NotFound:
    return NotFound("card-unknown", f"Card {iccid} is not imported; see 'simbond cards import'.")


def _no_device(connection: Connection, kid: str) -> NotFound:
    retired = retired_keys.find(connection, _kid(kid))
    if retired is None:
        return NotFound("device-unknown", f"No device has the key {kid}; see 'simbond devices enrol'.")
    now = connection.execute(select(device.c.kid).where(device.c.id == retired.device_id)).scalar_one().hex()
    return NotFound("key-rotated", f"The device with the key {kid} rotated it; its key is {now} now.", kid=now)
