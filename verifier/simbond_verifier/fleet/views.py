"""What operators are shown."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from ..lifecycle import State
from ..store import cards, retired_keys
from ..store.schema import card, command, device, event
from . import lookup, stations


def list_cards(connection: Connection, *, state: State | None, after: str, limit: int) -> list[dict[str, Any]]:
    """Cards in the order of their ICCID, from the one behind `after`."""
    query = _CARDS.where(card.c.iccid > after).order_by(card.c.iccid).limit(limit)
    if state is not None:
        query = query.where(card.c.state == state)
    return [_card_view(row) for row in connection.execute(query).mappings()]


def show_card(connection: Connection, iccid: str) -> dict[str, Any]:
    """One card, with the last command to the network."""
    row = connection.execute(_CARDS.where(card.c.iccid == lookup.read_iccid(iccid))).mappings().first()
    if row is None:
        raise lookup.no_card(iccid)
    view = _card_view(row)
    last = (
        connection.execute(select(command).where(command.c.card_id == row["id"]).order_by(command.c.id.desc()).limit(1))
        .mappings()
        .first()
    )
    view["enforcement"] = None if last is None else _command_view(last)
    view["because"] = _because(connection, row)
    return view


def _because(connection: Connection, row: RowMapping) -> dict[str, Any] | None:
    """The event that brought a card into its present state; none is left of one that was erased."""
    query = select(event).where(event.c.card_id == row["id"], event.c.at == row["since"])
    last = connection.execute(query.order_by(event.c.id.desc()).limit(1)).mappings().first()
    if last is None:
        return None
    words = last["detail"].get("reason") or ""
    return {"at": last["at"], "kind": last["kind"], "reasons": _split(last["reasons"]), "words": words}


def history(connection: Connection, iccid: str) -> list[dict[str, Any]]:
    """Every event of a card with the commands that followed from it, oldest first."""
    found = lookup.find_card(connection, iccid)
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
    query = select(device).where(device.c.kid > lookup.read_kid(after)).order_by(device.c.kid).limit(limit)
    return _device_views(connection, connection.execute(query).mappings().all())


def show_device(connection: Connection, kid: str) -> dict[str, Any]:
    row = lookup.find_device(connection, kid)
    (view,) = _device_views(connection, [row])
    return view | {
        "point": row["point"].hex(),
        "retired_key": _retired_view(connection, row["id"]),
        "endorsement": stations.endorsement_of(connection, row["id"]),
    }


def _retired_view(connection: Connection, device_id: int) -> dict[str, Any] | None:
    last = retired_keys.last_of(connection, device_id)
    return None if last is None else {"kid": last.kid.hex(), "at": last.at, "used_at": last.used_at}


_NEXT = device.alias("next")
_CARDS = (
    select(card, device.c.kid, device.c.imei, _NEXT.c.kid.label("swap_kid"))
    .select_from(card)
    .outerjoin(device, device.c.id == card.c.device_id)
    .outerjoin(_NEXT, _NEXT.c.id == card.c.swap_device_id)
)


def _device_views(connection: Connection, rows: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """Devices with the cards that are bound to them."""
    query = select(card.c.device_id, card.c.iccid).where(card.c.device_id.in_([row["id"] for row in rows]))
    bound: dict[int, list[str]] = {}
    for device_id, iccid in connection.execute(query.order_by(card.c.id)):
        bound.setdefault(device_id, []).append(iccid)
    return [_device_view(row, bound.get(row["id"], [])) for row in rows]


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
    kid, sim_key, swap = row["kid"], row["sim_key"], row["swap_kid"]
    return {name: row[name] for name in plain} | {
        "sim_key": None if sim_key is None else sim_key.hex(),
        "device": None if kid is None else {"kid": kid.hex(), "imei": row["imei"]},
        "swap": None if swap is None else {"device": swap.hex(), "until": row["swap_until"]},
    }


def _device_view(row: RowMapping, bound: list[str]) -> dict[str, Any]:
    plain = (
        "imei",
        "imei2",
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
    first = bound[0] if bound else None
    return {"kid": row["kid"].hex(), "card": first, "cards": bound} | {name: row[name] for name in plain}


def _command_view(row: RowMapping) -> dict[str, Any]:
    view = {name: row[name] for name in ("access", "outcome", "attempts", "error", "at", "done_at")}
    confirmed = row["outcome"] == "confirmed"
    return view | {"ms": round((row["done_at"] - row["at"]) * 1000, 1) if confirmed else None}


def _split(reasons: str) -> list[str]:
    return reasons.split(",") if reasons else []
