"""The ledger in the database: rows that were committed become entries, entries become a tree, the tree is signed.

Nothing here is on the way of an Evidence: rows are copied after their own transaction (workers/sequencer.py).
"""

from collections.abc import Iterable, Iterator, Sequence
from secrets import token_bytes, token_hex
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from ..ledger import export, leaf, merkle
from ..ledger.checkpoint import Checkpoint
from ..ledger.receipt import Seal
from ..signing_key import SigningKey
from . import ledger_rows
from .database import statements
from .ledger_rows import Row
from .schema import card, checkpoint, entry, setting, tile

AT_ONCE = 1 << merkle.TILE_HEIGHT
"""Rows that one unit of work takes: some milliseconds of the writer's time."""
_EXPORTED_AT_ONCE = 1024
_ORIGIN = "ledger-origin"
_ENTER = "INSERT INTO entry (seq, kind, row_id, card_id, salt, leaf) VALUES (?, ?, ?, ?, ?, ?)"


class Entry(NamedTuple):
    """One entry with what is left of its row."""

    seq: int
    kind: str
    row_id: int
    card_id: int | None
    leaf: bytes
    body: bytes | None
    """None: the row's content was deleted."""


def size(connection: Connection) -> int:
    last = connection.execute(select(func.max(entry.c.seq))).scalar()
    return 0 if last is None else last + 1


def is_behind(connection: Connection) -> bool:
    """Whether rows wait to become entries."""
    return any(ledger_rows.newest(connection, kind) > _sequenced(connection, kind) for kind in leaf.KINDS)


def sequence(connection: Connection, at_most: int = AT_ONCE) -> int:
    """Makes entries of the rows that are none yet, oldest first: a unit of work. Returns how many it made."""
    rows: list[Row] = []
    for kind in leaf.KINDS:
        if len(rows) < at_most:
            after = _sequenced(connection, kind)
            rows += ledger_rows.after(connection, kind, after, at_most - len(rows))
    if not rows:
        return 0
    first = size(connection)
    newest = _newest_entries(connection, {row.card_id for row in rows if row.card_id is not None}, first)
    salts = token_bytes(leaf.SALT_OCTETS * len(rows))
    values = []
    for seq, row in enumerate(rows, first):
        at = leaf.SALT_OCTETS * (seq - first)
        salt = salts[at : at + leaf.SALT_OCTETS]
        hashed = merkle.leaf_hash(_body(row, salt, newest.get(row.card_id)).encoded())
        values.append((seq, row.kind, row.row_id, row.card_id, salt, hashed))
        if row.card_id is not None:
            newest[row.card_id] = seq
    statements(connection).executemany(_ENTER, values)
    _complete_tiles(connection, first, first + len(rows))
    return len(rows)


def sign(connection: Connection, key: SigningKey, now: float) -> Checkpoint | None:
    """Signs the tree as it is, unless it has not grown since it was signed last: a unit of work. Returns the newest
    checkpoint; None: there is no entry."""
    grown = size(connection)
    last = newest_checkpoint(connection)
    if not grown or (last is not None and last[0].size == grown):
        return None if last is None else last[0]
    head = Checkpoint(origin(connection), grown, merkle.root(reader(connection), grown), now)
    connection.execute(insert(checkpoint).values(size=grown, at=now, root=head.root, message=head.signed(key)))
    return head


def newest_checkpoint(connection: Connection, at_most: int | None = None) -> tuple[Checkpoint, bytes] | None:
    """The newest checkpoint and its message; at_most: among those that cover no more entries than that."""
    query = select(checkpoint).order_by(checkpoint.c.size.desc()).limit(1)
    if at_most is not None:
        query = query.where(checkpoint.c.size <= at_most)
    row = connection.execute(query).first()
    if row is None:
        return None
    return Checkpoint(origin(connection), row.size, bytes(row.root), row.at), bytes(row.message)


def origin(connection: Connection) -> str:
    """The name of this ledger; made with its first checkpoint."""
    found = connection.execute(select(setting.c.value).where(setting.c.name == _ORIGIN)).scalar()
    if found is None:
        found = f"simbond/{token_hex(8)}".encode()
        connection.execute(insert(setting).values(name=_ORIGIN, value=found))
    return bytes(found).decode()


