"""After a restore: the database is older than what devices, the network and auditors have seen (docs/backup.md).

The restore leaves a mark, in the transaction or file that it makes. The next start takes it up: nonces are issued under
a new key, so that nothing captured before counts again, and every card is compared with the network.
"""

from sqlalchemy import Connection, delete, select

from ..event_kinds import RESTORED
from ..lifecycle import Access
from . import cards, fleet_events, ledger
from .database import upsert
from .schema import card, command, setting

_RESTORED = "restored"
_RECONCILED = "reconciled-to"
MARK = (
    f"DELETE FROM setting WHERE name IN ('nonce-secret', '{_RESTORED}', '{_RECONCILED}')",  # noqa: S608 - names of ours
    f"INSERT INTO setting (name, value) VALUES ('{_RESTORED}', '1')",  # noqa: S608
)
"""Statements for any kind of database."""
DIFFERS = "restored-differs"


def begin(connection: Connection, at: float) -> None:
    """At a start, before nonces are issued: notes in the fleet's history that the database was restored, and that its
    cards are to be compared with the network from the first one on."""
    if connection.execute(delete(setting).where(setting.c.name == _RESTORED)).rowcount:
        fleet_events.record(connection, RESTORED, at=at, actor="operator", entries=ledger.size(connection))
        _note(connection, 0)


def next_cards(connection: Connection, at_most: int) -> list[tuple[int, str, Access]] | None:
    """(card id, IMSI, access) of those that come next; None where nothing is to be compared (any more)."""
    done = connection.execute(select(setting.c.value).where(setting.c.name == _RECONCILED)).scalar()
    if done is None:
        return None
    query = select(card.c.id, card.c.imsi, card.c.access).where(card.c.id > int(done)).order_by(card.c.id)
    return [(id_, imsi, Access(access)) for id_, imsi, access in connection.execute(query.limit(at_most))]


def compared(connection: Connection, found: dict[int, str], last: int, at: float) -> int:
    """Takes note of what the network's records say: a unit of work. A card of which they say something else is told
    to the network anew, and its history says so. Returns how many those are.

    found: what the records said, by card id. last: the id up to which every card has been compared.
    """
    differing = 0
    for card_id, said in found.items():
        about = cards.by_id(connection, card_id)
        # What was decided since is on its way, and is read back by the outbox.
        pending = select(command.c.id).where(command.c.card_id == card_id, command.c.outcome == "pending").limit(1)
        if said == about.status.access.value or connection.execute(pending).first() is not None:
            continue
        event_id = cards.record(connection, about, DIFFERS, at=at, actor="verifier", network=said)
        cards.tell_the_network(connection, about, event_id, at)
        differing += 1
    _note(connection, last)
    return differing


def finish(connection: Connection) -> None:
    """Every card has been compared."""
    connection.execute(delete(setting).where(setting.c.name == _RECONCILED))


def _note(connection: Connection, card_id: int) -> None:
    upsert(connection, setting, {"name": _RECONCILED}, {"value": b"%d" % card_id})
