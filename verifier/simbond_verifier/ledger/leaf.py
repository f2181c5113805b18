"""What is hashed into a leaf: one row of the database, as it was committed.

A leaf's body is [kind, row id, salt, previous, fields]. The salt keeps a row that was deleted from being guessed from
its leaf. `previous` is the sequence number of the entry before it about the same card, so that a list of a card's
entries with one left out does not link up.
"""

from typing import Any, NamedTuple

from . import cbor

SALT_OCTETS = 16
KINDS = ("evidence", "event", "command", "readback", "notice", "appeal")
"""The tables whose rows are entries, in the order in which one pass takes them."""


class Body(NamedTuple):
    kind: str
    row_id: int
    salt: bytes
    previous: int | None
    fields: dict[str, Any]

    def encoded(self) -> bytes:
        return cbor.dumps(list(self))


def read(octets: bytes) -> Body:
    """Raises cbor.Malformed."""
    parts = cbor.loads(octets)
    if type(parts) is not list or len(parts) != 5:
        raise cbor.Malformed("no body of an entry")
    kind, row_id, salt, previous, fields = parts
    if not (
        kind in KINDS
        and type(row_id) is int
        and type(salt) is bytes
        and len(salt) == SALT_OCTETS
        and (previous is None or type(previous) is int)
        and type(fields) is dict
        and all(type(name) is str for name in fields)
    ):
        raise cbor.Malformed("no body of an entry")
    return Body(kind, row_id, salt, previous, fields)
