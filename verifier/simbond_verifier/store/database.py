"""Opens the database by path or URL, and brings its schema up to date."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, Table, make_url
from sqlalchemy import exc as sql
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DatabaseError

from ..refusal import Invalid
from .backend import Backend, Statements
from .errors import StoreError as StoreError
from .errors import StoreUnavailable
from .sqlite import Sqlite

T = TypeVar("T")

_SCHEMES = "a path, sqlite:///PATH or postgresql://USER@HOST/NAME"


class Database:
    """One database. Readers get snapshots of their own; there is one writer (see group_commit)."""

    def __init__(self, where: str | Path, *, alone: bool = False) -> None:
        """Opens or creates it and brings its schema up to date.

        where: a path, or a URL (sqlite, postgresql). alone: as the one server that works on it (docs/database.md).
        Raises StoreError; AlreadyServed where there is another.
        """
        self.where = where
        self.backend = backend_of(where)
        unusable: tuple[type[Exception], ...] = (DatabaseError, OSError, *self.backend.errors)
        try:
            if alone:
                self.backend.hold()
            self.backend.prepare()
            self.migrate()
        except unusable as e:
            self.close()
            raise StoreError(f"{self.backend.where} cannot be used: {getattr(e, 'orig', e)}") from e
        except CommandError as e:
            self.close()
            raise StoreError(
                f"{self.backend.where} cannot be used: {e}; if a newer simbond wrote it, install that one"
            ) from e
        except StoreError:
            self.close()
            raise

    @property
    def engine(self) -> Engine:
        return self.backend.engine

    def migrate(self) -> None:
        """Applies the migrations that are missing (Alembic)."""
        with self.altering() as config:
            command.upgrade(config, "head")

    @contextmanager
    def altering(self) -> Iterator[Config]:
        """A transaction for Alembic's commands."""
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
        with self.backend.write() as connection, self.backend.altering(connection):
            config.attributes["connection"] = connection
            yield config

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one snapshot. Raises StoreUnavailable; Invalid for a value that no column takes."""
        if self.backend.is_away():
            raise StoreUnavailable("the connection to the database is lost")
        try:
            with self.engine.connect() as connection, connection.begin():
                yield connection
        except sql.DataError as e:
            raise unkeepable(e) from e
        except (sql.OperationalError, sql.InterfaceError, sql.TimeoutError) as e:
            if self.backend.is_mistake(e):
                raise
            raise StoreUnavailable(str(getattr(e, "orig", e)).strip()) from e

    async def ask(self, query: Callable[[Connection], T]) -> T:
        """What a query finds in one snapshot, without holding up the event loop: for tasks of it. Raises as `read`."""
        if self.backend.local:
            with self.read() as connection:
                return query(connection)
        return await asyncio.to_thread(self._ask, query)

    def _ask(self, query: Callable[[Connection], T]) -> T:
        with self.read() as connection:
            return query(connection)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a write transaction: committed, and on disk, when the block ends without an exception."""
        with self.backend.write() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        self.backend.close()


def statements(connection: Connection) -> Statements:
    """Plain SQL in a connection's transaction."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        return driver  # type: ignore[no-any-return]
    from .postgresql import Plain

    return Plain(connection.connection.driver_connection)


def unkeepable(error: sql.DataError) -> Invalid:
    """What a unit is refused with for a value that no column takes: PostgreSQL knows no U+0000, and keeps lengths."""
    return Invalid("value-unkeepable", f"A value cannot be kept: {str(error.orig).strip()}.")


def upsert(connection: Connection, table: Table, key: dict[str, Any], values: dict[str, Any]) -> None:
    """Writes a row: anew, or over the one that has this key."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    row = insert(table).values(**key, **values)
    connection.execute(row.on_conflict_do_update(index_elements=list(key), set_=values))


def backend_of(where: str | Path) -> Backend:
    """The kind of database that a path or URL names; nothing is opened yet. Raises StoreError."""
    if isinstance(where, Path) or "://" not in where:
        return Sqlite(Path(where))
    try:
        url = make_url(where)
    except ArgumentError:
        raise StoreError(f"--db is neither {_SCHEMES}") from None
    if url.get_backend_name() == "sqlite" and url.database:
        return Sqlite(Path(url.database))
    if url.get_backend_name() == "postgresql" and url.database:
        from .postgresql import PostgreSQL  # the driver's libraries are loaded only where they are needed

        return PostgreSQL(url)
    raise StoreError(f"--db {url.render_as_string(hide_password=True)} is not understood: give {_SCHEMES}")
