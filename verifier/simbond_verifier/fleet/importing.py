"""Card lists into the stock."""

from typing import NamedTuple

from sqlalchemy import Connection, RowMapping, func, insert, literal, select
from sqlalchemy.exc import IntegrityError

from ..card_import import Fault, Row
from ..lifecycle import NEW
from ..refusal import Conflict
from ..store.schema import card, event

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
