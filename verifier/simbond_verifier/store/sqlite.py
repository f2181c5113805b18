"""SQLite in WAL mode, every commit synced to disk before it counts."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

from .errors import AlreadyServed, StoreError

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]

_WRITES = "simbond_writes"


class Sqlite:
    """One file. Readers get snapshots of their own; whoever writes takes the write lock as the transaction begins."""

    local = True
    errors = (sqlite3.Error,)

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine = _engine(path)
        self._lock: int | None = None

    @property
    def where(self) -> str:
        return str(self.path)

    def prepare(self) -> None:
        if not self.path.parent.is_dir():
            raise StoreError(f"{self.path.parent} is no directory; create it or choose another with --db")
        if self.path.is_dir():
            raise StoreError(f"{self.path} is a directory; name a file in it with --db")
        # First of all: SQLite gives the files that it keeps beside this one the same mode.
        self.path.touch(mode=0o600)
        self.path.chmod(0o600)

    def hold(self) -> None:
        if fcntl is None or not self.path.parent.is_dir():  # the latter is for `prepare` to say
            return
        try:
            lock = os.open(f"{self.path}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as e:
            raise StoreError(f"{self.path}.lock cannot be written: {e.strerror}; choose another --db.") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise AlreadyServed(self.where) from None
        self._lock = lock

    @contextmanager
    def altering(self, connection: Connection) -> Iterator[None]:
        # A table that SQLite cannot alter is made anew: what refers to it must not mind, nor can it in the midst.
        connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            yield
        connection.connection.cursor().execute("PRAGMA foreign_keys = ON")

    def writer(self) -> Connection:
        connection = self.write()
        # The lock is waited for without holding up the event loop: see GroupCommit.
        connection.connection.cursor().execute("PRAGMA busy_timeout = 0")
        return connection

    def write(self) -> Connection:
        return self.engine.connect().execution_options(**{_WRITES: True})

    def roll_back(self, connection: Connection) -> None:
        connection.rollback()
        # After a COMMIT that failed, SQLAlchemy only forgets the transaction; SQLite may still be in it.
        connection.connection.rollback()

    def is_gone(self, connection: Connection, error: Exception) -> bool:
        return False  # a file that fails is tried again

    def is_mistake(self, error: Exception) -> bool:
        code = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
        return code == sqlite3.SQLITE_ERROR

    def is_away(self) -> bool:
        return False

    def close(self) -> None:
        self.engine.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 10})

    @event.listens_for(engine, "connect")
    def _connected(raw: sqlite3.Connection, _record: Any) -> None:
        raw.isolation_level = None  # BEGIN is ours, below
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA synchronous = FULL")
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute("PRAGMA cache_size = -65536")
        # In a large fleet every Evidence changes a page of its own. Copied back seldom, many changes are one write.
        raw.execute("PRAGMA wal_autocheckpoint = 16384")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
