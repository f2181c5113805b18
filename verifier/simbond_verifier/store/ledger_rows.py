"""Which rows are entries of the ledger, and which of their columns: those that never change once they are committed.

An IMSI is not among them: what stands for it at rest may be sealed anew. The ICCID names the card.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select
from sqlalchemy.sql import ColumnElement

from .schema import appeal, card, command, event, evidence, notice, readback


class Row(NamedTuple):
    """A row as its leaf has it; the fields name its card, too."""

    kind: str
    row_id: int
    card_id: int | None
    fields: dict[str, Any]


class _Source(NamedTuple):
    row_id: ColumnElement[Any]
    query: Select[Any]
    """Its columns: the row's id, its card's, and the fields by their names."""
    is_kept: Callable[[dict[str, Any]], bool] = lambda fields: True


_AT_ONCE = 1000
_of_card = card.c.iccid.label("iccid")

_SOURCES = {
    "evidence": _Source(
        evidence.c.id,
        select(
            evidence.c.id,
            evidence.c.card_id,
            evidence.c.at,
            evidence.c.device_id.label("device"),
            evidence.c.tier,
            evidence.c.reasons,
            evidence.c.message,
        ),
        is_kept=lambda fields: fields["message"] is not None,
    ),
    "event": _Source(
        event.c.id,
        select(
            event.c.id,
            event.c.card_id,
            event.c.at,
            _of_card,
            event.c.device_id.label("device"),
            event.c.evidence_id.label("evidence"),
            event.c.kind,
            event.c.actor,
            event.c.state,
            event.c.access,
            event.c.reasons,
            event.c.detail,
        ).select_from(event.outerjoin(card, card.c.id == event.c.card_id)),
    ),
    "command": _Source(
        command.c.id,
        select(
            command.c.id,
            command.c.card_id,
            command.c.at,
            _of_card,
            command.c.event_id.label("event"),
            command.c.access,
        ).select_from(command.join(card, card.c.id == command.c.card_id)),
    ),
    "readback": _Source(
        readback.c.id,
        select(
            readback.c.id,
            command.c.card_id,
            readback.c.at,
            readback.c.command_id.label("command"),
            readback.c.target,
            readback.c.said,
            readback.c.error,
        ).select_from(readback.join(command, command.c.id == readback.c.command_id)),
    ),
    "notice": _Source(
        notice.c.id,
        select(
            notice.c.id,
            notice.c.card_id,
            notice.c.at,
            _of_card,
            notice.c.event_id.label("event"),
            notice.c.kind,
            notice.c.body,
        ).select_from(notice.join(card, card.c.id == notice.c.card_id)),
    ),
    "appeal": _Source(
        appeal.c.id,
        select(
            appeal.c.id,
            appeal.c.card_id,
            appeal.c.filed_at.label("at"),
            _of_card,
            appeal.c.notice_id.label("notice"),
            appeal.c.filed_by.label("actor"),
            appeal.c.statement,
            appeal.c.materials,
        ).select_from(appeal.join(card, card.c.id == appeal.c.card_id)),
    ),
}


def newest(connection: Connection, kind: str) -> int:
    """The id of a table's last row; 0: it has none."""
    return connection.execute(select(func.max(_SOURCES[kind].row_id))).scalar() or 0


def after(connection: Connection, kind: str, last: int, count: int) -> list[Row]:
    """Rows behind one, in order of their ids."""
    source = _SOURCES[kind]
    return _rows(connection, kind, source.query.where(source.row_id > last).order_by(source.row_id).limit(count))


def these(connection: Connection, kind: str, row_ids: Sequence[int]) -> list[Row]:
    """Rows by their ids, but those whose content is gone."""
    source = _SOURCES[kind]
    found: list[Row] = []
    for start in range(0, len(row_ids), _AT_ONCE):
        some = row_ids[start : start + _AT_ONCE]
        found += _rows(connection, kind, source.query.where(source.row_id.in_(some)))
    return [row for row in found if source.is_kept(row.fields)]


def _rows(connection: Connection, kind: str, query: Select[Any]) -> list[Row]:
    result = connection.execute(query)
    names = ("card", *tuple(result.keys())[2:])
    return [Row(kind, row[0], row[1], dict(zip(names, row[1:], strict=True))) for row in result]
