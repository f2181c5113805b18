"""Opens the database: SQLite in WAL mode, every commit synced to disk before it counts."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

_WRITES = "simbond_writes"


class StoreError(Exception):
    """The database cannot be used; the message says what to do."""


class Database:
    """One SQLite file. Readers get snapshots of their own; there is one writer (see group_commit)."""

    def __init__(self, path: str | Path) -> None:
        """Opens or creates the file and brings its schema up to date. Raises StoreError."""
        self.path = Path(path)
        if not self.path.parent.is_dir():
            raise StoreError(f"{self.path.parent} is no directory; create it or choose another with --db")
        if self.path.is_dir():
            raise StoreError(f"{self.path} is a directory; name a file in it with --db")
        self.engine = _engine(self.path)
        try:
            # First of all: SQLite gives the files that it keeps beside this one the same mode.
            self.path.touch(mode=0o600)
            self.path.chmod(0o600)
            self.migrate()
        except (DatabaseError, sqlite3.Error, OSError) as e:
            self.engine.dispose()
            raise StoreError(f"{self.path} cannot be used: {getattr(e, 'orig', e)}") from e
        except CommandError as e:
            self.engine.dispose()
            raise StoreError(f"{self.path} cannot be used: {e}; if a newer simbond wrote it, install that one") from e

    def migrate(self) -> None:
        """Applies the migrations that are missing (Alembic)."""
        with self.altering() as config:
            command.upgrade(config, "head")

    @contextmanager
    def altering(self) -> Iterator[Config]:
        """A transaction for Alembic's commands."""
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
        with self.writer() as connection:
            # A table that SQLite cannot alter is made anew: what refers to it must not mind, nor can it in the midst.
            connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
            with connection.begin():
                config.attributes["connection"] = connection
                yield config
            connection.connection.cursor().execute("PRAGMA foreign_keys = ON")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one snapshot."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a write transaction: committed, and on disk, when the block ends without an exception."""
        with self.writer() as connection, connection.begin():
            yield connection

    def writer(self) -> Connection:
        """A connection whose transactions take the write lock as they begin."""
        return self.engine.connect().execution_options(**{_WRITES: True})

    def close(self) -> None:
        self.engine.dispose()


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 10})

    @event.listens_for(engine, "connect")
    def _connected(raw: sqlite3.Connection, _record: Any) -> None:
        raw.isolation_level = None  # BEGIN is ours, below
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA synchronous = FULL")
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute("PRAGMA cache_size = -65536")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
