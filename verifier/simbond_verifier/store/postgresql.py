"""PostgreSQL through psycopg. Every commit is flushed by the server before it counts."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg
import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import IsolationLevel

from .errors import AlreadyServed, StoreError

log = structlog.get_logger("simbond.store")

_SERVER_LOCK = 0x73626F6E_00000001
"""Advisory locks are numbers: "sbon", and which of ours."""
_SCHEMA_LOCK = 0x73626F6E_00000002
_OLDEST = 130000
_PARAMETERS = {
    "application_name": "simbond",
    "connect_timeout": "5",
    # A server that is cut off is noticed within seconds, not hours.
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}


class PostgreSQL:
    """One database of a server. The writer's connection holds the advisory lock that makes it the only one: a
    transaction that lost the lock is lost itself."""

    local = False
    errors = (psycopg.Error,)

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql+psycopg").update_query_dict(
            {name: value for name, value in _PARAMETERS.items() if name not in url.query}
        )
        # Readers find out before they read whether their connection outlived a restart of the server.
        self.engine = _engine(
            self._url, "REPEATABLE READ", pool_size=8, max_overflow=8, pool_timeout=5, pool_pre_ping=True
        )
        self._sole: Engine | None = None
        self._away = False

    @property
    def where(self) -> str:
        return self._url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)

    def prepare(self) -> None:
        with self.engine.connect() as connection:
            info = connection.connection.driver_connection.info  # type: ignore[union-attr]
            if info.server_version < _OLDEST:
                raise StoreError(f"{self.where} is PostgreSQL {info.server_version // 10000}; 13 or newer is needed")
            if info.parameter_status("server_encoding") != "UTF8":
                raise StoreError(
                    f"{self.where} is no database in UTF-8; make one: createdb --encoding UTF8 --template template0"
                )
            if connection.exec_driver_sql("SHOW fsync").scalar() == "off":
                log.warning("the database server does not sync: a power cut loses acknowledged Evidence", fsync="off")

    def hold(self) -> None:
        sole = _engine(self._url, "READ COMMITTED", pool_size=1, max_overflow=0)
        event.listen(sole, "connect", self._take)
        try:
            sole.connect().close()  # back to its pool, lock and all
        except Exception:
            sole.dispose()
            raise
        self._sole = sole

    def _take(self, raw: Any, _record: Any) -> None:
        """Of every connection of the writer, the first and those after it was lost."""
        taken = raw.execute("SELECT pg_try_advisory_lock(%s)", (_SERVER_LOCK,)).fetchone()[0]
        raw.commit()
        if not taken:
            raw.close()
            raise AlreadyServed(self.where)
        self._away = False

    @contextmanager
    def altering(self, connection: Connection) -> Iterator[None]:
        with connection.begin():
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")
            yield

    def writer(self) -> Connection:
        return self.write() if self._sole is None else self._sole.connect()

    def write(self) -> Connection:
        return self.engine.connect().execution_options(isolation_level="READ COMMITTED")

    def roll_back(self, connection: Connection) -> None:
        connection.rollback()

    def is_gone(self, connection: Connection, error: Exception) -> bool:
        driver: Any = None if connection.invalidated else connection.connection.driver_connection
        if driver is not None and not driver.closed:
            return False
        self._away = self._sole is not None
        if not connection.invalidated:  # a statement past SQLAlchemy found out
            connection.invalidate()
        return True

    def is_mistake(self, error: Exception) -> bool:
        return False  # that is a ProgrammingError here

    def is_away(self) -> bool:
        return self._away

    def close(self) -> None:
        self.engine.dispose()
        if self._sole is not None:
            self._sole.dispose()


class Plain:
    """A psycopg connection that takes `?` for parameters."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        return self._connection.execute(_paramstyle(sql), parameters)

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        if parameters:
            with self._connection.cursor() as cursor:
                cursor.executemany(_paramstyle(sql), parameters)


@lru_cache(maxsize=1024)
def _paramstyle(sql: str) -> str:
    return sql.replace("?", "%s")


def _engine(url: URL, isolation: IsolationLevel, **pool: Any) -> Engine:
    """isolation: a reader sees one snapshot with REPEATABLE READ."""
    engine = create_engine(url, isolation_level=isolation, **pool)

    @event.listens_for(engine, "connect")
    def _connected(raw: Any, _record: Any) -> None:
        # Whatever the server's default is: what was answered is on its disk.
        if raw.execute("SHOW synchronous_commit").fetchone()[0] == "off":
            raw.execute("SET synchronous_commit = on")
        raw.execute("SET lock_timeout = '10s'")
        raw.commit()

    return engine