def reader(connection: Connection) -> merkle.Read:
    """How proofs are computed from the tree in the database."""

    def read(level: int, first: int, count: int) -> Sequence[bytes]:
        if level == 0:
            query = select(entry.c.leaf).where(entry.c.seq >= first).order_by(entry.c.seq)
        else:
            query = (
                select(tile.c.hash)
                .where(tile.c.level == level // merkle.TILE_HEIGHT, tile.c.index >= first)
                .order_by(tile.c.index)
            )
        return [bytes(found) for found in connection.execute(query.limit(count)).scalars()]

    return read


def entries(connection: Connection, first: int, count: int) -> list[Entry]:
    """Entries from a sequence number on, with their bodies."""
    query = select(entry).where(entry.c.seq >= first).order_by(entry.c.seq).limit(count)
    return _with_bodies(connection, list(connection.execute(query)))


def entries_of(
    connection: Connection, about: Iterable[tuple[str, int]] = (), card_id: int | None = None
) -> list[Entry]:
    """The entries of a card, and those of single rows (kind, row id), with their bodies."""
    found: dict[int, Any] = {}
    if card_id is not None:
        found = {row.seq: row for row in connection.execute(select(entry).where(entry.c.card_id == card_id))}
    for kind, row_id in about:
        row = connection.execute(select(entry).where(entry.c.kind == kind, entry.c.row_id == row_id)).first()
        if row is not None:
            found[row.seq] = row
    return _with_bodies(connection, [found[seq] for seq in sorted(found)])


def receipts(connection: Connection, head: Checkpoint, key: SigningKey, wanted: Iterable[int]) -> Iterator[bytes]:
    """A COSE Receipt for each of these entries, in the tree of a checkpoint."""
    seal = Seal(key, head.root)
    read = remembering(reader(connection))
    for seq in wanted:
        yield seal.inclusion(head.size, seq, merkle.inclusion_proof(read, seq, head.size))


def remembering(read: merkle.Read) -> merkle.Read:
    """A reader for many proofs in one tree: what they have in common is read once, a tile's worth at a time."""
    known: dict[tuple[int, int], Sequence[bytes]] = {}

    def remembered(level: int, first: int, count: int) -> Sequence[bytes]:
        block = level, first // AT_ONCE
        if block not in known:
            known[block] = read(level, block[1] * AT_ONCE, AT_ONCE)
        at = first % AT_ONCE
        return known[block][at : at + count]

    return remembered


def exported(connection: Connection) -> Iterator[bytes]:
    """The ledger as a file, in pieces, up to its newest checkpoint."""
    yield export.header(origin(connection))
    done = 0
    for message, covered in connection.execute(
        select(checkpoint.c.message, checkpoint.c.size).order_by(checkpoint.c.size)
    ):
        while done < covered:
            some = entries(connection, done, min(_EXPORTED_AT_ONCE, covered - done))
            yield b"".join(_exported(found) for found in some)
            done += len(some)
        yield export.frame(bytes(message))


def forget(connection: Connection, kind: str, row_ids: Iterable[int]) -> None:
    """Deletes what ties rows to their leaves: from then on nobody can tell from the ledger what they said, and it
    verifies as before. To be called in the transaction that deletes their content."""
    for row_id in row_ids:
        connection.execute(update(entry).where(entry.c.kind == kind, entry.c.row_id == row_id).values(salt=None))


def _exported(found: Entry) -> bytes:
    if found.body is None:
        return export.deleted(found.seq, found.leaf, found.kind, found.row_id)
    return export.entry(found.seq, found.leaf, found.body)


def _with_bodies(connection: Connection, rows: Sequence[Any]) -> list[Entry]:
    """rows: of the table, in order of seq."""
    if not rows:
        return []
    kept: dict[tuple[str, int], Row] = {}
    for kind in leaf.KINDS:
        wanted = [row.row_id for row in rows if row.kind == kind and row.salt is not None]
        if wanted:
            kept |= {(kind, row.row_id): row for row in ledger_rows.these(connection, kind, wanted)}
    previous = _previous(connection, rows)
    found = []
    for row in rows:
        source = kept.get((row.kind, row.row_id))
        body = None if source is None else _body(source, bytes(row.salt), previous.get(row.seq)).encoded()
        found.append(Entry(row.seq, row.kind, row.row_id, row.card_id, bytes(row.leaf), body))
    return found


def _previous(connection: Connection, rows: Sequence[Any]) -> dict[int, int]:
    """For each entry the one before it about the same card."""
    cards = {row.card_id for row in rows if row.card_id is not None}
    if rows[-1].seq - rows[0].seq + 1 != len(rows):
        # Not next to each other: others of the same card may stand between them.
        query = select(
            entry.c.seq, func.lag(entry.c.seq).over(partition_by=entry.c.card_id, order_by=entry.c.seq)
        ).where(entry.c.card_id.in_(cards))
        return {seq: before for seq, before in connection.execute(query) if before is not None}
    newest = _newest_entries(connection, cards, rows[0].seq)
    previous = {}
    for row in rows:
        if row.card_id is not None:
            if row.card_id in newest:
                previous[row.seq] = newest[row.card_id]
            newest[row.card_id] = row.seq
    return previous


def _newest_entries(connection: Connection, cards: Iterable[int], before: int) -> dict[int | None, int]:
    """The last entry of each card before a sequence number; a card that has none is left out."""
    # One search of the index for each card: grouped, all that a card ever had would be read.
    last = select(func.max(entry.c.seq)).where(entry.c.card_id == card.c.id, entry.c.seq < before).scalar_subquery()
    query = select(card.c.id, last.label("last")).where(card.c.id.in_(list(cards)))
    return {row.id: row.last for row in connection.execute(query) if row.last is not None}


def _body(row: Row, salt: bytes, previous: int | None) -> leaf.Body:
    return leaf.Body(row.kind, row.row_id, salt, previous, row.fields)


def _sequenced(connection: Connection, kind: str) -> int:
    """The last row of a table that is an entry; 0: none is."""
    return connection.execute(select(func.max(entry.c.row_id)).where(entry.c.kind == kind)).scalar() or 0


def _complete_tiles(connection: Connection, before: int, after: int) -> None:
    """Stores the roots of the tiles that became full when the tree grew."""
    read = reader(connection)
    height, level = merkle.TILE_HEIGHT, 1
    while (full := after >> height * level) > 0:
        fresh = [
            {
                "level": level,
                "index": n,
                "hash": merkle.perfect_root(read(height * (level - 1), n << height, 1 << height)),
            }
            for n in range(before >> height * level, full)
        ]
        if not fresh:
            return
        connection.execute(insert(tile), fresh)
        level += 1
