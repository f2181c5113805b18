"""Seals what is in a database already, and keeps a server off one that it cannot read (store/identities.py)."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import JSON, Connection, TableClause, column, delete, insert, select, table, update

from .database import Database
from .errors import StoreError
from .identities import CLEAR, Identities, Sealed
from .schema import card, evidence, setting

AT_ONCE = 1000
_CHECK = "identity-check"
_PROBE = "0" * 15
_UNFINISHED = b"unfinished"

# Without the types of the schema: as it is at rest.
_CARD = table("card", column("id"), column("imsi"), column("msisdn"))
_COMMAND = table("command", column("id"), column("imsi"))
_EVENT = table("event", column("id"), column("detail", JSON))
_EVIDENCE = table("evidence", column("id"), column("message"))
_FIELD_RESULT = table("field_result", column("id"), column("proof"))
_RADIUS_SESSION = table("radius_session", column("id"), column("user_name"))
_RETIRED_KEY = table("retired_key", column("kid"), column("message"))
_SUBSCRIBER = table("subscriber", column("imsi"))


def require(connection: Connection, identities: Identities) -> None:
    """Raises StoreError unless everything in this database is, and will be, stored in this way. A database without
    cards and Evidence takes whatever it is given."""
    state = _state(connection)
    if state == _UNFINISHED:
        raise StoreError(
            "sealing the identities of this database was interrupted: run 'simbond identities encrypt', or "
            "'simbond identities decrypt', to its end"
        )
    if state is not None:
        identities.read(state.decode())
    elif identities.sealed:
        if any(connection.execute(select(t.c.id).limit(1)).first() is not None for t in (card, evidence)):
            raise StoreError(
                "the identities in this database are not sealed yet: run 'simbond identities encrypt' with this key, "
                "while no server works on it"
            )
        _set_state(connection, identities.store(_PROBE).encode())


def seal(database: Database, key: Sealed, told: Callable[[str, int], None] = lambda name, rows: None) -> None:
    """Seals every identity with a key. It may be interrupted, and is then begun anew. told: called with the name of
    each table and the number of its rows that are done. Raises StoreError where another key was used before."""
    _rewrite(database, key, key, told)
    with database.write() as connection:
        _set_state(connection, key.store(_PROBE).encode())


def unseal(database: Database, key: Sealed, told: Callable[[str, int], None] = lambda name, rows: None) -> None:
    """The reverse."""
    _rewrite(database, key, CLEAR, told)
    with database.write() as connection:
        connection.execute(delete(setting).where(setting.c.name == _CHECK))


def compact(database: Database) -> None:
    """Has SQLite overwrite what it holds of deleted and changed rows. PostgreSQL does so by itself, in time."""
    with database.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            driver: Any = connection.connection.driver_connection
            driver.execute("VACUUM")
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _rewrite(database: Database, before: Sealed, after: Identities, told: Callable[[str, int], None]) -> None:
    with database.write() as connection:
        state = _state(connection)
        if state is not None and state != _UNFINISHED:
            before.read(state.decode())  # another key is told before anything is written
        _set_state(connection, _UNFINISHED)

    def text(value: str) -> str:
        return after.store(before.read(value))

    def octets(value: bytes | None) -> bytes | None:
        return None if value is None else after.store_octets(before.read_octets(bytes(value)))

    def document(value: Any) -> Any:
        return after.store_document(before.read_document(value))

    told("card", _each(database, _CARD, "id", {"imsi": text, "msisdn": text}))
    told("command", _each(database, _COMMAND, "id", {"imsi": text}))
    told("event", _each(database, _EVENT, "id", {"detail": document}))
    told("evidence", _each(database, _EVIDENCE, "id", {"message": octets}))
    told("field_result", _each(database, _FIELD_RESULT, "id", {"proof": octets}))
    told("radius_session", _each(database, _RADIUS_SESSION, "id", {"user_name": text}))
    told("retired_key", _each(database, _RETIRED_KEY, "kid", {"message": octets}))
    told("subscriber", _subscribers(database, text))


def _each(database: Database, rows: TableClause, key: str, change: dict[str, Callable[[Any], Any]]) -> int:
    """Rewrites columns of every row, a piece at a time in the order of the key. Returns the number of rows."""
    done, last = 0, None
    while True:
        with database.write() as connection:
            query = select(rows).order_by(rows.c[key]).limit(AT_ONCE)
            if last is not None:
                query = query.where(rows.c[key] > last)
            found = connection.execute(query).mappings().all()
            for row in found:
                values = {name: make(row[name]) for name, make in change.items()}
                if any(values[name] != row[name] for name in values):
                    connection.execute(update(rows).where(rows.c[key] == row[key]).values(**values))
        if not found:
            return done
        done += len(found)
        last = found[-1][key]


def _subscribers(database: Database, text: Callable[[str], str]) -> int:
    """The same for the embedded target's table, whose key it is: all at once, for it holds only cards that were barred
    some time."""
    with database.write() as connection:
        found = list(connection.execute(select(_SUBSCRIBER.c.imsi)).scalars())
        for imsi in found:
            connection.execute(update(_SUBSCRIBER).where(_SUBSCRIBER.c.imsi == imsi).values(imsi=text(imsi)))
    return len(found)


def _state(connection: Connection) -> bytes | None:
    found = connection.execute(select(setting.c.value).where(setting.c.name == _CHECK)).scalar()
    return None if found is None else bytes(found)


def _set_state(connection: Connection, value: bytes) -> None:
    changed = connection.execute(update(setting).where(setting.c.name == _CHECK).values(value=value))
    if not changed.rowcount:
        connection.execute(insert(setting).values(name=_CHECK, value=value))
